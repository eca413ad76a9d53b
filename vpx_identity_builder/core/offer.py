"""One face offered to its person's pool: gates, stability, novelty, what the pool makes of it, and a reason code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from . import geometry
from . import pool as pools
from .buckets import UNKNOWN, classify, expression_bin, readable
from .cast import STRICT_BONUS, Rider
from .challenge import condition_scores
from .config import Config, FaceIdModel, NoveltyScale
from .eligible import MOST_DOUBTS, Judged, anchor_score, doubts, is_anchor, judge
from .extremes import Extremes
from .eyes import beside_usual
from .gates import challenge_failure, loose_failure, passes_strict
from .novelty import dual_novelty
from .policy import AS_DESIGNED, Policy, Stability
from .pool import Decision, Offer
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
    """The rider after the offer, the reason code, and what to encode and place, or else what it lost to, if anything.

    Without `draft` it was turned away before the pool was asked. `lost_to_t_ns`: time of the image that was better.
    """

    rider: Rider
    code: str
    draft: Candidate | None = None
    offer: Offer | None = None
    decision: Decision | None = None
    lost_to_t_ns: int | None = None

    @property
    def keeps(self) -> bool:
        """True where the pool wants the crop."""
        return self.decision is not None and self.decision.keeps

    def placed(self, image: bytes) -> Rider:
        """The rider with the encoded crop in its pool."""
        if self.draft is None or self.offer is None or self.decision is None:
            raise ValueError("nothing was to be kept")
        candidate = replace(self.draft, image=image)
        return self.rider.with_pool(pools.place(self.rider.pool, candidate, self.offer, self.decision))


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


def consider(
    rider: Rider, sample: FaceSample, smooth_box: Box, faces: Sequence[FaceSample], scales: Scales, cfg: Config
) -> Outcome:
    """Offer a face to its person's pool, which is to be told how new it looks then (`weighed`)."""
    person = rider.person
    stability = scales.stability(sample.e_id, person.prototype)
    if sample.e_id is None:
        return Outcome(rider, "no_identity")
    buckets = classify(sample, person.brightness.median, cfg.selection)
    conditions = condition_scores(sample, buckets, cfg.selection)
    if stability is not None and stability.value < scales.face_id.tau_id:
        return Outcome(_without(rider, rider.extremes, conditions, "unstable"), "unstable")
    extremes = rider.extremes.seeing(sample)
    loose_failed = loose_failure(sample, person.sharpness.median, cfg.gates)
    challenge_failed = challenge_failure(sample, cfg.gates)
    if loose_failed is not None and (challenge_failed is not None or not conditions):
        return Outcome(_without(rider, extremes, conditions, str(challenge_failed)), f"gate:{loose_failed}")
    others = other_boxes(sample, faces)
    crop = crop_box(sample, smooth_box, others, cfg.selection.crop_scale)
    if geometry.contains_other_face(crop, sample.bbox, others):
        return Outcome(_without(rider, extremes, conditions, "other_face_in_crop"), "other_face_in_crop")
    rider = replace(rider, extremes=extremes)
    quality = scales.policy.quality(sample, cfg.gates)
    offer = Offer(
        quality,
        loose_failed is None,
        _anchor_claim(rider, sample, buckets, quality, cfg),
        {name: score + quality for name, score in conditions.items()},
    )
    draft = Candidate(sample, buckets, crop, b"", 0.0)
    decision = pools.decide(rider.pool, draft, offer, partial(_still_fills, rider, scales, cfg))
    lost_to = None if decision.keeps else decision.lost_to_t_ns
    return Outcome(rider, decision.code, draft, offer, decision, lost_to)


def _without(rider: Rider, extremes: Extremes, conditions: Mapping[str, float], reason: str) -> Rider:
    """The rider after a face that is not taken; one that would have been a challenge image counts as left out."""
    return replace(rider, extremes=extremes.leaving_out(reason) if conditions else extremes)


def weighed(outcome: Outcome, sample: FaceSample, scales: Scales, cfg: Config) -> Outcome:
    """The outcome with how new the face looks beside what is kept.

    `sample` is the face that was offered, with vision embeddings of its own where the pool wants it.
    """
    rider, draft, decision = outcome.rider, outcome.draft, outcome.decision
    if draft is None or decision is None:
        return outcome
    novelty = _novelty(rider, sample, scales)
    rider = replace(rider, recent_novelty=(*rider.recent_novelty, novelty)[-cfg.stop.novelty_window :])
    code = decision.code_of(is_new=novelty >= scales.face.threshold)
    if not decision.keeps and UNKNOWN in (draft.buckets.yaw, draft.buckets.pitch):
        code = "unknown_pose"
    shown = Candidate(sample, draft.buckets, draft.crop_box, draft.image, novelty)
    return Outcome(rider, code, shown, outcome.offer, decision, outcome.lost_to_t_ns)


def judged_again(candidate: Candidate, rider: Rider, stability: float, scales: Scales, cfg: Config) -> Judged:
    """A kept candidate judged at the end, by all that is known of its person."""
    shown = replace(candidate, sample=rider.known(candidate.sample))
    medians = rider.person.sharpness.median, rider.person.brightness.median
    return judge(shown, stability, *medians, cfg, scales.policy)


def _still_fills(rider: Rider, scales: Scales, cfg: Config, candidate: Candidate) -> bool:
    """True where a face kept for a bucket would be kept for it now: what is usual for a person and who it is, is known
    better than when the face came. What covers it is not asked again before the end: that would cost a judgement for
    every face that is turned down."""
    person = rider.person
    stability = scales.stability(candidate.sample.e_id, person.prototype)
    if stability is not None and stability.value < scales.face_id.tau_id:
        return False
    if loose_failure(candidate.sample, person.sharpness.median, cfg.gates) is not None:
        return False
    read = readable(candidate.sample)
    shown = beside_usual(read, person.eyes)
    return shown is read or expression_bin(shown) == candidate.buckets.expression


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
