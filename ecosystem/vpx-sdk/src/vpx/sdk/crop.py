"""Steady crops around boxes. Boxes are (x1, y1, x2, y2) in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]


def face_crop(
    image: NDArray[np.uint8], box: Sequence[float], expand: float = 1.0
) -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
    """Cut a square around a face box, clipped at the picture's edge, never padded or scaled.

    ``image`` is (h, w, 3) uint8, ``box`` is (x1, y1, x2, y2) px, ``expand`` multiplies the longer side. Returns a copy
    of the pixels and the integer box that was cut. Raises ``ValueError`` where the box is degenerate or outside of the
    picture.
    """
    x1, y1, x2, y2 = (float(value) for value in box)
    if not (all(math.isfinite(value) for value in (x1, y1, x2, y2, expand)) and x2 > x1 and y2 > y1 and expand > 0):
        raise ValueError(f"a crop needs a finite box with x2 > x1 and y2 > y1, got {(x1, y1, x2, y2)}, expand {expand}")
    half = max(x2 - x1, y2 - y1) * expand / 2
    cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
    height, width = image.shape[:2]
    left, top = max(0, math.floor(cx - half)), max(0, math.floor(cy - half))
    right, bottom = min(width, math.ceil(cx + half)), min(height, math.ceil(cy + half))
    if left >= right or top >= bottom:
        raise ValueError(f"the box {(x1, y1, x2, y2)} lies outside of the {width}x{height} picture")
    return image[top:bottom, left:right].copy(), (left, top, right, bottom)


class BBoxSmoother:
    """Exponential smoothing of boxes, each track with a state of its own.

    ``alpha`` is the weight of the new box. A track starts afresh after ``max_gap_ns`` without a box, or where the new
    box overlaps the smoothed one by less than ``min_iou``.
    """

    def __init__(self, alpha: float = 0.3, max_gap_ns: int = 1_000_000_000, min_iou: float = 0.3) -> None:
        if not 0 < alpha <= 1:
            raise ValueError(f"alpha must be in (0, 1], got {alpha}")
        self._alpha = alpha
        self._max_gap_ns = max_gap_ns
        self._min_iou = min_iou
        self._tracks: dict[int, tuple[int, Box]] = {}

    def update(self, track_id: int, box: Sequence[float], t_ns: int) -> Box:
        """Feed one box (x1, y1, x2, y2) of a track at a time; returns the smoothed box."""
        x1, y1, x2, y2 = (float(value) for value in box)
        new: Box = (x1, y1, x2, y2)
        self._tracks = {key: state for key, state in self._tracks.items() if abs(t_ns - state[0]) <= self._max_gap_ns}
        known = self._tracks.get(track_id)
        if known is not None and iou(known[1], new) >= self._min_iou:
            a, old = self._alpha, known[1]
            new = (
                old[0] + a * (x1 - old[0]),
                old[1] + a * (y1 - old[1]),
                old[2] + a * (x2 - old[2]),
                old[3] + a * (y2 - old[3]),
            )
        self._tracks[track_id] = (t_ns, new)
        return new

    def reset(self) -> None:
        """Forget all tracks."""
        self._tracks.clear()


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1; 0 where both are empty."""
    overlap = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap
    return overlap / union if union > 0 else 0.0
