"""What is known of people who are not published leaves the log; a stand-in tells later choices that they were there.

A stand-in keeps of an embedding how near it is to the published prototypes (two at most) and to its own person, so that
nobody is taken for somebody else later. All the rest of it is noise of a seeded generator: it is no nearer to whom it
stands for than to anybody else. Vision embeddings, appearance and crops go without replacement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vpx_identity_builder.core import geometry
from vpx_identity_builder.core.types import Box, FaceSample, IntBox, Vector
from vpx_identity_builder.runlog.outline import leave_outlines
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.runlog.rows import OUTLINE, REWRITE_FACE, STAND_IN, face_row
from vpx_identity_builder.runlog.schema import TOLD, TOLD_SINCE, translated

Real = NDArray[np.float64]
Stranger = tuple[int, int, int]
"""Frame, face, group: a group is one person as far as the run could tell; -1 where it could not."""
KEPT_PROTOTYPES = 2
SEED = 20_260_401
SPOILS_CONFIDENCE = 0.5
"""A crop that holds an unpublished face surer than this goes, whoever else is on it."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What left a log."""

    faces: int
    crops: int


def prune(
    log: RunLog,
    people: Mapping[tuple[int, int], int],
    prototypes: Mapping[int, Vector],
    tau_split: float,
    erased: Collection[tuple[int, int]] = (),
) -> Pruned:
    """Take out of a log who is not published, within the caller's transaction.

    `people`: (frame, face) → published person id, for faces of published people. `prototypes`: person id → prototype.
    A face that contradicts its person's prototype (cosine below `tau_split`) is not surely theirs and goes too. Of one
    without Face-ID, which motion alone tells whose it is, what it looks like goes. Where anybody goes, the stand-ins of
    those who went before are made anew: they must not tell how near they were to whoever goes now. Of the `erased`
    faces, which none of `people` is, not even a stand-in stays, see `outline`.
    """
    strangers, gone_before, unsure = _leaving(log, people, prototypes, tau_split)
    if not (strangers or erased):
        return Pruned(0, 0)
    leave_outlines(log, erased)
    strangers, gone_before = ([one for one in faces if one[:2] not in erased] for faces in (strangers, gone_before))
    stand_ins = StandIns(prototypes)
    with translated(log.path):
        for seq, face, group in sorted([*strangers, *gone_before]):
            sample = log.face(seq, face)
            gone = replace(
                sample, e_id=stand_ins.of(sample.e_id, group), e_vis_face=None, e_vis_body=None, appearance=None
            )
            log.connection.execute(REWRITE_FACE, face_row(seq, face, gone, STAND_IN))
        for seq, face in unsure:
            bare = replace(log.face(seq, face), e_vis_face=None, e_vis_body=None, appearance=None)
            log.connection.execute(REWRITE_FACE, face_row(seq, face, bare))
        if log.version >= TOLD_SINCE:
            leaving = [(seq, face) for seq, face, _ in strangers] + unsure
            log.connection.executemany(f"DELETE FROM {TOLD} WHERE frame = ? AND face = ?", leaving)
        spoilt = spoilt_crops(log)
        log.connection.executemany(
            "DELETE FROM crops WHERE frame = ? AND x1 = ? AND y1 = ? AND x2 = ? AND y2 = ?",
            [(frame, *box) for frame, box in spoilt],
        )
    return Pruned(len(strangers) + len(erased), len(spoilt))


def _leaving(
    log: RunLog, people: Mapping[tuple[int, int], int], prototypes: Mapping[int, Vector], tau_split: float
) -> tuple[list[Stranger], list[Stranger], list[tuple[int, int]]]:
    """Every face that goes, every stand-in (no outline) of one that went before, and (frame, face) of every face of a
    published person that has looks but no Face-ID."""
    groups = log.person_numbers()
    found, before, unsure = list[Stranger](), list[Stranger](), list[tuple[int, int]]()
    for frame in log.frames():
        for place, sample in enumerate(frame.translation.samples):
            key = (frame.seq, place)
            own = prototypes.get(people[key]) if key in people else None
            group = groups.get(key, -1) if own is None else -1
            if frame.anonymous[place] == OUTLINE:
                continue
            if frame.anonymous[place]:
                before.append((*key, group))
            elif own is None or (sample.e_id is not None and not _may_be(sample.e_id, own, tau_split)):
                found.append((*key, group))
            elif sample.e_id is None and _has_looks(sample):
                unsure.append(key)
    return found, before, unsure


def _has_looks(sample: FaceSample) -> bool:
    return any(looks is not None for looks in (sample.e_vis_face, sample.e_vis_body, sample.appearance))


def _may_be(e_id: Vector, prototype: Vector, tau_split: float) -> bool:
    return e_id.shape == prototype.shape and float(e_id @ prototype) >= tau_split


class StandIns:
    """Makes stand-ins for embeddings; the same group keeps looking like one person."""

    def __init__(self, prototypes: Mapping[int, Vector]) -> None:
        rows = [prototypes[number] for number in sorted(prototypes)][:KEPT_PROTOTYPES]
        self._basis: Real | None = np.linalg.qr(np.stack(rows).astype(np.float64).T)[0].T if rows else None
        self._noise = np.random.default_rng(SEED)
        self._groups: dict[tuple[int, int], tuple[Real, Real]] = {}

    def of(self, e_id: Vector | None, group: int) -> Vector | None:
        """The stand-in of one embedding, unit; None for what is no embedding."""
        exact = None if e_id is None else e_id.astype(np.float64).reshape(-1)
        norm = 0.0 if exact is None else float(np.linalg.norm(exact))
        if exact is None or not np.isfinite(norm) or norm < 1e-6:
            return None
        exact = exact / norm
        basis = self._basis if self._basis is not None and self._basis.shape[1] == exact.size else None
        shared = np.zeros_like(exact) if basis is None else (basis @ exact) @ basis
        rest = exact - shared
        left = float(np.linalg.norm(rest))
        if left < 1e-6:
            rest, left = self._direction(exact.size, basis), 0.0
        unit = rest / np.linalg.norm(rest)
        key = (group, exact.size)
        if group < 0:
            made = self._direction(exact.size, basis)
        else:
            if key not in self._groups:
                self._groups[key] = (unit, self._direction(exact.size, basis))
            first, axis = self._groups[key]
            likeness = float(np.clip(unit @ first, -1.0, 1.0))
            other = self._direction(exact.size, basis)
            other = other - (other @ axis) * axis
            made = likeness * axis + np.sqrt(1.0 - likeness**2) * other / np.linalg.norm(other)
        stand_in = shared + left * made
        return np.asarray(stand_in / np.linalg.norm(stand_in), np.float32)

    def _direction(self, size: int, basis: Real | None) -> Real:
        """A random unit vector at right angles to the prototypes."""
        noise = self._noise.normal(size=size)
        if basis is not None:
            noise = noise - (basis @ noise) @ basis
        unit: Real = noise / np.linalg.norm(noise)
        return unit


def spoilt_crops(log: RunLog) -> list[tuple[int, IntBox]]:
    """Crops that show nobody who is published, or somebody else as well."""
    wanted: dict[int, list[IntBox]] = {}
    for seq, box in log.crop_keys():
        wanted.setdefault(seq, []).append(box)
    found = []
    for frame in log.frames():
        for box in wanted.get(frame.seq, []):
            if is_spoilt(box, frame.translation.samples, frame.anonymous):
                found.append((frame.seq, box))
    return found


def is_spoilt(crop: IntBox, samples: Sequence[FaceSample], anonymous: Iterable[int]) -> bool:
    """True for a crop that shows nobody who is published, or surely somebody else as well."""
    inside = [(sample, gone) for sample, gone in zip(samples, anonymous, strict=True) if _holds(crop, sample.bbox)]
    return all(gone for _, gone in inside) or any(gone and s.confidence >= SPOILS_CONFIDENCE for s, gone in inside)


def _holds(crop: IntBox, face: Box) -> bool:
    x, y = geometry.centre(face)
    return crop[0] <= x <= crop[2] and crop[1] <= y <= crop[3]
