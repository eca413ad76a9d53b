"""Upstream's bank package `momentbank`, fed in place of our own memory where it is installed.

Known of it is `MemoryBank(person_id, ...)` with `update(e_id, quality, meta, image_path)`, `match(e_id)` and
`select_refs(query)`, and `save_bank(bank, path)`, `load_bank(path)`. It keeps no record of where it learnt what, so a
video that is built again counts again, and `forget` cannot look into its files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, SupportsFloat

from .core.config import FaceIdModel
from .core.policy import Stability
from .core.results import PersonSet
from .core.types import Vector
from .erasure.remembered import bank_id, mark
from .errors import MemoryBankError
from .export.bundle import image_path
from .hooks import hookimpl
from .memory_files import FILE_NAME, bank_files, locked

UPSTREAM = "momentbank"
STABLE_NAMES = ("stable_score", "stable", "score", "similarity")
"""How the number may be called in what `match` gives."""


def stable_of(found: Any) -> float | None:
    """The stable score in what upstream's `match` gives: a number, a mapping, an object, or what starts with it.

    None where there is no finite number, as in an empty bank.
    """
    if isinstance(found, Mapping):
        value = next((found[name] for name in STABLE_NAMES if name in found), None)
    elif isinstance(found, Sequence) and not isinstance(found, str) and not hasattr(found, STABLE_NAMES[0]):
        value = found[0] if found else None
    elif isinstance(found, SupportsFloat):
        value = found
    else:
        value = next((getattr(found, name) for name in STABLE_NAMES if hasattr(found, name)), None)
    if not isinstance(value, SupportsFloat):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


class UpstreamMemory:
    """Remembers persons in `folder/LABEL/memory_bank.json`, as upstream writes it."""

    def __init__(self, folder: Path, labels: Sequence[str]) -> None:
        self._folder, self._labels = folder, labels
        self._package: Any = import_module(UPSTREAM)
        self._banks: dict[str, Any] | None = None
        self._known: dict[bytes, str | None] = {}
        self._fed: set[str] = set()

    @hookimpl
    def identity_builder_stability(self, e_id: Vector, prototype: Vector, model: FaceIdModel) -> Stability | None:
        """What the bank of the person that the prototype shows makes of the embedding; None for somebody new."""
        if self._banks is None:
            self._banks = self._loaded()
        key = prototype.tobytes()
        if key not in self._known:
            self._known[key] = nearest(self._banks, prototype, model)
        label = self._known[key]
        stable = None if label is None else stable_of(self._banks[label].match(e_id))
        return None if stable is None else Stability(stable, f"{UPSTREAM}:{label}")

    @hookimpl
    def identity_builder_person_finished(
        self, person: PersonSet, folder: Path, video_id: str, model: FaceIdModel
    ) -> None:
        """Feed what was published of the person."""
        with locked(self._folder):
            banks = self._loaded()
            others = {label: bank for label, bank in banks.items() if label not in self._fed}
            given = self._labels[person.person_id] if person.person_id < len(self._labels) else ""
            label = nearest(others, person.prototype, model) or given or f"{video_id}-person_{person.person_id}"
            self._fed.add(label)
            mark(folder.parent.parent, bank_id(self._folder))
            bank = banks.get(label) or self._package.MemoryBank(label)
            for image in person.images:
                sample, buckets = image.candidate.sample, image.candidate.buckets
                meta = {
                    "video_id": video_id,
                    "person_id": person.person_id,
                    "type": image.set_name.value,
                    "frame_idx": sample.frame_idx,
                    "timestamp_ms": round(sample.t_ns / 1e6, 3),
                    "yaw_bin": buckets.yaw,
                    "pitch_bin": buckets.pitch,
                    "expression_bin": buckets.expression,
                    "lighting_bin": buckets.lighting,
                }
                path = (folder.parent / image_path(person.person_id, image)).absolute()
                bank.update(sample.e_id, image.quality, meta, str(path))
            (self._folder / label).mkdir(mode=0o700, exist_ok=True)
            self._package.save_bank(bank, self._folder / label / FILE_NAME)

    def _loaded(self) -> dict[str, Any]:
        if not all(hasattr(self._package, name) for name in ("MemoryBank", "save_bank", "load_bank")):
            raise MemoryBankError(self._folder, f"the installed {UPSTREAM} has no MemoryBank, save_bank and load_bank")
        return {path.parent.name: self._package.load_bank(path) for path in bank_files(self._folder)}


def nearest(banks: Mapping[str, Any], prototype: Vector, model: FaceIdModel) -> str | None:
    """The bank whose person a video's prototype shows: the highest stable score from `tau_merge` on."""
    scores = {label: stable_of(bank.match(prototype)) for label, bank in banks.items()}
    sure = {label: score for label, score in scores.items() if score is not None and score >= model.tau_merge}
    return max(sorted(sure), key=lambda label: sure[label]) if sure else None
