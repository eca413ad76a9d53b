"""What the pixels of one face say (sharpness, light, alignment) and the encoding of crops."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .core.geometry import area, centre, clip, side
from .core.types import Box, FaceMeasures, Image, IntBox
from .errors import EncodingError
from .sharpness import ALIGNED_PX, sharpness

CANONICAL_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float64
)
"""Eyes, nose, mouth corners of the ArcFace alignment template at 112 px (published with InsightFace)."""
EYE_DISTANCE = 35.24
MISFIT_PER_YAW_SQUARED = 1.2e-4
"""A turned head misfits the frontal template by about this much per squared degree: .09 at 22, .15-.19 at 37, .25-.32
at 50 degrees over a base of .05, medians over four videos; what lies beyond is bad alignment."""
CROP_SCALE = 2.4
"""Side of the region whose light stands for the crop's, in face sizes."""
GRID_SCALE = 1.3
"""Side of the region that is searched for a codec's blocks, in face sizes."""
SMALLEST_SCALE = 1e-3
"""Landmarks that would shrink the face more than this have fallen into one point: they tell nothing."""


def align(image: Image, landmarks: NDArray[np.float64] | None, bbox: Box) -> tuple[Image, float | None]:
    """The face at one canonical size, `(112, 112)` uint8 grey, and the misfit of the landmarks in eye distances.

    Without landmarks the box is resized and the misfit is None.
    """
    misfit: float | None = None
    if landmarks is None:
        source = _corners(bbox)
        target = np.array([[0, 0], [ALIGNED_PX, 0], [0, ALIGNED_PX]], np.float64)
        matrix = _similarity(source, target)[0]
    else:
        matrix, residual = _similarity(landmarks, CANONICAL_POINTS)
        misfit = residual / EYE_DISTANCE
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < SMALLEST_SCALE:
        return align(image, None, bbox)
    grey, matrix = _local_grey(image, bbox, matrix)
    if scale < 1.0:
        sigma = 0.5 * (1.0 / scale - 1.0)
        grey = cv2.GaussianBlur(grey, (0, 0), sigma) if sigma > 0.1 else grey
    warped = cv2.warpAffine(grey, matrix, (ALIGNED_PX, ALIGNED_PX), flags=cv2.INTER_LINEAR, borderMode=1)
    return np.asarray(warped, np.uint8), misfit


def _corners(bbox: Box) -> NDArray[np.float64]:
    half = side(bbox) / 2
    x, y = centre(bbox)
    return np.array([[x - half, y - half], [x + half, y - half], [x - half, y + half]], np.float64)


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Least-squares scale, rotation and shift from source to target, `(2, 3)`, and its RMS residual in target px."""
    zero, one = np.zeros(len(source)), np.ones(len(source))
    x, y = source[:, 0], source[:, 1]
    rows = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    wanted = np.concatenate([target[:, 0], target[:, 1]])
    (a, b, tx, ty), *_ = np.linalg.lstsq(rows, wanted, rcond=None)
    residual = rows @ np.array([a, b, tx, ty]) - wanted
    return np.array([[a, -b, tx], [b, a, ty]]), float(np.sqrt(np.sum(residual**2) / len(source)))


def _local_grey(image: Image, bbox: Box, matrix: NDArray[np.float64]) -> tuple[Any, NDArray[np.float64]]:
    """Grey of the face's surroundings only, and the matrix moved to it: converting whole frames would cost more."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = _surround((width, height), bbox, 2.0)
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ np.array([x1, y1], np.float64)
    return cv2.cvtColor(image[y1:y2, x1:x2], cv2.COLOR_BGR2GRAY), moved


def _surround(size: tuple[int, int], bbox: Box, factor: float) -> IntBox:
    half = factor * side(bbox) / 2
    x, y = centre(bbox)
    return clip((x - half, y - half, x + half, y + half), size)


def measure(
    image: Image,
    bbox: Box,
    landmarks: NDArray[np.float64] | None,
    yaw_deg: float | None = None,
    outline: Box | None = None,
) -> FaceMeasures:
    """All measures of one face of a `(h, w, 3)` uint8 BGR frame; only sizes where the box lies outside the frame.

    `outline`: box around the whole face where it is known, also beyond the frame, which detectors' boxes stop at.
    """
    height, width = image.shape[:2]
    x1, y1, x2, y2 = clip(bbox, (width, height))
    face_px = min(bbox[2] - bbox[0], bbox[3] - bbox[1])
    share = area(bbox) / (width * height)
    if x2 - x1 < 2 or y2 - y1 < 2:
        return FaceMeasures(face_px, share, edge_margin=_edge_margin(bbox, outline, width, height))
    aligned, misfit = align(image, landmarks, bbox)
    sx1, sy1, sx2, sy2 = _surround((width, height), bbox, CROP_SCALE)
    around = np.asarray(cv2.cvtColor(image[sy1:sy2, sx1:sx2], cv2.COLOR_BGR2GRAY), np.uint8)
    gx1, gy1, gx2, gy2 = _surround((width, height), bbox, GRID_SCALE)
    face = around[y1 - sy1 : y2 - sy1, x1 - sx1 : x2 - sx1]
    clipped = float(np.mean((face >= 250) | (face <= 4)))
    if misfit is not None:
        misfit = max(0.0, misfit - MISFIT_PER_YAW_SQUARED * (yaw_deg or 0.0) ** 2)
    return FaceMeasures(
        face_px,
        share,
        sharpness(aligned, around[gy1 - sy1 : gy2 - sy1, gx1 - sx1 : gx2 - sx1]),
        float(face.mean()),
        clipped,
        misfit,
        _edge_margin(bbox, outline, width, height),
        float(around.mean()),
    )


def _edge_margin(bbox: Box, outline: Box | None, width: int, height: int) -> float:
    margins = [min(box[0], box[1], width - box[2], height - box[3]) for box in (bbox, outline or bbox)]
    return min(margins) / max(1.0, side(bbox))


def encode(image: Image, box: IntBox, image_format: str, jpeg_quality: int) -> bytes:
    """The crop as JPEG or PNG bytes, without any metadata."""
    x1, y1, x2, y2 = box
    if x2 <= x1 or y2 <= y1:
        raise EncodingError(box, image_format, "it is empty")
    crop = image[y1:y2, x1:x2]
    if image_format == "png":
        done, data = cv2.imencode(".png", crop)
    else:
        done, data = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    if not done:
        raise EncodingError(box, image_format, "the image library refused it")
    return bytes(data)
