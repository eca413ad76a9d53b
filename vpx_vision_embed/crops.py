"""Boxes and keypoints → square crops, and the smoothing of boxes per track. Pure but for the smoother's own memory.

All boxes are (x1, y1, x2, y2) floats in source pixels unless a name says otherwise.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed.errors import CropError
from vpx_vision_embed.types import Box

Image = NDArray[np.uint8]

FACE_EXPAND = 1.5
"""Side of the face crop in face boxes: hair, chin and ears, little background."""
MIN_VISIBLE = 1 / 3
"""A box with less of its area inside the frame is not worth a crop."""
MAX_GAP_NS = 1_000_000_000
MIN_IOU = 0.3
MAX_TRACKS = 256

_LEFT_SHOULDER, _RIGHT_SHOULDER, _LEFT_HIP, _RIGHT_HIP = 5, 6, 11, 12
_MIN_KEYPOINT_CONF = 0.3


def xywh_to_box(xywh: Sequence[float], scale_x: float = 1.0, scale_y: float = 1.0) -> Box | None:
    """(x, y, w, h) times the scales (the frame's size for normalised boxes) as a Box; None if it is no box.

    None for another length, for text, for a number that is not finite, and for a side of 0 or less.
    """
    try:
        x, y, w, h = (float(value) for value in xywh)
    except (TypeError, ValueError):
        return None
    box = (x * scale_x, y * scale_y, (x + w) * scale_x, (y + h) * scale_y)
    if not all(math.isfinite(value) for value in box) or box[2] <= box[0] or box[3] <= box[1]:
        return None
    return box


def area(box: Box) -> float:
    """Square pixels; 0 for a box without inside."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def intersection(a: Box, b: Box) -> Box:
    """The common part; its area is 0 if there is none."""
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def iou(a: Box, b: Box) -> float:
    """Intersection over union, 0..1."""
    common = area(intersection(a, b))
    union = area(a) + area(b) - common
    return common / union if union > 0.0 else 0.0


def visible_fraction(box: Box, width: int, height: int) -> float:
    """Part of the box's area inside a frame of this size, 0..1."""
    whole = area(box)
    return area(intersection(box, (0.0, 0.0, float(width), float(height)))) / whole if whole > 0.0 else 0.0


def square_around(box: Box, expand: float = 1.0) -> Box:
    """The square on the box's centre whose side is the box's longer side times `expand`."""
    half = max(box[2] - box[0], box[3] - box[1]) * expand / 2
    cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return cx - half, cy - half, cx + half, cy + half


def cut_square(image: Image, square: Box) -> tuple[Image, Box]:
    """Cut a square out of an image, repeating the edge pixels where it reaches over the frame.

    Args:
        image: (h, w, 3) uint8.
        square: any box; its width counts as the side. Rounded to whole pixels, at least one.

    Returns:
        (side, side, 3) uint8 and the box in whole pixels that it shows. Never squashed, never shifted.

    Raises:
        CropError: no pixel of the square lies in the image.
    """
    height, width = image.shape[:2]
    side = max(1, round(square[2] - square[0]))
    left, top = round((square[0] + square[2] - side) / 2), round((square[1] + square[3] - side) / 2)
    right, bottom = left + side, top + side
    inner = image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    if inner.size == 0:
        raise CropError(f"the square {square} lies outside the frame of {width} x {height} pixels")
    pads = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
    if any(pads):
        inner = np.asarray(cv2.copyMakeBorder(inner, *pads, cv2.BORDER_REPLICATE), np.uint8)
    return inner, (float(left), float(top), float(right), float(bottom))


def body_box_from_face(face: Box, width: int, height: int) -> Box:
    """Head and upper body guessed from the face box: four faces wide, four high, inside the frame."""
    w, h = face[2] - face[0], face[3] - face[1]
    cx = (face[0] + face[2]) / 2
    guess = (cx - 2 * w, face[1] - h / 2, cx + 2 * w, face[3] + 2.5 * h)
    return intersection(guess, (0.0, 0.0, float(width), float(height)))


def body_box_from_pose(points: NDArray[np.float64], face: Box, width: int, height: int) -> Box | None:
    """Head and upper body from COCO keypoints, inside the frame; None unless both shoulders are seen.

    Args:
        points: (17, 3) x px, y px, confidence 0..1; x or y of 0 means not detected.
        face: the face box of the same person; the crop starts above it.
    """
    if not (is_seen(points[_LEFT_SHOULDER]) and is_seen(points[_RIGHT_SHOULDER])):
        return None
    shoulders = points[[_LEFT_SHOULDER, _RIGHT_SHOULDER], :2]
    across = float(np.ptp(shoulders[:, 0]))
    hips = [points[index, :2] for index in (_LEFT_HIP, _RIGHT_HIP) if is_seen(points[index])]
    bottom = max((float(hip[1]) for hip in hips), default=float(shoulders[:, 1].max()) + 1.3 * across)
    xs = [*shoulders[:, 0], *(hip[0] for hip in hips), face[0], face[2]]
    margin = across / 4
    box = (
        float(min(xs)) - margin,
        face[1] - (face[3] - face[1]) / 4,
        float(max(xs)) + margin,
        max(bottom, face[3]),
    )
    return intersection(box, (0.0, 0.0, float(width), float(height)))


def is_seen(point: NDArray[np.float64]) -> bool:
    """Whether a keypoint (x, y, conf) was detected with a usable confidence."""
    return bool(np.isfinite(point).all() and point[0] > 0 and point[1] > 0 and point[2] >= _MIN_KEYPOINT_CONF)


@dataclass(frozen=True)
class _Track:
    box: Box
    t_ns: int


class TrackSmoother:
    """Exponential moving average of boxes, apart for every track (design document §4, §14.2).

    A track starts anew after a gap of more than a second, when time runs backwards, and when its box jumps (IoU with
    the smoothed one below 0.3). Tracks not seen for more than a second are forgotten, so memory stays bounded.

    Args:
        alpha: weight of the newest box, 0 < alpha ≤ 1; 1 = no smoothing.
    """

    def __init__(self, alpha: float = 0.4) -> None:
        if not 0.0 < alpha <= 1.0:
            raise ValueError(f"alpha must be in 0 < alpha <= 1, found {alpha}")
        self._alpha = alpha
        self._tracks: OrderedDict[int, _Track] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tracks)

    def update(self, track_id: int, box: Box, t_ns: int) -> Box:
        """The smoothed box of this track at this time."""
        self._forget(t_ns)
        last = self._tracks.pop(track_id, None)
        if last is not None and 0 <= t_ns - last.t_ns <= MAX_GAP_NS and iou(last.box, box) >= MIN_IOU:
            box = _blend(last.box, box, self._alpha)
        self._tracks[track_id] = _Track(box, t_ns)
        if len(self._tracks) > MAX_TRACKS:
            self._tracks.popitem(last=False)
        return box

    def clear(self) -> None:
        """Forget every track."""
        self._tracks.clear()

    def _forget(self, t_ns: int) -> None:
        stale = [key for key, track in self._tracks.items() if abs(t_ns - track.t_ns) > MAX_GAP_NS]
        for key in stale:
            del self._tracks[key]


def _blend(old: Box, new: Box, alpha: float) -> Box:
    x1, y1, x2, y2 = (alpha * n + (1.0 - alpha) * o for o, n in zip(old, new, strict=True))
    return x1, y1, x2, y2
