"""Two persons' faces in one frame offered as a pair image (§12).

Both pass the strict gate, are surely who they are taken for, have their eyes open, and are apart and alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import geometry
from .buckets import EYES_CLOSED, classify
from .cast import Cast, Rider
from .config import Config
from .fates import FaceFate
from .frame_views import Encoder
from .gates import passes_strict
from .meeting import is_confirmed
from .offer import Scales, crop_box, other_boxes
from .pair import PairSlots, lids_down, pair_score, together
from .results import PairCandidate, PairFace
from .tracks import Assignment
from .types import Candidate, FaceSample


@dataclass(frozen=True, slots=True, eq=False)
class PairDraft:
    """A pair image that is not encoded yet, with the score it competes with."""

    pair: PairCandidate
    score: float


def offer_pair(
    cast: Cast,
    fates: Sequence[FaceFate],
    bystanders: Sequence[FaceSample],
    encode: Encoder,
    frames_total: int,
    scales: Scales,
    cfg: Config,
) -> Cast:
    """One frame's faces of the two who lead after so many frames offered as a pair image (§12)."""
    if len(fates) < 2 or cfg.selection.pair_max == 0:
        return cast
    ranked, _ = cast.ranked(frames_total, cfg)
    leading = {person.number for person, _ in ranked[:2]}
    found = {fate.person: fate.assignment for fate in fates if fate.person in leading}
    if len(found) < 2:
        return cast
    faces = [(cast.riders[number], assignment) for number, assignment in found.items()]
    everybody = [*(fate.assignment.sample for fate in fates), *bystanders]
    slots = cast.pairs.get(frozenset(found), PairSlots())
    draft = draft_pair(faces, everybody, slots, scales, cfg)
    image = None if draft is None else encode(draft.pair.crop_box)
    if draft is None or image is None:
        return cast
    return cast.with_pairs(frozenset(found), slots.with_pair(replace(draft.pair, image=image), draft.score))


def draft_pair(
    faces: Sequence[tuple[Rider, Assignment]],
    everybody: Sequence[FaceSample],
    slots: PairSlots,
    scales: Scales,
    cfg: Config,
) -> PairDraft | None:
    """The pair image of two riders, None where it would not be a good one or not be kept.

    `everybody`: all faces of the frame. `slots`: what is kept of the two.
    """
    if not all(_is_worthy(rider, assignment.sample, scales, cfg) for rider, assignment in faces):
        return None
    (one, left), (two, right) = sorted(faces, key=lambda face: face[1].sample.bbox)
    overlap = geometry.iou(left.sample.bbox, right.sample.bbox)
    if overlap > cfg.selection.pair_overlap:
        return None
    shown = _shown(one, left, cfg), _shown(two, right, cfg)
    if any(buckets.expression == EYES_CLOSED for _, buckets in shown):
        return None
    quality = scales.policy.quality
    qualities = (quality(left.sample, cfg.gates), quality(right.sample, cfg.gates))
    both = left.sample, right.sample
    score = pair_score(qualities, together(*both), overlap, lids_down(*both))
    if not slots.wants(*shown, score):
        return None
    first, second = _member(shown[0], left, cfg), _member(shown[1], right, cfg)
    crop = geometry.union(first.crop_box, second.crop_box)
    others = set(other_boxes(left.sample, everybody)) - {right.sample.bbox}
    if geometry.contains_other_face(crop, left.sample.bbox, sorted(others)):
        return None
    return PairDraft(PairCandidate(first, second, crop, b"", overlap), score)


def _is_worthy(rider: Rider, sample: FaceSample, scales: Scales, cfg: Config) -> bool:
    strict = passes_strict(sample, rider.person.sharpness.median, cfg.gates)
    return strict and is_confirmed(sample, rider.person, scales.face_id)


def _shown(rider: Rider, assignment: Assignment, cfg: Config) -> PairFace:
    return assignment.sample, classify(assignment.sample, rider.person.brightness.median, cfg.selection)


def _member(shown: PairFace, assignment: Assignment, cfg: Config) -> Candidate:
    sample, buckets = shown
    crop = crop_box(sample, assignment.tracklet.smooth_box, (), cfg.selection.crop_scale)
    return Candidate(sample, buckets, crop, b"", 0.0)
