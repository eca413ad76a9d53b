"""Boxes as (x1, y1, x2, y2) in pixels: overlap and suppression. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]


def areas(boxes: Boxes) -> NDArray[np.float64]:
    """Return the area of each of (n, 4) boxes; an inverted box has none."""
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None)
    return sides[:, 0] * sides[:, 1]


def intersections(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """Return the (n, m) areas that (n, 4) and (m, 4) boxes share."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.clip(high - low, 0.0, None)
    return np.asarray(sides[..., 0] * sides[..., 1])


def iou(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """Return the (n, m) intersection over union in 0..1; boxes without area overlap nothing."""
    shared = intersections(a, b)
    union = areas(a)[:, None] + areas(b)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def suppress(boxes: Boxes, scores: NDArray[np.floating], max_iou: float, max_inside: float) -> list[int]:
    """Return the indices of the boxes to keep, best score first (ties: lower index).

    A box goes when it overlaps a better one by more than `max_iou`, or when more than the share `max_inside` of the
    smaller of the two lies inside the other: so one face never yields two boxes, one within the other.
    """
    shared = intersections(boxes, boxes)
    size = areas(boxes)
    union = size[:, None] + size[None, :] - shared
    smaller = np.minimum(size[:, None], size[None, :])
    overlap = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    inside = np.divide(shared, smaller, out=np.zeros_like(shared), where=smaller > 0)
    clash = (overlap > max_iou) | (inside > max_inside)
    kept: list[int] = []
    for index in np.argsort(-np.asarray(scores, np.float64), kind="stable"):
        if not clash[index, kept].any():
            kept.append(int(index))
    return kept
