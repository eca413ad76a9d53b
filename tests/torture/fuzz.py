"""Damage to everything that is read back: run logs, settings files, documents, and what other modules say.

    python -m tests.torture.fuzz --seconds 600 --seed 1 [--again "READER:CHOICES"]

Damage that reaches lines which none before had reached is kept and changed further (`guided`). Each reader may accept
or refuse an input with its own error, and nothing else. Exit 1 with the input that broke it, for `--again`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import vpx_identity_builder
from tests.ecosystem.upstream import FakeDetect, FakeExpression, FakeVision, Script, clip
from tests.torture.checks import Violation
from tests.torture.guided import Guide, again, written
from tests.torture.logs import Logs
from tests.torture.victim import BOTH, build
from vpx_identity_builder.core.types import FaceSample
from vpx_identity_builder.errors import DocumentError, SettingsError
from vpx_identity_builder.observations import to_samples
from vpx_identity_builder.runlog.codec import MalformedError, loads, plain, restored
from vpx_identity_builder.schema import DOCUMENTS, read_document
from vpx_identity_builder.settings import resolve

PACKAGE = Path(vpx_identity_builder.__file__).parent
if sys.platform != "win32":
    import resource

NEAR_THE_LOG = [
    PACKAGE / name for name in ("runlog", "erasure", "erase.py", "rebuilding.py", "recovery.py", "replay.py")
]
"""What is watched while a log is used; to watch all that chooses images takes most of the time."""
SLICE_S = 0.5
"""How far a reader's time may be ahead of the others'."""
IN_MEMORY = "/dev/shm"
"""Where nothing waits for a disk."""
MOST_MEMORY = 8 << 30
WEIGHTS = {"log cells": 4, "log schema": 3, "log pages": 3}
"""How much more time a reader has than others."""
WORDS = (b"NaN", b"1e999", b"-1", b"null", b"[]", b"{}", b'""', b"9" * 20, b"\x00", b"\xff\xfe", b"[" * 2000)
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**70, 1.5, float("nan"), float("inf"), "", "x", b"\xff\x00", [], {}, (), object(), [[]]),
    *(np.nan, np.zeros(0), np.zeros((3, 3)), np.full(128, np.inf), np.array(["a"]), [None] * 3, {"items": 1}, 1e308),
)


class Fuzz:
    """Inputs to damage, made once, and one method per reader that tries one damaged input."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        frames = clip(1.5, BOTH)
        build(folder / "whole", frames, "new")
        self.logs = Logs(folder / "logs")
        found = sorted((folder / "whole").rglob("*.json"))
        self.documents = {path.name: path.read_bytes() for path in found if path.name != "memory_bank.json"}
        self.frames = frames
        self.accepted: Counter[str] = Counter()

    def toml(self, dice: random.Random) -> None:
        """A damaged settings file."""
        path = self.folder / "identity_builder.toml"
        text = b'[identity_builder]\nmax_persons = 1\nvideo_id = "a"\nstop_when_covered = false\ntau_id = 0.9\n'
        path.write_bytes(damaged(text, dice))
        try:
            resolve({}, {}, self.folder)
            self.accepted["toml"] += 1
        except SettingsError:
            return

    def document(self, dice: random.Random) -> None:
        """A damaged document, read as any kind of document."""
        name = dice.choice(sorted(self.documents))
        kinds = [kind for kind in sorted(DOCUMENTS) if kind.split("_")[0] in name] or sorted(DOCUMENTS)
        try:
            read_document(DOCUMENTS[dice.choice(kinds)], damaged(self.documents[name], dice), name)
            self.accepted["document"] += 1
        except DocumentError:
            return

    def value(self, dice: random.Random) -> None:
        """A damaged JSON value, read as a face."""
        face = {"t_ns": 1, "frame_idx": 0, "frame_size_px": [9, 9], "bbox": [0.0, 1.0, 2.0, 3.0], "confidence": 1.0}
        text = json.dumps({**face, "measures": {"face_px": 3.0, "area_share": 0.1}, "pose": {"yaw_deg": 3.0}}).encode()
        try:
            plain(restored(FaceSample, loads(damaged(text, dice))))
            self.accepted["value"] += 1
        except MalformedError:
            return

    def observation(self, dice: random.Random) -> None:
        """What other modules say, with nonsense in their fields or instead of all they say."""
        frame = dice.choice(self.frames)
        names = ("head.pose", "face.au", "face.parse", "face.quality", "frame.quality", "body.embed")
        deps: dict[str, Any] = {
            name: SimpleNamespace(data=nonsense(dice, 0), signals=nonsense(dice, 2)) for name in names
        }
        for module in (FakeDetect(Script(BOTH)), FakeExpression(Script(BOTH)), FakeVision(Script(BOTH))):
            said = module.process(frame)
            deps[module.name] = SimpleNamespace(data=spoilt(said.data, dice), signals={}) if said else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = to_samples(frame, deps, frame_idx=0, t_ns=0)
        self.accepted["observation"] += bool(found.samples)

    def readers(self) -> dict[str, Callable[[random.Random], None]]:
        """Name → one try."""
        return {
            **self.logs.readers(),
            "toml": self.toml,
            "document": self.document,
            "value": self.value,
            "observation": self.observation,
        }


def damaged(data: bytes, dice: random.Random) -> bytes:
    """Some bytes flipped, cut out, doubled, or replaced by what parsers stumble over."""
    result = bytearray(data)
    for _ in range(int(2 ** dice.uniform(0, 4))):
        at = dice.randrange(len(result) + 1)
        kind = dice.randrange(6)
        if kind == 0 and at < len(result):
            result[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            result[at : at + dice.randrange(16)] = dice.choice(WORDS)
        elif kind == 2:
            del result[at : at + dice.randrange(1, 64)]
        elif kind == 3:
            result[at:at] = result[at : at + dice.randrange(64)]
        elif kind == 4:
            result[at : at + 4] = dice.randbytes(4)
        elif dice.random() < 0.1:
            del result[at:]
    return bytes(result)


FIELDS = (
    *("faces", "detected_faces", "bbox", "confidence", "landmarks", "yaw", "pitch", "roll", "embedding", "face_id"),
    *("signals", "estimates", "results", "au_intensities", "keypoints", "image_size", "appearance", "e_face", "e_body"),
    *("face_box", "expression", "smile_intensity", "em_happy", "occlusion_ratio", "embed_model", "face_model", "mesh"),
)


def spoilt(value: Any, dice: random.Random) -> Any:
    """An object with some fields, at any depth, replaced by nonsense."""
    if dice.random() < 0.04:
        return nonsense(dice, 1)
    if isinstance(value, list | tuple) and not isinstance(value, str):
        return [spoilt(item, dice) for item in value]
    if isinstance(value, dict):
        return {key: spoilt(item, dice) for key, item in value.items()}
    if is_dataclass(value):
        return SimpleNamespace(**{item.name: spoilt(getattr(value, item.name), dice) for item in fields(value)})
    return value


def nonsense(dice: random.Random, depth: int) -> Any:
    """A value that no module should give, with field names that are looked for."""
    if depth >= 4 or dice.random() < 0.25:
        box = (0.2, 0.2, 0.3, 0.3) if dice.random() < 0.5 else (60.0, 70.0, 60.0, 70.0)
        return box if dice.random() < 0.4 else dice.choice(VALUES)
    kind = dice.randrange(4)
    if kind == 0:
        return [nonsense(dice, depth + 1) for _ in range(dice.randrange(4))]
    values = {dice.choice(FIELDS): nonsense(dice, depth + 1) for _ in range(dice.randrange(1, 9))}
    if depth == 0:
        values["faces"] = values["detected_faces"] = [nonsense(dice, 1) for _ in range(3)]
    return values if kind == 1 else SimpleNamespace(**values)


@dataclass(frozen=True, slots=True)
class Report:
    """Inputs tried and accepted, kinds of damage kept because they reached new lines, and these lines, per reader."""

    tried: Counter[str]
    accepted: Counter[str]
    kept: Counter[str]
    lines: Counter[str]


def run(seconds: float, seed: int, folder: Path) -> Report:
    """Try for so much processor time, every reader for its share of it. Raises `Violation`."""
    fuzz, tried, spent = Fuzz(folder), Counter[str](), Counter[str]()
    guides = {
        name: Guide(f"{seed}-{name}", *(NEAR_THE_LOG if name in WEIGHTS else [PACKAGE])) for name in fuzz.readers()
    }
    end = time.process_time() + seconds
    while time.process_time() < end:
        for name, reader in fuzz.readers().items():
            if tried[name] and spent[name] > min(spent.values()) + SLICE_S:
                continue
            start = time.process_time()
            try:
                guides[name].next(reader)
            except Exception as error:
                choices = written(getattr(error, "choices", ()))
                raise Violation(f"{type(error).__name__}: {error}; see it by --again '{name}:{choices}'") from error
            tried[name] += 1
            spent[name] += (time.process_time() - start) / WEIGHTS.get(name, 1)  # type: ignore[assignment]
    kept = Counter({name: len(guide.kept) for name, guide in guides.items()})
    accepted = fuzz.accepted + fuzz.logs.accepted
    return Report(tried, accepted, kept, Counter({name: len(guide.lines) for name, guide in guides.items()}))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", default="")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None) as folder:
        if given.again:
            name, _, choices = given.again.rpartition(":")
            again(Fuzz(Path(folder)).readers()[name], choices)
            return 0
        done = run(given.seconds, given.seed, Path(folder))
    for name, count in done.tried.items():
        sys.stdout.write(
            f"{name}: {count} inputs, {done.accepted[name]} accepted; {done.kept[name]} kept, as they reached new "
            f"steps from line to line, {done.lines[name]} in all\n"
        )
    tried = sum(done.tried.values())
    sys.stdout.write(f"{tried} inputs in {given.seconds:.0f} s of processor time, seed {given.seed}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
