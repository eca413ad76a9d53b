"""Tracklets: the short-term layer of §6, from box motion, with `face_id` as a hint and Face-ID as the judge.

`step` is a pure function from the active tracklets and one frame's faces to the next tracklets and each face's place.
A face that contradicts its tracklet's identity is held as a suspect; only a contradiction that stays splits the
tracklet, so a spike of one embedding breaks nothing. After a split the old tracklet waits like any face out of sight:
whoever covers a rider for a moment does not inherit the rider's place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from . import geometry
from .config import FaceIdModel, TrackConfig
from .prototype import Reservoir, medoid
from .types import Box, FaceSample, Vector

IDENTITY_WEIGHT = 0.5
HINT_WEIGHT = 0.1
NEVER_MATCH = -1.0
PROVISIONAL_SIZE = 8
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Tracklet:
    """One face followed over time. `velocity` in px/s.

    `reference` is the medoid of `trusted`. Until there is one, `provisional` holds the latest untrusted embeddings, so
    that a face seen only from the side is not replaced unnoticed either. `suspects` are embeddings that contradict the
    identity, `held` counts the faces whose place is undecided because of them.
    """

    number: int
    clock_ns: int
    box: Box
    smooth_box: Box
    velocity: tuple[float, float]
    face_id: int | None
    trusted: Reservoir
    reference: Vector | None = None
    provisional: tuple[Vector, ...] = ()
    suspects: tuple[Vector, ...] = ()
    held: int = 0

    def identity(self, at_least: int) -> Vector | None:
        """Who this is: the reference, or the medoid of at least so many provisional embeddings."""
        if self.reference is not None or len(self.provisional) < at_least:
            return self.reference
        return medoid(np.stack(self.provisional))


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Where one face went. `contradicts`: its identity does not fit the tracklet (yet), so it must not be saved.

    `settled`: how many faces held before this one turn out to belong to the same tracklet.
    """

    sample: FaceSample
    tracklet: Tracklet
    is_new: bool
    contradicts: bool
    settled: int = 0


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


def _identity_term(identity: Vector | None, sample: FaceSample, model: FaceIdModel) -> float:
    """+1 at `tau_id` and above, -1 at `tau_split` and below, 0 where identity is unknown."""
    if sample.e_id is None or identity is None:
        return 0.0
    similarity = cosine(sample.e_id, identity)
    span = model.tau_id - model.tau_split
    return max(-1.0, min(1.0, 2 * (similarity - model.tau_split) / span - 1.0))


def _pairs(
    active: Sequence[Tracklet], samples: Sequence[FaceSample], clock_ns: int, config: TrackConfig, model: FaceIdModel
) -> list[tuple[float, int, int]]:
    scored = []
    for row, tracklet in enumerate(active):
        identity = tracklet.identity(config.split_after)
        for column, sample in enumerate(samples):
            closeness = _closeness(tracklet, sample, clock_ns, config)
            if closeness == NEVER_MATCH:
                continue
            hint = HINT_WEIGHT if sample.face_id is not None and sample.face_id == tracklet.face_id else 0.0
            score = closeness + IDENTITY_WEIGHT * _identity_term(identity, sample, model) + hint
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
    return Tracklet(
        number=tracklet.number,
        clock_ns=clock_ns,
        box=sample.bbox,
        smooth_box=smooth,
        velocity=velocity,
        face_id=sample.face_id,
        trusted=tracklet.trusted,
        reference=tracklet.reference,
        provisional=tracklet.provisional,
        suspects=tracklet.suspects,
        held=tracklet.held,
    )


def _started(number: int, sample: FaceSample, clock_ns: int, config: TrackConfig, trusted: bool) -> Tracklet:
    empty = Reservoir(config.reservoir_size)
    tracklet = Tracklet(number, clock_ns, sample.bbox, sample.bbox, (0.0, 0.0), sample.face_id, empty)
    return tracklet if sample.e_id is None else _learned(tracklet, sample.e_id, trusted)


@dataclass(frozen=True, slots=True, eq=False)
class _Verdict:
    tracklet: Tracklet
    contradicts: bool = False
    split: bool = False
    settled: int = 0


def _judged(
    tracklet: Tracklet,
    sample: FaceSample,
    trusted: bool,
    rivals: Sequence[Vector],
    config: TrackConfig,
    model: FaceIdModel,
) -> _Verdict:
    """The tracklet after looking at the face's identity.

    An untrusted face contradicts only where it surely is one of the `rivals`, the references of the other tracklets.
    """
    if sample.e_id is None:
        return _held(tracklet, ()) if tracklet.suspects else _Verdict(tracklet)
    identity = tracklet.identity(config.split_after)
    similarity = 1.0 if identity is None else cosine(sample.e_id, identity)
    if similarity < model.tau_split:
        rival = any(cosine(sample.e_id, other) >= model.tau_id for other in rivals)
        if trusted or rival:
            suspects = (*tracklet.suspects, sample.e_id)
            agreeing = sum(cosine(s, sample.e_id) >= model.tau_id for s in suspects)
            return _held(tracklet, suspects[-config.split_after :], split=agreeing >= config.split_after)
    if not trusted and tracklet.suspects and similarity < model.tau_id:
        return _held(tracklet, tracklet.suspects)
    return _Verdict(_learned(tracklet, sample.e_id, trusted), settled=tracklet.held)


def _held(tracklet: Tracklet, suspects: tuple[Vector, ...], *, split: bool = False) -> _Verdict:
    waiting = replace(tracklet, suspects=suspects or tracklet.suspects, held=tracklet.held + 1)
    return _Verdict(waiting, contradicts=True, split=split)


def _learned(tracklet: Tracklet, e_id: Vector, trusted: bool) -> Tracklet:
    """The tracklet after a face that belongs to it: nothing is suspected or held any more."""
    reservoir, reference, latest = tracklet.trusted, tracklet.reference, tracklet.provisional
    if trusted:
        reservoir, latest = reservoir.add(e_id, tracklet.clock_ns), ()
        if reservoir.values is not tracklet.trusted.values:
            reference = medoid(reservoir.matrix())
    elif reference is None:
        latest = (*latest, e_id)[-PROVISIONAL_SIZE:]
    elif not tracklet.suspects and not tracklet.held:
        return tracklet
    return Tracklet(
        number=tracklet.number,
        clock_ns=tracklet.clock_ns,
        box=tracklet.box,
        smooth_box=tracklet.smooth_box,
        velocity=tracklet.velocity,
        face_id=tracklet.face_id,
        trusted=reservoir,
        reference=reference,
        provisional=latest,
    )


def _matched(
    alive: Sequence[Tracklet], samples: Sequence[FaceSample], clock_ns: int, config: TrackConfig, model: FaceIdModel
) -> dict[int, int]:
    """Index of face → index of tracklet, the best match first."""
    rows: dict[int, int] = {}
    for _, row, column in _pairs(alive, samples, clock_ns, config, model):
        if column not in rows and row not in rows.values():
            rows[column] = row
    return rows


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
    faces = sorted(faces, key=lambda face: (face[0].bbox, -face[0].confidence, str(face[0].face_id)))
    limit_ns = config.track_gap_ms * NS_PER_MS
    alive = [tracklet for tracklet in active if clock_ns - tracklet.clock_ns <= limit_ns]
    ended = tuple(tracklet.number for tracklet in active if clock_ns - tracklet.clock_ns > limit_ns)
    rows = _matched(alive, [sample for sample, _ in faces], clock_ns, config, model)
    result = [tracklet for row, tracklet in enumerate(alive) if row not in rows.values()]
    assignments = []
    for column, (sample, strict) in enumerate(faces):
        trusted = is_trusted(sample, config, strict=strict)
        if column in rows:
            moved = _moved(alive[rows[column]], sample, clock_ns, config)
            rivals = [t.reference for t in alive if t.number != moved.number and t.reference is not None]
            verdict = _judged(moved, sample, trusted, rivals, config, model)
            if not verdict.split:
                result.append(verdict.tracklet)
                assignments.append(Assignment(sample, result[-1], False, verdict.contradicts, verdict.settled))
                continue
            result.append(replace(verdict.tracklet, suspects=(), held=0))
        settled = verdict.tracklet.held - 1 if column in rows else 0
        started = _started(next_number, sample, clock_ns, config, trusted)
        next_number += 1
        result.append(started)
        assignments.append(Assignment(sample, started, True, False, settled))
    return Step(tuple(result), tuple(assignments), ended, next_number)
