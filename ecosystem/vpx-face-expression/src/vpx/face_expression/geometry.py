"""Raw measures from a face mesh and an eye contour. Pure geometry, no thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vpx.face_detect.pose import turned_straight

Box = tuple[float, float, float, float]

EYE_LEFT, EYE_RIGHT = (33, 133), (362, 263)
"""Mesh points at an eye's two corners, from the image's left to its right; LEFT and RIGHT are the image's sides."""
MOUTH_CORNERS = (61, 291)
INNER_LIPS = (13, 14)
_OUTER_LIPS = (0, 17)
_NOSE_WINGS = (98, 327)
CONTOUR_POINTS = 16
_LOWER_LID, _UPPER_LID = slice(2, 7), slice(10, 15)
_CORNERS = (0, 8)
EYE_CROP_PER_WIDTH = 2.3
"""Side of the iris model's picture in eye widths, as the model was trained."""


@dataclass(frozen=True)
class MouthMeasures:
    """Mouth corner distance and inner-lip gap, both over the outer-eye distance; all with the mesh's depth.

    In the image alone a turned head shortens the eye distance but not the gap, and a closed mouth at 45 degrees of yaw
    looks open. `back`: how far the corners lie behind the middle of the lips, `wing`: mean distance of a corner from
    the nose wing above it; both over the outer-eye distance, of the head turned straight.
    """

    width: float
    gap: float
    back: float
    wing: float


def _distance(mesh: npt.NDArray[np.floating], pair: tuple[int, int], axes: int = 2) -> float:
    return math.dist(mesh[pair[0], :axes].tolist(), mesh[pair[1], :axes].tolist())


def eye_span(mesh: npt.NDArray[np.floating]) -> float:
    """Distance of the outer eye corners in pixels, of a (468, 3) mesh."""
    return _distance(mesh, (EYE_LEFT[0], EYE_RIGHT[1]))


def eye_widths(mesh: npt.NDArray[np.floating]) -> tuple[float, float]:
    """Corner-to-corner width in pixels of the eye on the image's left and of the one on its right."""
    return _distance(mesh, EYE_LEFT), _distance(mesh, EYE_RIGHT)


def mouth_measures(mesh: npt.NDArray[np.floating]) -> MouthMeasures | None:
    """Mouth of a (468, 3) mesh; None where the mesh is not finite or has no extent."""
    span = _distance(mesh, (EYE_LEFT[0], EYE_RIGHT[1]), axes=3)
    head = turned_straight(mesh) if np.isfinite(mesh).all() and span >= 1e-6 else None
    if head is None:
        return None
    width, gap = _distance(mesh, MOUTH_CORNERS, axes=3), _distance(mesh, INNER_LIPS, axes=3)
    straight = _distance(head, (EYE_LEFT[0], EYE_RIGHT[1]), axes=3)
    back = float(head[list(_OUTER_LIPS), 2].mean() - head[list(MOUTH_CORNERS), 2].mean())
    wing = sum(_distance(head, pair, axes=3) for pair in zip(MOUTH_CORNERS, _NOSE_WINGS, strict=True)) / 2
    return MouthMeasures(width=width / span, gap=gap / span, back=back / straight, wing=wing / straight)


def eye_transform(
    mesh: npt.NDArray[np.floating], corners: tuple[int, int], size_px: int, mirror: bool
) -> npt.NDArray[np.float64]:
    """(2, 3) affine from frame pixels to the upright eye picture of `size_px` squared, mirrored on demand.

    Errors: ValueError where the eye's corners are not finite or in one place.
    """
    start, end = (np.asarray(mesh[i, :2], np.float64) for i in corners)
    across = end - start
    width = float(np.hypot(*across))
    if not math.isfinite(width) or width < 1e-6:
        raise ValueError("the corners of an eye must be finite and apart from each other")
    right = across / width
    scale = size_px / (EYE_CROP_PER_WIDTH * width)
    linear = scale * np.array([right, [-right[1], right[0]]])
    if mirror:
        linear[0] *= -1
    return np.column_stack([linear, size_px / 2 - linear @ ((start + end) / 2)])


def lid_gap(contour: npt.NDArray[np.floating]) -> float | None:
    """Mean distance of upper and lower lid over the eye's width, from the (16, 2) eye contour; None if degenerate.

    Points 0..8 run along the lower lid from corner to corner, 9..15 along the upper lid.
    """
    points = np.asarray(contour, np.float64)
    if points.shape != (CONTOUR_POINTS, 2) or not np.isfinite(points).all():
        return None
    start, end = points[_CORNERS[0]], points[_CORNERS[1]]
    axis = end - start
    width = float(np.hypot(*axis))
    if width < 1e-6:
        return None
    height = (points - start) @ np.array([-axis[1], axis[0]]) / width
    return float(abs(height[_LOWER_LID].mean() - height[_UPPER_LID].mean())) / width


def iris_shift(contour: npt.NDArray[np.floating], iris: npt.NDArray[np.floating]) -> float | None:
    """How far the iris centre (2,) lies to the right of the middle between the eye's corners, in eye widths."""
    points, centre = np.asarray(contour, np.float64), np.asarray(iris, np.float64)
    if points.shape != (CONTOUR_POINTS, 2) or not np.isfinite(points).all() or not np.isfinite(centre).all():
        return None
    start, end = points[_CORNERS[0]], points[_CORNERS[1]]
    axis = (end - start) * (1.0 if end[0] >= start[0] else -1.0)
    squared = float(axis @ axis)
    return None if squared < 1e-12 else float((centre - (start + end) / 2) @ axis) / squared


def inside(points: npt.NDArray[np.floating], width: int, height: int) -> bool:
    """Are all (n, 2+) points finite and within the picture?"""
    plane = points[:, :2]
    return bool(np.isfinite(plane).all() and (plane >= 0).all() and (plane < (width, height)).all())


def overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes (x, y, w, h); 0 for what is no box."""
    if not all(math.isfinite(v) for v in (*first, *second)):
        return 0.0
    across = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    down = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    if across <= 0 or down <= 0:
        return 0.0
    shared = across * down
    return shared / (first[2] * first[3] + second[2] * second[3] - shared)


def match_face(bbox: Box, detected: list[Any], width: int, height: int, least: float) -> Any | None:
    """The detected face (pixel box, cut at the frame's edges here) that overlaps a normalised box best, or None."""
    wanted = (bbox[0] * width, bbox[1] * height, bbox[2] * width, bbox[3] * height)
    scored = [(overlap(wanted, _cut(face.bbox, width, height)), index) for index, face in enumerate(detected)]
    best = max(scored, key=lambda pair: (pair[0], -pair[1]), default=(0.0, -1))
    return detected[best[1]] if best[0] >= least else None


def _cut(bbox: Any, width: int, height: int) -> Box:
    x, y, w, h = (float(v) for v in bbox)
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, float(width)), min(y + h, float(height))
    return (left, top, right - left, bottom - top)
