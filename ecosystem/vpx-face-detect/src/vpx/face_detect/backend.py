"""What a detector-plus-embedder backend offers to the analyzer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FoundFace:
    """One detection: `box` (4,) x1, y1, x2, y2 px (not cut at the frame), `landmarks` (5, 2) px, `score` 0..1."""

    box: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    score: float


@dataclass(frozen=True, slots=True)
class Detections:
    """The faces of a frame, best first, and how many candidates were dropped because their numbers were not finite."""

    faces: list[FoundFace]
    nonfinite: int = 0


class FaceBackend(Protocol):
    """Finds faces and embeds them. `embed_model` names the embedding space."""

    embed_model: str

    def detect(self, frame_bgr: NDArray[np.uint8]) -> Detections:
        """Find the faces of one picture."""

    def embed(
        self, frame_bgr: NDArray[np.uint8], landmarks: Sequence[NDArray[np.floating]]
    ) -> list[NDArray[np.float32] | None]:
        """Embed one face per (5, 2) landmark set as a unit vector, None where that is not possible."""
