"""Boxes `(x1, y1, x2, y2)` in pixels: overlap, smoothing and the head-and-shoulders crop."""

from __future__ import annotations

from collections.abc import Sequence

from .types import Box, IntBox

FACE_MARGIN = 0.1
"""Margin around the face box, in face sizes, that a crop keeps even where another face is near."""

SHOULDER_SHARE = 0.56
"""Share of the crop below the face centre: more room for shoulders than for hair."""


def area(box: Box) -> float:
    """Area in square pixels; 0 for an empty or inverted box."""
    x1, y1, x2, y2 = box
    return (x2 - x1) * (y2 - y1) if x2 > x1 and y2 > y1 else 0.0


def intersection(a: Box, b: Box) -> float:
    """Overlapping area in square pixels."""
    ax1, ay1, ax2, ay2 = a
    bx1, by1, bx2, by2 = b
    width = (ax2 if ax2 < bx2 else bx2) - (ax1 if ax1 > bx1 else bx1)
    height = (ay2 if ay2 < by2 else by2) - (ay1 if ay1 > by1 else by1)
    return width * height if width > 0 and height > 0 else 0.0


def iou(a: Box, b: Box) -> float:
    """Intersection over union, 0..1."""
    shared = intersection(a, b)
    union = area(a) + area(b) - shared
    return shared / union if union > 0 else 0.0


def centre(box: Box) -> tuple[float, float]:
    """Centre (x, y)."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def side(box: Box) -> float:
    """Longer side in pixels."""
    return max(box[2] - box[0], box[3] - box[1])


def shift(box: Box, dx: float, dy: float) -> Box:
    """The box moved by (dx, dy) pixels."""
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def blend(old: Box, new: Box, weight: float) -> Box:
    """Exponential moving average: `weight` of the new box."""
    return (
        old[0] + weight * (new[0] - old[0]),
        old[1] + weight * (new[1] - old[1]),
        old[2] + weight * (new[2] - old[2]),
        old[3] + weight * (new[3] - old[3]),
    )


def head_and_shoulders(face: Box, frame_size_px: tuple[int, int], others: Sequence[Box], scale: float) -> IntBox:
    """Square crop of `scale` face sizes around a face, moved into the frame and kept off other faces.

    It is smaller where the frame is, never padded. Where another face would be inside, the crop ends half-way between
    the two faces, but never inside this face plus a small margin, and is no square then. Never empty for a face that
    lies in the frame.
    """
    width, height = frame_size_px
    size = side(face)
    cx, cy = centre(face)
    edge = min(round(scale * size), width, height)
    x1, y1 = _start(cx - edge / 2, edge, width), _start(cy - edge * (1 - SHOULDER_SHARE), edge, height)
    x2, y2 = x1 + edge, y1 + edge
    keep = FACE_MARGIN * size
    for other in others:
        if intersection((x1, y1, x2, y2), other) <= 0:
            continue
        if other[0] >= face[2]:
            x2 = max(min(x2, (face[2] + other[0]) / 2), min(face[2] + keep, other[0]))
        elif other[2] <= face[0]:
            x1 = min(max(x1, (face[0] + other[2]) / 2), max(face[0] - keep, other[2]))
        elif other[1] >= face[3]:
            y2 = max(min(y2, (face[3] + other[1]) / 2), min(face[3] + keep, other[1]))
        elif other[3] <= face[1]:
            y1 = min(max(y1, (face[1] + other[3]) / 2), max(face[1] - keep, other[3]))
    return clip((x1, y1, x2, y2), frame_size_px) if width and height else (0, 0, 0, 0)


def _start(wanted: float, length: int, limit: int) -> float:
    """Where a stretch of `length` begins so that it lies within 0..`limit`, as near to `wanted` as it can."""
    return float(min(max(0, round(wanted)), limit - length))


def clip(box: Box, frame_size_px: tuple[int, int]) -> IntBox:
    """The box rounded to whole pixels and clipped at the frame (width, height)."""
    width, height = frame_size_px
    x1, y1 = min(width, max(0, round(box[0]))), min(height, max(0, round(box[1])))
    return x1, y1, max(x1, min(width, round(box[2]))), max(y1, min(height, round(box[3])))


def contains_other_face(crop: IntBox, face: Box, others: Sequence[Box], share: float = 0.15) -> bool:
    """True when more than `share` of another face lies inside the crop."""
    x1, y1, x2, y2 = crop
    return any(
        intersection((x1, y1, x2, y2), other) > share * area(other) for other in others if other != face and area(other)
    )


def union(a: IntBox, b: IntBox) -> IntBox:
    """The smallest box that holds both."""
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
