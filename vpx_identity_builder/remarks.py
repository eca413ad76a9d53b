"""What people should know of a run beyond its sets, in sentences for documents and consoles. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .core.results import RunResult, StopReason
from .core.words import counted
from .reasons import in_words

MEMORIES = ("memory:", "momentbank:")
"""How the source of a prototype begins where a memory bank stands for it."""
FRAME_LIMIT = "frame_limit"
"""Fault that is counted where a run was asked to look at so many frames only, and the video goes on."""
TRUNCATED = "source_truncated"
"""Fault that is counted where the file ends before the length that it states."""
UNREADABLE_PART = "source_unreadable_part"
"""Fault that is counted for every part of the source that could not be read."""


def run_notes(result: RunResult, *, photos: bool = False) -> list[str]:
    """What the run as a whole did not see, lacks, and why. `photos`: it looked at photos, not at a video."""
    return [
        *_unseen(result, photos),
        *_nobody(result, photos),
        *_too_many(result),
        *_unmeasured(result),
        *result.notes,
    ]


def recognised_as(prototype_source: str) -> str:
    """The name under which a person was known from a memory bank; empty for somebody new."""
    for prefix in MEMORIES:
        if prototype_source.startswith(prefix):
            return prototype_source.removeprefix(prefix)
    return ""


def recognitions(result: RunResult) -> list[str]:
    """One sentence for each person who was known from a memory bank."""
    names = {person.person_id: recognised_as(person.prototype_source) for person in result.persons}
    return [f"person {number} is recognised: {name!r} of the memory bank" for number, name in names.items() if name]


def log_loss(why: str) -> list[str]:
    """What follows from a run log that was wanted and is not there; nothing where nothing was lost."""
    said = "The set is complete, but there is no run log, so `rebuild` can do nothing with it until it is built anew"
    return [f"{said}: {why}"] if why else []


def _unseen(result: RunResult, photos: bool) -> Iterator[str]:
    """What of the source was not looked at."""
    faults: Mapping[str, int] = result.faults
    looked = counted(result.frames, "photo" if photos else "frame")
    was = "was" if result.frames == 1 else "were"
    if TRUNCATED in faults:
        yield "The file is cut off: it ends before the length that it states, and only what is there was looked at."
    if FRAME_LIMIT in faults:
        goes_on = "there are more" if photos else "the video goes on"
        yield f"Only {looked} {was} looked at, as asked: {goes_on}."
    elif result.stop_reason in (StopReason.INTERRUPTED, StopReason.FAILED):
        yield f"The run was broken off: {looked} {was} looked at, not the rest. Build it again to see everything."
    if photos:
        yield from photos_left_out(result)
    elif UNREADABLE_PART in faults and TRUNCATED not in faults:
        yield "The file is damaged: parts of it could not be read and are left out."


def photos_left_out(result: RunResult) -> list[str]:
    """How many photos could not be read; a console that names each of them needs no count."""
    lost = result.faults.get(UNREADABLE_PART, 0)
    return [f"{counted(lost, 'photo')} could not be read and {'is' if lost == 1 else 'are'} left out."] if lost else []


def _nobody(result: RunResult, photos: bool) -> Iterator[str]:
    """Why nobody is published."""
    noun = "photo" if photos else "frame"
    if result.frames == 0:
        yield f"No {noun} was read."
    elif result.frames_with_faces == 0:
        yield f"No face was found in {counted(result.frames, noun)}."
    elif not result.persons:
        reasons = sorted({person.reason for person in result.unpublished})
        yield (
            f"Faces were found in {counted(result.frames_with_faces, noun)}, but nobody is published: "
            f"{'; '.join(reasons) or 'no face passed the gates'}.{_most_often_wrong(result)}"
        )


def _most_often_wrong(result: RunResult) -> str:
    """A further sentence on what spoilt the most faces; empty where nothing did."""
    spoilt = {code: count for code, count in result.fates.items() if code.startswith("gate:")}
    if not spoilt:
        return ""
    code = max(spoilt, key=lambda one: (spoilt[one], one))
    share = f"{spoilt[code]} of {counted(sum(result.fates.values()), 'face')}"
    return f" Most often wrong: {in_words(code).removeprefix('not kept: ')} ({share})."


def _too_many(result: RunResult) -> Iterator[str]:
    """Who would be published if more were asked for."""
    more = sum(person.reason.startswith("max_persons") for person in result.unpublished)
    if more:
        were = "person was" if more == 1 else "persons were"
        yield f"{more} more {were} seen: max_persons is {len(result.persons)}, the most prominent are published."


def _unmeasured(result: RunResult) -> Iterator[str]:
    """What could not be measured for want of a model or of its thresholds."""
    if not result.frames_with_faces:
        return
    face_id, vision = result.models.face_id, result.models.vision_face
    if face_id is None:
        yield "No Face-ID embedding was seen: who is who could not be checked."
    elif "face_id_model_unknown" in result.faults:
        yield f"No thresholds are known for {face_id}: those for the length of its embeddings held."
    if vision is None:
        yield "No vision embedding was seen: what is new could not be measured."
    elif not result.models.vision_calibrated:
        yield f"The novelty thresholds are not calibrated for {vision}."
