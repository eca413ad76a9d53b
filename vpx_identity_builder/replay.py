"""A run once more from its log: the same frames to a fresh builder, with the same or other settings. No inference.

While the frames go by, a crop is only a token; the pictures of what is chosen are looked up at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .core.afterwards import SeenFrame
from .core.fates import FaceFate
from .core.frame_views import Encoder
from .core.pair_choice import notes_of_fewer
from .core.pictures import with_candidates
from .core.results import PersonSet, RunResult, StopReason, UnpublishedPerson, person_ids
from .core.types import Box, FaceSample, IntBox
from .place import SourceInfo
from .program import occlusion_fingerprint
from .run import Run
from .runlog.pruning import is_spoilt
from .runlog.reader import RunLog
from .runlog.rows import OUTLINE, LoggedFrame
from .settings import Settings

logger = logging.getLogger(__name__)

LEFT_THE_LOG = (
    "left_the_log: what was known of this person was deleted from the run log; only a new build sees them again"
)
SAME_VECTOR = 1.0 - 1e-5

CropId = tuple[int, IntBox]
"""Number of a logged frame, and a box in it."""
Fate = tuple[int, int, int, str]
"""Frame, face, person number, reason code."""


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """A finished replay: the run that made it, its result, and what became of every face.

    `places`: where and when each face was, see `RunLog.boxes`. `gone`: who of those whom the builder would publish had
    left the log, by the builder's ids.
    """

    run: Run
    result: RunResult
    fates: tuple[Fate, ...]
    places: Mapping[tuple[int, int], tuple[int, Box]]
    gone: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A log that was looked at to its end, before anything is chosen.

    `pictured`: the frames of which the log holds pictures, in the order they were looked at. Others: see `Replay`.
    """

    log: RunLog
    run: Run
    fates: tuple[Fate, ...]
    places: Mapping[tuple[int, int], tuple[int, Box]]
    pictured: tuple[SeenFrame, ...]

    def chosen(self, of_kept: bool = False) -> Replay:
        """What would be published; images are tokens (see `crop_of`). People who left the log are not published.

        `of_kept`: of the pictures that the log holds alone.
        """
        log, ghosts = self.log, self.log.stand_ins()
        gone: list[int] = []
        while True:
            made = self._finished(len(gone), of_kept)
            more = [person.person_id for person in made.result.persons if _is_one_of(person, ghosts)]
            if len(more) <= len(gone):
                return _numbered(made, more, log.ending.erased)
            gone = more

    def _finished(self, more: int, of_kept: bool) -> Replay:
        """With room for so many more people than the settings allow."""
        run = self.run.branched()
        persons = run.builder.config.persons
        room = replace(persons, max_persons=persons.max_persons + more)
        run.builder.config = replace(run.builder.config, persons=room)
        if of_kept:
            run.builder.choose_among(self.pictured)
        result = run.finish(self.log.ending.reason or StopReason.INTERRUPTED)
        return Replay(run, result, self.fates, self.places)


def replay(log: RunLog, settings: Settings) -> Replay:
    """Feed a log to a new run and finish it. Raises `RunLogError` for a damaged log."""
    return looked_through(log, settings).chosen()


def _numbered(made: Replay, gone: Sequence[int], erased: Collection[int]) -> Replay:
    """Without those who had left, and without the numbers of those who were erased."""
    if not gone and not erased:
        return made
    return replace(made, result=without(made.result, gone, erased), gone=tuple(gone))


def run_of(log: RunLog, settings: Settings) -> Run:
    """A new run of a log's video."""
    run = Run(settings, SourceInfo(fps=log.header.fps, source_fps=log.header.source_fps))
    run.place.folder_name = log.path.absolute().parent.name
    return run


def looked_through(log: RunLog, settings: Settings) -> Seen:
    """Feed a log to a new run. Raises `RunLogError` for a damaged log."""
    run = run_of(log, settings)
    fates: list[Fate] = []
    places: dict[tuple[int, int], tuple[int, Box]] = {}
    waiting: dict[int, tuple[LoggedFrame, SeenFrame]] = {}
    pictured: list[SeenFrame] = []
    crops = log.crop_keys()
    frames_with_crops = {frame for frame, _ in crops}

    def note(arrival: int, found: Sequence[FaceFate]) -> None:
        frame, seen = waiting.pop(arrival)
        place_of = {sample.bbox: place for place, sample in reversed(list(enumerate(frame.translation.samples)))}
        fates.extend(
            (frame.seq, place_of[fate.assignment.sample.bbox], fate.person, fate.code)
            for fate in found
            if fate.assignment.sample.bbox in place_of
        )
        if frame.seq in frames_with_crops:
            pictured.append(replace(seen, fates=tuple(found)))

    run.builder.watch = note
    told = log.told() if log.header.told_by == occlusion_fingerprint() else {}
    for arrival, frame in enumerate(log.frames(told), 1):
        samples = frame.translation.samples
        places.update({(frame.seq, place): (sample.t_ns, sample.bbox) for place, sample in enumerate(samples)})
        people, outlines = _apart(frame, run.understand(frame.translation))
        waiting[arrival] = frame, SeenFrame((), tuple(outlines), _encoder(frame, crops))
        try:
            run.builder.add(frame.t_ns, people, _encoder(frame), bystanders=outlines)
        except Exception as error:  # noqa: BLE001 - what broke the run breaks the replay too; the rest is still worth it
            logger.warning("frame %d of %s left out: %s: %s", frame.seq, log.path, type(error).__name__, error)
            run.builder.faults["unreadable_frame"] += 1
    run.builder.catch_up()
    run.builder.faults.update(log.ending.faults)
    return Seen(log, run, tuple(fates), places, tuple(pictured))


def _apart(frame: LoggedFrame, samples: Sequence[FaceSample]) -> tuple[Sequence[FaceSample], Sequence[FaceSample]]:
    """The faces that may be somebody's, and those of whom the log holds the outline alone."""
    if OUTLINE not in frame.anonymous:
        return samples, ()
    kinds = list(zip(samples, frame.anonymous, strict=True))
    return [s for s, kind in kinds if kind != OUTLINE], [s for s, kind in kinds if kind == OUTLINE]


def _encoder(frame: LoggedFrame, held: Collection[CropId] | None = None) -> Encoder:
    """Gives tokens (see `crop_of`) of crops that show nobody who left; of those that are `held` alone, where given."""
    samples, hidden = frame.translation.samples, any(frame.anonymous)

    def encode(box: IntBox) -> bytes | None:
        if hidden and is_spoilt(box, samples, frame.anonymous):
            return None
        if held is not None and (frame.seq, box) not in held:
            return None
        return " ".join(str(number) for number in (frame.seq, *box)).encode()

    return encode


def crop_of(token: bytes) -> CropId:
    """Which crop a token of a replay stands for."""
    frame, x1, y1, x2, y2 = (int(part) for part in token.split())
    return frame, (x1, y1, x2, y2)


def crops_of(result: RunResult) -> frozenset[CropId]:
    """All crops that a replay's result wants."""
    images = [image.candidate.image for person in result.persons for image in person.images]
    return frozenset(crop_of(token) for token in (*images, *(pair.candidate.image for pair in result.pair)))


def with_pictures(result: RunResult, pictures: Mapping[CropId, bytes]) -> RunResult:
    """A replay's result with pictures for tokens."""

    def picture(token: bytes) -> bytes:
        return pictures[crop_of(token)]

    return with_candidates(
        result,
        lambda candidate: replace(candidate, image=picture(candidate.image)),
        lambda pair: replace(pair, image=picture(pair.image)),
    )


def without(result: RunResult, gone: Sequence[int], erased: Collection[int] = ()) -> RunResult:
    """The result without these person ids, which join the unpublished; the others move up, but into no erased id:
    who asks once more to erase that person means nobody else."""
    kept = [person for person in result.persons if person.person_id not in gone]
    ids = {person.person_id: number for person, number in zip(kept, person_ids(erased), strict=False)}
    left = tuple(
        UnpublishedPerson(LEFT_THE_LOG, p.frames_seen, p.track_score, p.first_t_ns, p.last_t_ns)
        for p in result.persons
        if p.person_id in gone
    )
    pairs = tuple(
        replace(pair, person_ids=(ids[pair.person_ids[0]], ids[pair.person_ids[1]]))
        for pair in result.pair
        if set(pair.person_ids) <= set(ids)
    )
    persons = tuple(replace(person, person_id=ids[person.person_id]) for person in kept)
    notes = notes_of_fewer(result.notes, len(persons))
    return replace(result, persons=persons, pair=pairs, unpublished=(*left, *result.unpublished), notes=notes)


def _is_one_of(person: PersonSet, ghosts: Mapping[int, np.ndarray]) -> bool:
    """True where the prototype, which is one of the person's embeddings, is a stand-in."""
    known = ghosts.get(person.prototype.size)
    return known is not None and float((known @ person.prototype).max()) >= SAME_VECTOR
