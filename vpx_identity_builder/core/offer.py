"""One face offered to its person's pool: gates, stability, novelty, what the pool makes of it, and a reason code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from . import geometry
from . import pool as pools
from .buckets import UNKNOWN, classify, expression_of, readable
from .cast import STRICT_BONUS, Rider
from .challenge import condition_scores
from .config import Config, FaceIdModel, NoveltyScale
from .eligible import MOST_DOUBTS, Judged, anchor_score, doubts, is_anchor, judge
from .extremes import Extremes
from .eyes import usual_opening
from .gates import challenge_failure, loose_failure, passes_strict
from .novelty import dual_novelty
from .policy import AS_DESIGNED, Policy, Stability
from .pool import Decision, Offer, Pool
from .types import Box, Buckets, Candidate, FaceSample, IntBox, Vector

OTHER_FACE_CONFIDENCE = 0.5
"""A face surer than this in the crop spoils it: a reference image shows one person."""


@dataclass(frozen=True, slots=True)
class Scales:
    """Thresholds of the models in use: Face-ID, face vision, body vision; and how stability and quality are told."""

    face_id: FaceIdModel
    face: NoveltyScale
    body: NoveltyScale
    policy: Policy = AS_DESIGNED

    def stability(self, e_id: Vector | None, prototype: Vector | None) -> Stability | None:
        """How surely an embedding is a person's; None where either is unknown."""
        if e_id is None or prototype is None:
            return None
        return self.policy.stability(e_id, prototype, self.face_id)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What becomes of a face that was offered: a reason code, what its person's rider has learned of extremes and
    novelty, and what to encode and place, or else what it lost to, if anything.

    `draft`: the candidate where the pool wants it, its crop not encoded. `lost_to_t_ns`: time of the image that was
    better.
    """

    code: str
    extremes: Extremes
    recent_novelty: tuple[float, ...]
    draft: Candidate | None = None
    offer: Offer | None = None
    decision: Decision | None = None
    lost_to_t_ns: int | None = None

    def placed(self, pool: Pool, image: bytes) -> Pool:
        """The pool with the encoded crop."""
        if self.draft is None or self.offer is None or self.decision is None:
            raise ValueError("nothing was to be kept")
        return pools.place(pool, replace(self.draft, image=image), self.offer, self.decision)


def other_boxes(sample: FaceSample, faces: Sequence[FaceSample]) -> list[Box]:
    """Boxes of the other people in the frame."""
    return [f.bbox for f in faces if f is not sample and f.confidence >= OTHER_FACE_CONFIDENCE]


def crop_box(sample: FaceSample, smooth_box: Box, others: Sequence[Box], scale: float) -> IntBox:
    """Head and shoulders from the tracklet's smoothed box, never cutting into the face itself."""
    size = sample.frame_size_px
    smooth = geometry.head_and_shoulders(smooth_box, size, others, scale)
    margin = geometry.FACE_MARGIN * geometry.side(sample.bbox)
    x1, y1, x2, y2 = sample.bbox
    return geometry.union(smooth, geometry.clip((x1 - margin, y1 - margin, x2 + margin, y2 + margin), size))


def as_it_is(sample: FaceSample) -> FaceSample:
    """No other look at a face than the one it came with."""
    return sample


def consider(
    rider: Rider,
    sample: FaceSample,
    smooth_box: Box,
    faces: Sequence[FaceSample],
    scales: Scales,
    cfg: Config,
    look: Callable[[FaceSample], FaceSample] = as_it_is,
) -> Outcome:
    """Offer a face to its person's pool. `look` gives it vision embeddings of its own, where the pool wants it."""
    person, extremes, recent = rider.person, rider.extremes, rider.recent_novelty
    if sample.e_id is None:
        return Outcome("no_identity", extremes, recent)
    stability = scales.stability(sample.e_id, person.prototype)
    buckets = classify(sample, person.brightness.median, cfg.selection)
    conditions = condition_scores(sample, buckets, cfg.selection)
    if stability is not None and stability.value < scales.face_id.tau_id:
        return Outcome("unstable", _leaving_out(extremes, conditions, "unstable"), recent)
    extremes = extremes.seeing(sample)
    loose_failed = loose_failure(sample, person.sharpness.median, cfg.gates)
    challenge_failed = challenge_failure(sample, cfg.gates)
    if loose_failed is not None and (challenge_failed is not None or not conditions):
        return Outcome(f"gate:{loose_failed}", _leaving_out(extremes, conditions, str(challenge_failed)), recent)
    others = other_boxes(sample, faces)
    crop = crop_box(sample, smooth_box, others, cfg.selection.crop_scale)
    if geometry.contains_other_face(crop, sample.bbox, others):
        spoilt = "other_face_in_crop"
        return Outcome(spoilt, _leaving_out(extremes, conditions, spoilt), recent)
    quality = scales.policy.quality(sample, cfg.gates)
    claim = _anchor_claim(rider, sample, buckets, quality, cfg)
    offer = Offer(quality, loose_failed is None, claim, {name: score + quality for name, score in conditions.items()})
    draft = Candidate(sample, buckets, crop, b"", 0.0)
    decision = pools.decide(rider.pool, draft, offer, _still_filling(rider, scales, cfg))
    if decision.keeps:
        draft = replace(draft, sample=look(sample))
    novelty = _novelty(rider, draft.sample, scales)
    recent = (*recent, novelty)[-cfg.stop.novelty_window :]
    code = decision.code_of(is_new=novelty >= scales.face.threshold)
    if decision.keeps:
        return Outcome(code, extremes, recent, replace(draft, novelty=novelty), offer, decision)
    code = "unknown_pose" if UNKNOWN in (buckets.yaw, buckets.pitch) else code
    return Outcome(code, extremes, recent, lost_to_t_ns=decision.lost_to_t_ns)


def _leaving_out(extremes: Extremes, conditions: Mapping[str, float], reason: str) -> Extremes:
    """After a face that is not taken; one that would have been a challenge image counts as left out."""
    return extremes.leaving_out(reason) if conditions else extremes


def judged_again(candidate: Candidate, rider: Rider, stability: float, scales: Scales, cfg: Config) -> Judged:
    """A kept candidate judged at the end, by all that is known of its person."""
    shown = replace(candidate, sample=rider.known(candidate.sample))
    medians = rider.person.sharpness.median, rider.person.brightness.median
    return judge(shown, stability, *medians, cfg, scales.policy)


def _still_filling(rider: Rider, scales: Scales, cfg: Config) -> Callable[[Candidate], bool]:
    """Tells whether a face kept for a bucket would be kept for it now: what is usual for a person and who it is, is
    known better than when the face came. What covers it is not asked again before the end: that would cost a judgement
    for every face that is turned down."""
    person = rider.person

    def still_fills(candidate: Candidate) -> bool:
        stability = scales.stability(candidate.sample.e_id, person.prototype)
        if stability is not None and stability.value < scales.face_id.tau_id:
            return False
        if loose_failure(candidate.sample, person.sharpness.median, cfg.gates) is not None:
            return False
        return expression_of(readable(candidate.sample), usual_opening(person.eyes)) == candidate.buckets.expression

    return still_fills


def _novelty(rider: Rider, sample: FaceSample, scales: Scales) -> float:
    """§7's novelty. A face without embeddings inherits the last one's: that it is new, nothing says."""
    if sample.e_vis_face is None and sample.e_vis_body is None and rider.recent_novelty:
        return rider.recent_novelty[-1]
    saved = rider.saved_faces, rider.saved_bodies
    return dual_novelty(sample.e_vis_face, sample.e_vis_body, *saved, scales.face, scales.body)


def _anchor_claim(rider: Rider, sample: FaceSample, buckets: Buckets, quality: float, cfg: Config) -> float | None:
    """Score among the anchor candidates, None where it cannot be one; the strict gate is asked again at the end.

    The strict gate counts most, then each doubt: a doubtful face evicts nobody who is beyond doubt.
    """
    if not is_anchor(sample, buckets, True, cfg):
        return None
    strict = passes_strict(sample, rider.person.sharpness.median, cfg.gates)
    return anchor_score(sample, quality, cfg) + MOST_DOUBTS - doubts(sample) + (STRICT_BONUS if strict else 0.0)
