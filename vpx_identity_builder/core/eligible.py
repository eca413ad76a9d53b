"""What may go where (§8): candidates judged once more at the end, and the groups that the caps of the document make."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .buckets import PARTIAL_OCCLUSION_FROM, bucket_key, classify, fills_bucket
from .challenge import condition_scores
from .config import Config
from .eyes import half_closed, narrowing
from .gates import loose_gate, passes_challenge, strict_gate
from .objective import Group
from .policy import AS_DESIGNED, Policy
from .types import Buckets, Candidate, FaceSample, GateResult

FRONTAL_WEIGHT = 0.15
"""How much of its quality an anchor loses from yaw 0 to the yaw limit: quality first, frontal breaks near-ties."""
NARROW_WEIGHT, GAZE_WEIGHT = 0.15, 0.05
"""How much of its quality an anchor loses for eyes that are nearly closed, and for a gaze beside the camera."""
LOOKS_AWAY_DEG = 20.0
"""Gaze off the camera that costs all of `GAZE_WEIGHT`."""

MOST_DOUBTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A candidate judged once more at the end, with the person's final medians and prototype."""

    candidate: Candidate
    buckets: Buckets
    quality: float
    stability: float
    strict: GateResult
    loose: GateResult

    @property
    def sample(self) -> FaceSample:
        """The face."""
        return self.candidate.sample


def judge(
    candidate: Candidate,
    stability: float,
    median_sharpness: float | None,
    median_brightness: float | None,
    cfg: Config,
    policy: Policy = AS_DESIGNED,
) -> Judged:
    """Gates, bins and quality with the final medians."""
    sample = candidate.sample
    return Judged(
        candidate,
        classify(sample, median_brightness, cfg.selection),
        policy.quality(sample, cfg.gates),
        stability,
        strict_gate(sample, median_sharpness, cfg.gates),
        loose_gate(sample, median_sharpness, cfg.gates),
    )


def is_anchor(sample: FaceSample, buckets: Buckets, strict: bool, cfg: Config) -> bool:
    """Strict gate, known and near-frontal pose, unoccluded, eyes not closed (§8)."""
    selection = cfg.selection
    pose = sample.pose
    if not strict or pose.yaw_deg is None or abs(pose.yaw_deg) > selection.anchor_yaw_deg:
        return False
    return (
        abs(pose.pitch_deg or 0.0) <= selection.anchor_pitch_deg
        and abs(pose.roll_deg or 0.0) <= selection.anchor_roll_deg
        and (sample.occlusion_ratio or 0.0) < selection.anchor_occlusion
        and buckets.expression != "eyes_closed"
    )


def doubts(sample: FaceSample) -> int:
    """What speaks against an anchor, 0..`MOST_DOUBTS`: nobody can say how far it is covered, and it looks as if it was;
    its lids are down."""
    lowered = int(half_closed(sample.expression))
    if sample.occlusion_ratio is not None:
        return lowered
    return 1 + ((sample.occlusion_guess or 0.0) > PARTIAL_OCCLUSION_FROM) + lowered


def anchor_score(sample: FaceSample, quality: float, cfg: Config) -> float:
    """Quality, less a little for yaw and pitch off the front and for eyes that are not open or look elsewhere."""
    yaw = abs(sample.pose.yaw_deg or 0.0) / cfg.selection.anchor_yaw_deg
    pitch = abs(sample.pose.pitch_deg or 0.0) / cfg.selection.anchor_pitch_deg
    frontal = 1.0 - FRONTAL_WEIGHT * min(1.0, math.hypot(yaw, pitch))
    return quality * frontal * _eyes(sample)


def _eyes(sample: FaceSample) -> float:
    """What its eyes leave of an anchor's quality: all of it if wide open and turned to the camera, or unknown."""
    gaze, narrow = sample.expression.gaze_deg, narrowing(sample.expression)
    away = 0.0 if gaze is None else min(1.0, abs((sample.pose.yaw_deg or 0.0) + gaze) / LOOKS_AWAY_DEG)
    return (1.0 - NARROW_WEIGHT * narrow) * (1.0 - GAZE_WEIGHT * away)


@dataclass(frozen=True, slots=True)
class Places:
    """Which of a person's candidates, by index, may become what.

    `anchors` with their scores, `buckets` by key, `conditions` with how extreme each is plus its quality.
    """

    anchors: dict[int, float]
    buckets: dict[str, tuple[int, ...]]
    conditions: dict[str, dict[int, float]]

    def groups(self, cfg: Config) -> list[Group]:
        """The caps of §8 on these candidates."""
        extreme = sorted({index for scores in self.conditions.values() for index in scores})
        return [
            Group(tuple(sorted(self.anchors)), cfg.selection.anchors_max),
            Group(tuple(extreme), cfg.selection.challenge_max),
            *(Group(members, cfg.selection.bucket_images) for members in self.buckets.values()),
        ]


def places(items: Sequence[Judged], cfg: Config) -> Places:
    """Where each candidate may go."""
    buckets: dict[str, list[int]] = {}
    conditions: dict[str, dict[int, float]] = {}
    anchors = {}
    for index, item in enumerate(items):
        if is_anchor(item.sample, item.buckets, item.strict.passed, cfg):
            anchors[index] = anchor_score(item.sample, item.quality, cfg)
        if item.loose.passed and fills_bucket(item.buckets):
            buckets.setdefault(bucket_key(item.buckets), []).append(index)
        if passes_challenge(item.sample, cfg.gates):
            for name, score in condition_scores(item.sample, item.buckets, cfg.selection).items():
                conditions.setdefault(name, {})[index] = score + item.quality
    ordered = sorted(buckets, key=bucket_order)
    return Places(anchors, {key: tuple(buckets[key]) for key in ordered}, dict(sorted(conditions.items())))


def bucket_order(key: str) -> tuple[int, int, str]:
    """Order of buckets: yaw from left to right, then pitch from down to up, then expression."""
    yaw, pitch, expression = key.split("_", 2)
    return int(yaw.removeprefix("yaw")), int(pitch.removeprefix("pitch")), expression
