"""What body.pose delivers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class KeypointIndex(IntEnum):
    """The 17 COCO points, in order; left and right are the person's own."""

    NOSE = 0
    LEFT_EYE = 1
    RIGHT_EYE = 2
    LEFT_EAR = 3
    RIGHT_EAR = 4
    LEFT_SHOULDER = 5
    RIGHT_SHOULDER = 6
    LEFT_ELBOW = 7
    RIGHT_ELBOW = 8
    LEFT_WRIST = 9
    RIGHT_WRIST = 10
    LEFT_HIP = 11
    RIGHT_HIP = 12
    LEFT_KNEE = 13
    RIGHT_KNEE = 14
    LEFT_ANKLE = 15
    RIGHT_ANKLE = 16


SKELETON: tuple[tuple[int, int], ...] = (
    (0, 1), (0, 2), (1, 3), (2, 4), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10),
    (5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16),
)  # fmt: skip
"""Pairs of `KeypointIndex` that a drawing joins."""


@dataclass
class PoseOutput:
    """One dict per person: `person_id` (index in this frame), `keypoints`, `image_size` (width, height) in pixels.

    `keypoints` is a list of 17 `[x, y, confidence]` in source pixels, ordered as `KeypointIndex`; x = y = 0 means not
    detected (its confidence is kept).
    """

    keypoints: list[dict[str, Any]] = field(default_factory=list)
    person_count: int = 0
