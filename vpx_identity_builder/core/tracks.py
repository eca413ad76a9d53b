"""Tracklets: the short-term layer of §6, from box motion, with `face_id` as a hint and Face-ID as the judge.

`step` is a pure function from the active tracklets and one frame's faces to the next tracklets and each face's place.
A face that contradicts its tracklet's identity is held as a suspect; only a contradiction that stays splits the
tracklet, so a spike of one embedding breaks nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import geometry
from .config import FaceIdModel, TrackConfig
from .prototype import Reservoir, medoid
from .types import Box, FaceSample, Vector

IDENTITY_WEIGHT = 0.5
HINT_WEIGHT = 0.1
NEVER_MATCH = -1.0
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Tracklet:
    """One face followed over time. `velocity` in px/s; `suspects` are embeddings that contradict `trusted`."""

    number: int
    clock_ns: int
    box: Box
    smooth_box: Box
    velocity: tuple[float, float]
    face_id: int | None
    trusted: Reservoir
    reference: Vector | None = None
    suspects: tuple[Vector, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Where one face went. `contradicts`: its identity does not fit the tracklet (yet), so it must not be saved."""

    sample: FaceSample
    tracklet: Tracklet
    is_new: bool
    contradicts: bool


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Outcome of one frame: tracklets still alive, the faces' assignments, the numbers of tracklets that ended."""

    active: tuple[Tracklet, ...]
    assignments: tuple[Assignment, ...]
    ended: tuple[int, ...]
    next_number: int


def cosine(a: Vector, b: Vector) -> float:
    """Cosine of two unit vectors."""
    return float(a @ b)


def is_trusted(sample: FaceSample, config: TrackConfig, *, strict: bool) -> bool:
    """True where the embedding may tell an identity jump or update a prototype: strict quality and a mild pose."""
    yaw, pitch = sample.pose.yaw_deg, sample.pose.pitch_deg
    mild = (yaw is None or abs(yaw) <= config.trusted_yaw_deg) and (
        pitch is None or abs(pitch) <= config.trusted_pitch_deg
    )
    return strict and mild and sample.e_id is not None


def _reach(tracklet: Tracklet, clock_ns: int, config: TrackConfig) -> float:
    gap_s = (clock_ns - tracklet.clock_ns) / 1e9
    return config.track_reach + config.track_reach_growth * max(0.0, gap_s)


def _predicted(tracklet: Tracklet, clock_ns: int) -> Box:
    gap_s = min(0.3, (clock_ns - tracklet.clock_ns) / 1e9)
    return geometry.shift(tracklet.box, tracklet.velocity[0] * gap_s, tracklet.velocity[1] * gap_s)


def _closeness(tracklet: Tracklet, sample: FaceSample, clock_ns: int, config: TrackConfig) -> float:
    """1 where motion explains the face exactly, 0 at the edge of reach, `NEVER_MATCH` beyond."""
    predicted = _predicted(tracklet, clock_ns)
    old_side, new_side = geometry.side(predicted), geometry.side(sample.bbox)
    if min(old_side, new_side) <= 0 or max(old_side, new_side) > 2 * min(old_side, new_side):
        return NEVER_MATCH
    (px, py), (x, y) = geometry.centre(predicted), geometry.centre(sample.bbox)
    distance = ((px - x) ** 2 + (py - y) ** 2) ** 0.5 / max(old_side, new_side)
    reach = _reach(tracklet, clock_ns, config)
    return 1.0 - distance / reach if distance <= reach else NEVER_MATCH


def _identity_term(tracklet: Tracklet, sample: FaceSample, model: FaceIdModel) -> float:
    """+1 at `tau_id` and above, -1 at `tau_split` and below, 0 where identity is unknown."""
    if sample.e_id is None or tracklet.reference is None:
        return 0.0
    similarity = cosine(sample.e_id, tracklet.reference)
    span = model.tau_id - model.tau_split
    return max(-1.0, min(1.0, 2 * (similarity - model.tau_split) / span - 1.0))


def _pairs(
    active: Sequence[Tracklet], samples: Sequence[FaceSample], clock_ns: int, config: TrackConfig, model: FaceIdModel
) -> list[tuple[float, int, int]]:
    scored = []
    for row, tracklet in enumerate(active):
        for column, sample in enumerate(samples):
            closeness = _closeness(tracklet, sample, clock_ns, config)
            if closeness == NEVER_MATCH:
                continue
            hint = HINT_WEIGHT if sample.face_id is not None and sample.face_id == tracklet.face_id else 0.0
            score = closeness + IDENTITY_WEIGHT * _identity_term(tracklet, sample, model) + hint
            scored.append((score, row, column))
    return sorted(scored, key=lambda item: (-item[0], active[item[1]].number, item[2]))


def _moved(tracklet: Tracklet, sample: FaceSample, clock_ns: int, config: TrackConfig) -> Tracklet:
    gap_ns = max(1, clock_ns - tracklet.clock_ns)
    restart = (
        gap_ns > config.smoothing_gap_ms * NS_PER_MS
        or geometry.iou(tracklet.smooth_box, sample.bbox) < config.smoothing_iou
    )
    smooth = sample.bbox if restart else geometry.blend(tracklet.smooth_box, sample.bbox, config.smoothing_alpha)
    (ox, oy), (x, y) = geometry.centre(tracklet.box), geometry.centre(sample.bbox)
    seconds = max(gap_ns / 1e9, 1e-3)
    velocity = (0.0, 0.0) if restart else ((x - ox) / seconds, (y - oy) / seconds)
    return replace(
        tracklet,
        clock_ns=clock_ns,
        box=sample.bbox,
        smooth_box=smooth,
        velocity=velocity,
        face_id=sample.face_id,
    )


def _started(number: int, sample: FaceSample, clock_ns: int, config: TrackConfig, trusted: bool) -> Tracklet:
    reservoir = Reservoir(config.reservoir_size)
    reference = None
    if trusted and sample.e_id is not None:
        reservoir = reservoir.add(sample.e_id)
        reference = sample.e_id
    return Tracklet(number, clock_ns, sample.bbox, sample.bbox, (0.0, 0.0), sample.face_id, reservoir, reference)


def _judged(
    tracklet: Tracklet, sample: FaceSample, trusted: bool, config: TrackConfig, model: FaceIdModel
) -> tuple[Tracklet, bool, bool]:
    """The tracklet after looking at the face's identity, whether the face contradicts it, and whether it must split."""
    if sample.e_id is None or not trusted:
        doubted = (
            bool(tracklet.suspects)
            and sample.e_id is not None
            and tracklet.reference is not None
            and cosine(sample.e_id, tracklet.reference) < model.tau_id
        )
        return tracklet, doubted, False
    if tracklet.reference is None:
        reservoir = tracklet.trusted.add(sample.e_id)
        return replace(tracklet, trusted=reservoir, reference=sample.e_id), False, False
    if cosine(sample.e_id, tracklet.reference) < model.tau_split:
        suspects = (*tracklet.suspects, sample.e_id)
        agreeing = [s for s in suspects if cosine(s, sample.e_id) >= model.tau_id]
        return replace(tracklet, suspects=suspects[-config.split_after :]), True, len(agreeing) >= config.split_after
    reservoir = tracklet.trusted.add(sample.e_id)
    reference = medoid(reservoir.matrix()) if reservoir.vectors is not tracklet.trusted.vectors else tracklet.reference
    return replace(tracklet, trusted=reservoir, reference=reference, suspects=()), False, False


def step(
    active: Sequence[Tracklet],
    faces: Sequence[tuple[FaceSample, bool]],
    clock_ns: int,
    next_number: int,
    config: TrackConfig,
    model: FaceIdModel,
) -> Step:
    """One frame. `faces` are (sample, passes the strict gate); their order does not matter.

    A face starts a tracklet when motion explains it by none; tracklets end after `track_gap_ms` without a face.
    """
    faces = sorted(faces, key=lambda face: face[0].bbox)
    limit_ns = config.track_gap_ms * NS_PER_MS
    alive = [tracklet for tracklet in active if clock_ns - tracklet.clock_ns <= limit_ns]
    ended = [tracklet.number for tracklet in active if clock_ns - tracklet.clock_ns > limit_ns]
    matched: dict[int, int] = {}
    used: set[int] = set()
    for _, row, column in _pairs(alive, [face[0] for face in faces], clock_ns, config, model):
        if row not in used and column not in matched:
            matched[column] = row
            used.add(row)
    result = [tracklet for row, tracklet in enumerate(alive) if row not in used]
    assignments = []
    for column, (sample, strict) in enumerate(faces):
        trusted = is_trusted(sample, config, strict=strict)
        contradicts = split = False
        if column in matched:
            moved = _moved(alive[matched[column]], sample, clock_ns, config)
            moved, contradicts, split = _judged(moved, sample, trusted, config, model)
            if split:
                ended.append(moved.number)
        if column not in matched or split:
            moved, is_new = _started(next_number, sample, clock_ns, config, trusted), True
            next_number += 1
            contradicts = False
        else:
            is_new = False
        result.append(moved)
        assignments.append(Assignment(sample, moved, is_new, contradicts))
    return Step(tuple(result), tuple(assignments), tuple(ended), next_number)
