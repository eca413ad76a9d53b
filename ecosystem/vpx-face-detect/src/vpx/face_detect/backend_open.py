"""The bundled backend: CenterFace finds, the dlib ResNet embeds. MIT weights, fetched by `vpx.sdk.weights`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vpx.face_detect.backend import Detections
from vpx.face_detect.detector import CenterFace
from vpx.face_detect.faceid import FaceId
from vpx.face_detect.settings import FaceDetectSettings


class OpenBackend:
    """Detection and embedding with the bundled models; loads them when built (WeightsError if they are missing)."""

    embed_model = FaceId.name

    def __init__(self, settings: FaceDetectSettings) -> None:
        self._detector = CenterFace(settings.det_size, settings.min_confidence, settings.threads)
        self._face_id = FaceId(settings.threads, settings.mirror) if settings.embed else None

    def detect(self, frame_bgr: NDArray[np.uint8]) -> Detections:
        """Find the faces of one picture."""
        return self._detector.detect(frame_bgr)

    def embed(
        self, frame_bgr: NDArray[np.uint8], landmarks: Sequence[NDArray[np.floating]]
    ) -> list[NDArray[np.float32] | None]:
        """Embed one face per (5, 2) landmark set; all None where the setting `embed` is off."""
        if self._face_id is None:
            return [None] * len(landmarks)
        return self._face_id.embed(frame_bgr, landmarks)
