"""Which square of the frame to show to the pose model, and where its points lie in the frame. Pure geometry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Box = tuple[float, float, float, float]

FACE_SHIFT_DOWN = 1.2
"""How far below the face's centre the square's centre lies, in face sizes: head and torso together."""
HEAD_POINTS = 5
HEAD_MARGIN = 0.75
"""A pose belongs to a face when its head points' centre is within this many face sizes of the face's centre."""


@dataclass(frozen=True)
class Square:
    """An upright square in source pixels; parts outside the frame are shown black."""

    center_x: float
    center_y: float
    side: float

    def to_input(self, size_px: int) -> npt.NDArray[np.float64]:
        """(2, 3) affine from source pixels to a picture of `size_px` squared."""
        scale = size_px / self.side
        return np.array(
            [
                [scale, 0.0, size_px / 2 - scale * self.center_x],
                [0.0, scale, size_px / 2 - scale * self.center_y],
            ]
        )

    def to_frame(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """(n, 2) points as fractions of the square (x, y) to source pixels."""
        corner = np.array([self.center_x, self.center_y]) - self.side / 2
        return np.asarray(points, np.float64) * self.side + corner


def face_size(box: Box) -> float:
    """One length for a face box (x, y, w, h): its width, or the width that its height suggests if that is larger."""
    return max(box[2], box[3] / 1.3)


def person_square(box: Box, scale: float) -> Square:
    """Square around head and torso: side `scale` times the face's size, centre below the face's centre."""
    size = face_size(box)
    return Square(box[0] + box[2] / 2, box[1] + box[3] / 2 + FACE_SHIFT_DOWN * size, scale * size)


def whole_frame(width: int, height: int) -> Square:
    """Square that holds the whole frame."""
    return Square(width / 2, height / 2, float(max(width, height)))


def keep_detected(
    points: npt.NDArray[np.floating], min_confidence: float, width: int, height: int
) -> list[list[float]]:
    """(17, 3) points [x, y, conf] px as lists; unsure, non-finite and out-of-frame ones become `[0, 0, conf]`."""
    kept: list[list[float]] = []
    for x, y, confidence in np.asarray(points, np.float64).tolist():
        if not math.isfinite(confidence):
            kept.append([0.0, 0.0, 0.0])
        elif confidence >= min_confidence and 0 < x < width and 0 < y < height:
            kept.append([x, y, confidence])
        else:
            kept.append([0.0, 0.0, confidence])
    return kept


def detected_count(keypoints: list[list[float]]) -> int:
    """Number of points that were detected."""
    return sum(1 for x, y, _ in keypoints if x > 0 and y > 0)


def belongs_to_face(keypoints: list[list[float]], box: Box) -> bool:
    """Is this pose the one of this face, and not a neighbour's in the same square? False without a head point."""
    head = [(x, y) for x, y, _ in keypoints[:HEAD_POINTS] if x > 0 and y > 0]
    if not head:
        return False
    center = np.mean(head, axis=0)
    reach = HEAD_MARGIN * max(box[2], box[3])
    return bool(math.hypot(center[0] - (box[0] + box[2] / 2), center[1] - (box[1] + box[3] / 2)) <= reach)


def face_boxes(data: Any, width: int, height: int) -> list[Box]:
    """Face boxes (x, y, w, h) in pixels of a face.detect output, largest first; boxes that make no sense are dropped.

    All detected faces count where the output lists them, otherwise its normalised observations.
    """
    detected = getattr(data, "detected_faces", None)
    if detected:
        boxes = [_box(face, 1.0, 1.0) for face in detected]
    else:
        boxes = [_box(face, width, height) for face in getattr(data, "faces", None) or ()]
    usable = [box for box in boxes if box is not None]
    return sorted(usable, key=lambda box: (-box[2] * box[3], box))


def _box(face: Any, scale_x: float, scale_y: float) -> Box | None:
    raw = getattr(face, "bbox", None)
    if raw is None or len(raw) != 4:
        return None
    x, y, w, h = float(raw[0]) * scale_x, float(raw[1]) * scale_y, float(raw[2]) * scale_x, float(raw[3]) * scale_y
    if not all(math.isfinite(v) for v in (x, y, w, h)) or w < 1 or h < 1:
        return None
    return (x, y, w, h)
