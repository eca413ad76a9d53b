"""What `face.detect` delivers. Plain dataclasses with fields only: they cross process boundaries as dicts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass
class FaceObservation:
    """One face in normalised coordinates.

    `bbox` = (x, y, w, h) in 0..1 of the picture, cut at its edges; `inside_frame` tells that nothing was cut.
    `face_id` is a frame-to-frame track: it can change at a gap and swap when two people cross.
    Degrees: `yaw` > 0 = turned to the image's right, `pitch` > 0 = up, `roll` > 0 = clockwise in the image.
    `area_ratio` is the box area over the picture area; `center_distance` runs from 0 (centre) to 1 (corner).
    `signals` holds floats such as `mesh_score`; `embedding` (dim,) float32 is a unit vector or None.
    """

    face_id: int
    confidence: float
    bbox: tuple[float, float, float, float]
    inside_frame: bool = True
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    area_ratio: float = 0.0
    center_distance: float = 0.0
    signals: dict[str, float] = field(default_factory=dict)
    embedding: NDArray[np.float32] | None = None


@dataclass
class DetectedFace:
    """One face in source pixels.

    `bbox` = (x, y, w, h); `landmarks` (5, 2) float32: eye, eye, nose, mouth corner, mouth corner, image-left first.
    `mesh` (468, 3) float32: x, y in source pixels, z in the same scale. `appearance` (31, 41) float32 or None: what
    each part of the face looks like, see `appearance.FaceAppearance`. Angles and embedding as in `FaceObservation`.
    """

    bbox: tuple[float, float, float, float]
    confidence: float
    landmarks: NDArray[np.float32] | None = None
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    embedding: NDArray[np.float32] | None = None
    face_id: int = -1
    mesh: NDArray[np.float32] | None = None
    appearance: NDArray[np.float32] | None = None


@dataclass
class FaceDetectOutput:
    """All faces of one frame. The two lists hold the same faces here, but match them by box, never by index.

    `image_size` = (width, height) in pixels; `embed_model` names the space that the embeddings live in.
    """

    faces: list[FaceObservation] = field(default_factory=list)
    detected_faces: list[DetectedFace] = field(default_factory=list)
    image_size: tuple[int, int] = (0, 0)
    embed_model: str = ""
