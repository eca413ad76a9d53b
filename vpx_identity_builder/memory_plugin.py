"""The memory as a plugin of its own: stability against what is remembered (§6), and learning what was published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from .core.config import FaceIdModel
from .core.policy import Stability
from .core.results import PersonSet, RunResult
from .core.types import Vector
from .erasure.remembered import bank_id, mark
from .errors import MemoryBankError
from .export.bundle import image_path
from .hooks import hookimpl
from .memory_files import locked
from .memory_people import Known, People
from .memory_upstream import UPSTREAM, UpstreamMemory

NAME = "memory"
REMEMBERED_PROTOTYPES = 256
"""Prototypes whose person is known without asking again; a person's prototype changes ever more rarely."""


class Memory:
    """Remembers persons in `folder`. `labels`: names for new persons, by their number in the video.

    `video_id` gives the folder name of the run's video: what it contributed itself in an earlier build does not count.
    """

    def __init__(self, folder: Path, labels: Sequence[str], video_id: Callable[[], str]) -> None:
        self._folder, self._labels, self._video_id = folder, labels, video_id
        self._people: People | None = None
        self._known: dict[bytes, Known | None] = {}

    @hookimpl
    def identity_builder_stability(self, e_id: Vector, prototype: Vector, model: FaceIdModel) -> Stability | None:
        """`max_i cos(e_id, node_i)` of the person that the prototype shows; None for somebody new."""
        people = self._remembered(model)
        key = prototype.tobytes()
        if key not in self._known:
            if len(self._known) >= REMEMBERED_PROTOTYPES:
                self._known.clear()
            self._known[key] = people.recognised(prototype)
        known = self._known[key]
        if known is None:
            return None
        return Stability(people.stability(known.label, e_id), f"{NAME}:{known.label}")

    @hookimpl
    def identity_builder_person_finished(
        self, person: PersonSet, result: RunResult, folder: Path, video_id: str, model: FaceIdModel
    ) -> None:
        """Learn what was published of the person, in place of what this video gave before."""
        with locked(self._folder):
            first = person is result.persons[0]
            people = People(self._folder, model, video_id, None if first else person.person_id)
            label = self._label(person, result, people, video_id)
            folder_of_set = folder.parent
            mark(folder_of_set.parent, bank_id(self._folder))
            images = [(image, folder_of_set / image_path(person.person_id, image)) for image in person.images]
            people.learn(label, video_id, person.person_id, images)
            people.save()

    def _label(self, person: PersonSet, result: RunResult, people: People, video_id: str) -> str:
        """The name under which a person is remembered, or will be. Raises `MemoryBankError` where names contradict."""
        known = assigned(result.persons, people).get(person.person_id)
        given = self._labels[person.person_id] if person.person_id < len(self._labels) else ""
        if known is not None and given in ("", known.label):
            return known.label
        if known is not None:
            raise MemoryBankError(
                self._folder,
                f"person {person.person_id} is remembered as {known.label!r} (similarity {known.similarity:.3f}), "
                f"so nothing was learnt for {given!r}",
            )
        label = given or f"{video_id}-person_{person.person_id}"
        held = people.banks.get(label)
        if held is not None and held.nodes:
            near = float(np.max([node.vec_id @ person.prototype for node in held.nodes]))
            raise MemoryBankError(
                self._folder,
                f"{label!r} is somebody else than person {person.person_id} (similarity {near:.3f}, needed "
                f"{people.model.tau_merge:g}), so nothing was learnt; choose another memory_person",
            )
        return label

    def _remembered(self, model: FaceIdModel) -> People:
        if self._people is None:
            self._people = People(self._folder, model, self._video_id())
        return self._people


def memory_for(folder: Path, labels: Sequence[str], video_id: Callable[[], str]) -> tuple[str, object]:
    """The memory of a run with its name as a plugin: upstream's bank package where it is installed, otherwise ours."""
    if find_spec(UPSTREAM) is not None:
        return UPSTREAM, UpstreamMemory(folder, labels)
    return NAME, Memory(folder, labels, video_id)


def assigned(persons: Sequence[PersonSet], people: People) -> dict[int, Known]:
    """Person id → who it is remembered as, the surest first; two persons of one video are never the same."""
    found: dict[int, Known] = {}
    left = list(persons)
    while left:
        taken = [known.label for known in found.values()]
        asked = [(people.recognised(person.prototype, taken), person) for person in left]
        sure = [(known.similarity, -person.person_id, known, person) for known, person in asked if known is not None]
        if not sure:
            break
        _, _, known, person = max(sure, key=lambda item: item[:2])
        found[person.person_id] = known
        left.remove(person)
    return found
