"""A folder of remembered persons, `FOLDER/LABEL/memory_bank.json`: who is it, learn, forget."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .core.config import FaceIdModel
from .core.memory_gallery import Gallery
from .core.memory_nodes import Update
from .core.results import ChosenImage
from .core.types import Vector
from .errors import MemoryBankError
from .memory import MemoryBank
from .memory_files import FILE_NAME, bank_files, forget_in, load_bank, locked, save_bank


@dataclass(frozen=True, slots=True)
class Known:
    """A remembered person and how similar its nearest node is."""

    label: str
    similarity: float


class People:
    """Everybody remembered in a folder, as `model` compares them.

    `without`: a video (and person in it) whose own contribution does not count, so that building it again finds what it
    found first.
    Raises `MemoryBankError` for a bank that is broken or of another model.
    """

    def __init__(
        self, folder: Path, model: FaceIdModel, without: str | None = None, without_person: int | None = None
    ) -> None:
        self.folder, self.model = folder, model
        self.banks: dict[str, MemoryBank] = {}
        self._touched: set[str] = set()
        for path in bank_files(folder):
            bank = load_bank(path, model)
            self.banks[path.parent.name] = bank
            if without is not None and bank.forget(without, without_person):
                self._touched.add(path.parent.name)
        self._index()

    def _index(self) -> None:
        self.labels = [label for label, bank in self.banks.items() if bank.nodes]
        nodes = [node.vec_id for label in self.labels for node in self.banks[label].nodes]
        owners = [k for k, label in enumerate(self.labels) for _ in self.banks[label].nodes]
        vectors = np.stack(nodes) if nodes else np.zeros((0, self.model.dim), np.float32)
        self._gallery = Gallery(vectors, np.asarray(owners, np.int64))

    def nearest(self, e_id: Vector, leaving_out: Collection[str] = ()) -> Known | None:
        """The most similar person, whoever similar; None where nobody is remembered."""
        out = [k for k, label in enumerate(self.labels) if label in leaving_out]
        found = self._gallery.match(e_id, out)
        return None if found is None else Known(self.labels[found.person], found.similarity)

    def recognised(self, prototype: Vector, leaving_out: Collection[str] = ()) -> Known | None:
        """The remembered person that a video's prototype shows: `tau_merge`, as for two prototypes of one person."""
        found = self.nearest(prototype, leaving_out)
        return found if found is not None and found.similarity >= self.model.tau_merge else None

    def stability(self, label: str, e_id: Vector) -> float:
        """`max_i cos(e_id, node_i)` of one person (§6)."""
        row = self.labels.index(label)
        nodes = self._gallery.vectors[self._gallery.owners == row]
        return float(np.max(nodes @ e_id))

    def learn(
        self, label: str, video_id: str, person_id: int, images: Sequence[tuple[ChosenImage, Path]]
    ) -> list[Update]:
        """Learn from published images and their files."""
        folder = self.folder / label
        bank = self.banks.setdefault(label, MemoryBank(label, self.model, folder))
        updates = []
        for image, path in images:
            e_id = image.candidate.sample.e_id
            if e_id is not None:
                buckets = image.candidate.buckets
                meta = {
                    "video_id": video_id,
                    "person_id": person_id,
                    "type": image.set_name.value,
                    "timestamp_ms": round(image.candidate.sample.t_ns / 1e6, 3),
                    "yaw_bin": buckets.yaw,
                    "pitch_bin": buckets.pitch,
                    "expression_bin": buckets.expression,
                }
                updates.append(bank.update(e_id, image.quality, meta, relative(path, folder)))
        self._touched.add(label)
        return updates

    def save(self) -> None:
        """Write every bank that changed; those that hold nothing any more go."""
        for label in sorted(self._touched):
            save_bank(self.banks[label], self.folder / label / FILE_NAME)
        self._touched.clear()


def relative(path: Path, folder: Path) -> str:
    """`path` as seen from `folder`, with `/`; whole where the two lie on different drives."""
    try:
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:
        return path.absolute().as_posix()


def forget(folder: Path, video_id: str, person: int | None = None) -> list[str]:
    """Drop from all banks of a folder what was learnt from a video, or from one person in it.

    Returns the labels of the banks that held anything of it; one that holds nothing else is removed. Banks of any
    Face-ID model are looked into. Raises `MemoryBankError` for a bank that cannot be read or written, after all others.
    """
    if not folder.is_dir():
        return []
    changed: list[str] = []
    problem: MemoryBankError | None = None
    with locked(folder):
        for path in bank_files(folder):
            try:
                if forget_in(path, video_id, person):
                    changed.append(path.parent.name)
            except MemoryBankError as error:
                problem = problem or error
    if problem is not None:
        raise problem
    return changed
