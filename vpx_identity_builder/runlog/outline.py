"""What stays in a log of somebody who was erased: when and where a face was, to keep it out of others' images."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from vpx_identity_builder.core import geometry
from vpx_identity_builder.core.offer import OTHER_FACE_CONFIDENCE
from vpx_identity_builder.core.types import FaceMeasures, FaceSample
from vpx_identity_builder.pitch_sign import PitchEvidence, PitchHint, telling
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.runlog.rows import OUTLINE, REWRITE_FACE, FaceRow, LoggedFrame, face_row, frame_row
from vpx_identity_builder.runlog.schema import TOLD, TOLD_SINCE, translated

Faces = Collection[tuple[int, int]]
"""Frame and face."""
REWRITE_FRAME = "INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?)"
FrameRow = tuple[int, str, int, int]
"""As the columns of `frames`."""
Hints = tuple[PitchHint, ...]


def outline_of(sample: FaceSample) -> FaceSample:
    """The face with its time, frame and box alone; its confidence becomes 1 or 0, by whether it spoils a crop."""
    width, height = sample.frame_size_px
    share = geometry.area(sample.bbox) / (width * height) if width * height > 0 else 0.0
    return FaceSample(
        t_ns=sample.t_ns,
        frame_idx=sample.frame_idx,
        frame_size_px=sample.frame_size_px,
        bbox=sample.bbox,
        confidence=float(sample.confidence >= OTHER_FACE_CONFIDENCE),
        measures=FaceMeasures(geometry.side(sample.bbox), share),
    )


def leave_outlines(log: RunLog, gone: Faces) -> None:
    """Let only the outlines of these faces stay, within the caller's transaction: no signal, fate or hint."""
    if not gone:
        return
    hints, faces, frames = _hints_left(log, gone), list[FaceRow](), list[FrameRow]()
    for frame in log.frames():
        for place, sample in enumerate(frame.translation.samples):
            if (frame.seq, place) in gone:
                faces.append(face_row(frame.seq, place, outline_of(sample), OUTLINE))
        if hints[frame.seq] != frame.translation.pitch_hints:
            said = replace(frame.translation, pitch_hints=hints[frame.seq])
            frames.append(frame_row(frame.seq, frame.t_ns, said))
    with translated(log.path):
        log.connection.executemany(REWRITE_FACE, faces)
        log.connection.executemany(REWRITE_FRAME, frames)
        log.connection.executemany("DELETE FROM fates WHERE frame = ? AND face = ?", gone)
        if log.version >= TOLD_SINCE:
            log.connection.executemany(f"DELETE FROM {TOLD} WHERE frame = ? AND face = ?", gone)


def _hints_left(log: RunLog, gone: Faces) -> Mapping[int, Hints]:
    """Frame → the hints of its pitch that are surely of others.

    Where these alone do not tell the sign that all of them told, the first frame gets hints of nobody that do.
    """
    every, others, left = PitchEvidence(), PitchEvidence(), dict[int, Hints]()
    for frame in log.frames():
        left[frame.seq] = _of_others(frame, gone)
        every.add(frame.translation.pitch_hints)
        others.add(left[frame.seq])
    was, now = every.reversed_sources(), others.reversed_sources()
    for source in sorted(was ^ now):
        first = min(left)
        left[first] = (*telling(source, source in was), *left[first])
    return left


def _of_others(frame: LoggedFrame, gone: Faces) -> Hints:
    """Hints carry a track and no face: of a frame with somebody who goes, only those of a track that surely stays."""
    hints, samples = frame.translation.pitch_hints, frame.translation.samples
    leaving = [(frame.seq, place) in gone for place in range(len(samples))]
    if not any(leaving):
        return hints
    going = {sample.face_id for sample, leaves in zip(samples, leaving, strict=True) if leaves}
    staying = {sample.face_id for sample, leaves in zip(samples, leaving, strict=True) if not leaves}
    return tuple(hint for hint in hints if hint.track in staying - going)
