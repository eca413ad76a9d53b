"""One frame's translation as rows of the log, and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vpx_identity_builder.core.types import CoveredParts, FaceSample, ToldOcclusion
from vpx_identity_builder.runlog.codec import (
    Array,
    MalformedError,
    array_bytes,
    array_from,
    dumps,
    loads,
    plain,
    restored,
)
from vpx_identity_builder.runlog.schema import ARRAYS, crc
from vpx_identity_builder.translation import Translation

FaceRow = tuple[int, int, str, bytes | None, bytes | None, bytes | None, bytes | None, int, int]
"""As the columns of `faces`."""
ToldRow = tuple[int, int, bytes, float | None, float | None, float | None, float | None, int]
"""As the columns of `told`."""
Told = Mapping[tuple[int, int], ToldOcclusion]
"""(frame, face) → what was told of it."""
NOTHING_TOLD: Told = {}
STAND_IN, OUTLINE = 1, 2
"""What stands for a face that left: all but what it looks like, with another embedding; or only where it was."""
REWRITE_FACE = "INSERT OR REPLACE INTO faces VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True, eq=False)
class LoggedFrame:
    """One frame as it was given to the run. `anonymous`: for each face 0, or which kind stands for it."""

    seq: int
    t_ns: int
    translation: Translation
    anonymous: tuple[int, ...] = ()


def frame_row(seq: int, t_ns: int, translation: Translation) -> tuple[int, str, int, int]:
    """As the columns of `frames`."""
    data = dumps({"t_ns": t_ns, **plain(translation, without=("samples",))})
    count = len(translation.samples)
    return seq, data, count, crc(seq, data, count)


def face_row(frame: int, face: int, sample: FaceSample, anonymous: int = 0) -> FaceRow:
    """As the columns of `faces`."""
    shape = None if sample.appearance is None else list(sample.appearance.shape)
    signals = dumps({**plain(sample, without=(*ARRAYS, "told")), "appearance_shape": shape})
    e_id, vis_face, vis_body, appearance = (array_bytes(getattr(sample, name)) for name in ARRAYS)
    check = crc(frame, face, signals, e_id, vis_face, vis_body, appearance, anonymous)
    return frame, face, signals, e_id, vis_face, vis_body, appearance, anonymous, check


def told_row(frame: int, face: int, told: ToldOcclusion) -> ToldRow:
    """As the columns of `told`."""
    eyes, mouth = (None, None) if told.covered is None else (told.covered.eyes, told.covered.mouth)
    values = (frame, face, told.beside, told.ratio, eyes, mouth, told.guess)
    return *values, crc(*values)


def read_told(row: Sequence[Any]) -> tuple[tuple[int, int], ToldOcclusion]:
    """(frame, face) of a row of `told` and what it says. Raises `MalformedError`."""
    frame, face, beside, ratio, eyes, mouth, guess, check = row
    known = [share for share in (ratio, eyes, mouth, guess) if share is not None]
    shares = all(type(share) is float and 0.0 <= share <= 1.0 for share in known)
    if not shares or type(beside) is not bytes or (eyes is None) != (mouth is None) or crc(*row[:-1]) != check:
        raise MalformedError(f"what was told of face {face} of frame {frame} is not what was written")
    return (frame, face), ToldOcclusion(beside, ratio, None if eyes is None else CoveredParts(eyes, mouth), guess)


def read_face(row: Sequence[Any], told: Told = NOTHING_TOLD) -> tuple[FaceSample, int]:
    """The sample of a row of `faces`, and which kind of stand-in it is, if any. Raises `MalformedError`."""
    frame, face, signals, *arrays, anonymous, check = row
    if crc(frame, face, signals.decode("utf-8", "replace"), *arrays, anonymous) != check:
        raise MalformedError(f"face {face} of frame {frame} is not what was written")
    said = loads(signals)
    shape = said.pop("appearance_shape", None) if isinstance(said, dict) else None
    values: dict[str, Array | None] = {
        name: None if data is None else array_from(data, shape if name == "appearance" else None, name)
        for name, data in zip(ARRAYS, arrays, strict=True)
    }
    return restored(FaceSample, said, **values, told=told.get((frame, face))), _kind(anonymous)


def _kind(anonymous: object) -> int:
    return OUTLINE if anonymous == OUTLINE else int(bool(anonymous))


def read_frame(row: Sequence[Any], faces: Sequence[Sequence[Any]], told: Told = NOTHING_TOLD) -> LoggedFrame:
    """The frame of a row of `frames` and its rows of `faces`. Raises `MalformedError`."""
    seq, data, count, check = row
    whole = count == len(faces) and all(face[1] == place for place, face in enumerate(faces))
    if crc(seq, data.decode("utf-8", "replace"), count) != check or not whole:
        raise MalformedError(f"frame {seq} is not what was written")
    said = loads(data)
    read = [read_face(face, told) for face in faces]
    translation = restored(Translation, said, samples=tuple(sample for sample, _ in read))
    t_ns = said.get("t_ns")
    if not isinstance(t_ns, int) or isinstance(t_ns, bool):
        raise MalformedError(f"frame {seq} has no time")
    return LoggedFrame(seq, t_ns, translation, tuple(flag for _, flag in read))
