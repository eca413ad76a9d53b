"""Taking one person, or everybody, out of a run log, and knowing beforehand what must not be found any more."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vpx_identity_builder.core.config import FACE_ID_MODELS
from vpx_identity_builder.core.types import IntBox, Vector
from vpx_identity_builder.documents_parts import int_box, milliseconds
from vpx_identity_builder.errors import RunLogError
from vpx_identity_builder.runlog.codec import dumps, plain
from vpx_identity_builder.runlog.finalize import record_without
from vpx_identity_builder.runlog.pruning import prune
from vpx_identity_builder.runlog.reader import RunLog, opened_to_read
from vpx_identity_builder.runlog.schema import LOG_NAME, NEXT_NAME, remove, sidecars, translated

LOGS = (LOG_NAME, NEXT_NAME)
ShownFace = tuple[float, IntBox]
"""A face on a published image: its time in ms and its box, as the metadata has them."""
Shown = Mapping[int, Collection[ShownFace]]
"""Number of a person in the published set → the faces on their images."""
MARKED_SINCE = 2
"""Schema version of logs beside which there surely is a mark where a bank learnt."""
Face = tuple[int, int]
"""Frame and face as the log numbers them."""
SURE = 0.5
"""Cosine from which on a face is somebody's, where no known model tells."""
NO_CONTRADICTION = -2.0
"""A cosine that no face is below: everybody who stays is surely themselves already."""


@dataclass(frozen=True, slots=True)
class LogKnows:
    """Embeddings in a log and the number of faces that they are of; `whole` where people cannot be told apart in it.

    `others`: embeddings of everybody else in it. `number`: the log's own number of the person.
    """

    vectors: tuple[Vector, ...]
    rows: int
    whole: bool
    others: tuple[Vector, ...] = ()
    number: int | None = None


def logs_in(folder: Path) -> list[Path]:
    """The run logs of a video's folder, finished or not, and what a dead process left beside them."""
    names = [folder / name for name in LOGS]
    return [path for path in names if path.is_file() or any(item.exists() for item in sidecars(path))]


def known(
    path: Path, person_id: int | None, shown: Shown, number: int | None = None, look_only: bool = False
) -> LogKnows:
    """What a log holds of a person of the published set, or of everybody (None).

    `number`: the log's own number of the person, where it is known. `look_only`: as `RunLog`.

    A log that cannot be read, of a run that did not come to tell people apart, or whose people are not those of the
    set, counts as a whole. Raises `RunLogError` where a build is writing it.
    """
    try:
        with opened_to_read(path, look_only) as log:
            number_in_log = None
            if person_id is not None:
                candidates = _numbers_of(log, person_id, shown) if number is None else {number}
                if not candidates:
                    return LogKnows((), 0, whole=not log.ending.published)
                if len(candidates) > 1 or None in candidates:
                    return LogKnows((), 0, whole=True)
                (number_in_log,) = candidates
            theirs = None if number_in_log is None else faces_of(log, number_in_log)
            vectors, others, rows = list[Vector](), list[Vector](), 0
            for frame in log.frames():
                for place, sample in enumerate(frame.translation.samples):
                    sought = theirs is None or (frame.seq, place) in theirs
                    arrays = (sample.e_id, sample.e_vis_face, sample.e_vis_body)
                    found = [np.asarray(array, np.float32) for array in arrays if array is not None]
                    (vectors if sought else others).extend(found)
                    rows += sought
            return LogKnows(tuple(vectors), rows, person_id is None, tuple(others), number_in_log)
    except RunLogError as error:
        if error.busy:
            raise
        return LogKnows((), 0, whole=True)


def _numbers_of(log: RunLog, person_id: int, shown: Shown) -> set[int | None]:
    """The log's numbers of a person of the published set; empty where the log holds nothing of them.

    A set that was chosen again may number people otherwise than the run did: the faces on its images tell. None among
    the numbers stands for a face that the log does not know, or for people whom it tells apart otherwise.
    """
    ids, numbers = log.ending.ids, log.person_numbers()
    same_number: set[int | None] = {number for number in ids.values() if number == person_id}
    if not shown:
        return same_number
    faces: dict[ShownFace, int | None] = {}
    gone = set[ShownFace]()
    for frame in log.frames():
        for place, sample in enumerate(frame.translation.samples):
            face = (milliseconds(sample.t_ns), int_box(sample.bbox))
            faces[face] = ids.get(numbers.get((frame.seq, place), -1))
            if frame.anonymous[place]:
                gone.add(face)
    others = {faces.get(face) for person, theirs in shown.items() if person != person_id for face in theirs}
    if person_id not in shown:
        return same_number - others
    own = {faces.get(face) for face in shown[person_id] if face not in gone}
    if not own and shown[person_id]:
        return set()
    return {None} if not own or own & others else own


def erase_person(path: Path, person_id: int, shown_as: int) -> None:
    """Take a person's faces, crops and result out of a log; the file is overwritten where they stood.

    `person_id` is the log's number (see `LogKnows`), `shown_as` that of the published set.
    Raises `RunLogError`; the log is then as it was.
    """
    with RunLog(path) as log:
        published, going = _published(log), faces_of(log, person_id)
        kept = {face: other for face, other in published.items() if other != person_id and face not in going}
        ids = {number: other for number, other in log.ending.ids.items() if other != person_id}
        gone = log.ending.ids.keys() - ids.keys()
        stands_for = {number: last for number, last in log.ending.stands_for.items() if last not in gone}
        with translated(path):
            log.connection.execute("PRAGMA secure_delete=ON")
            log.connection.execute("BEGIN")
            prune(log, kept, _directions(_identities(log), kept), NO_CONTRADICTION, going)
            record_without(log, person_id)
            people = dumps(plain({"stands_for": stands_for, "ids": ids}))
            log.connection.execute("UPDATE events SET data = ? WHERE kind = 'people'", (people,))
            log.connection.execute("INSERT INTO events (kind, data) VALUES ('erased', ?)", (dumps({"id": shown_as}),))
            log.connection.execute("COMMIT")
            log.connection.execute("VACUUM")
            log.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            log.connection.execute("PRAGMA journal_mode=DELETE")


def faces_of(log: RunLog, person_id: int) -> set[Face]:
    """Every face of a person, by the log's number: those taken for them, and those that motion gave to another
    published person though they surely are this one, and not surely the other.
    """
    published, identities = _published(log), _identities(log)
    found = {face for face, number in published.items() if number == person_id}
    directions = _directions(identities, published)
    leaving = directions.get(person_id)
    if leaving is None:
        return found
    sure = max((model.tau_id for model in FACE_ID_MODELS if model.dim == leaving.size), default=SURE)
    for face, e_id in identities.items():
        own = directions.get(published.get(face, person_id), leaving)
        if e_id.shape == own.shape == leaving.shape and float(e_id @ own) < sure <= float(e_id @ leaving):
            found.add(face)
    return found


def _published(log: RunLog) -> dict[Face, int]:
    """Every face that was taken for a published person → the log's number of that person."""
    ids = log.ending.ids
    return {face: ids[number] for face, number in log.person_numbers().items() if number in ids}


def erase_log(path: Path) -> None:
    """Remove a log with what SQLite keeps beside it. Raises `RunLogError`."""
    remove(path)


def created_at(path: Path) -> str | None:
    """When the run of a log began, as ISO 8601; None where it cannot be read."""
    with contextlib.suppress(RunLogError), RunLog(path, look_only=True) as log:
        return log.header.created_at
    return None


def remembered(path: Path) -> bool:
    """True where a run was told to remember people in a memory bank when that was noted in its log alone."""
    with contextlib.suppress(RunLogError), RunLog(path, look_only=True) as log:
        return log.version < MARKED_SINCE and log.header.settings.get("memory_bank") is not None
    return False


def _identities(log: RunLog) -> dict[Face, Vector]:
    """The Face-ID embeddings of all faces that are no stand-ins."""
    return {
        (frame.seq, place): sample.e_id
        for frame in log.frames()
        for place, sample in enumerate(frame.translation.samples)
        if sample.e_id is not None and not frame.anonymous[place]
    }


def _directions(identities: Mapping[Face, Vector], people: Mapping[Face, int]) -> dict[int, Vector]:
    """Number of each of these people → the mean direction of their faces' Face-ID embeddings."""
    sums: dict[int, Vector] = {}
    for face, e_id in identities.items():
        if face in people:
            before = sums.get(people[face])
            sums[people[face]] = e_id if before is None or before.shape != e_id.shape else before + e_id
    return {number: np.asarray(total / np.linalg.norm(total), np.float32) for number, total in sums.items()}
