"""What is new (§7): the smallest cosine distance to everything saved, face and body each on its own model's scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .config import NoveltyScale
from .types import Vector

NOTHING_SAVED = 1.0
"""Novelty of the first image: a cosine distance nothing less than unrelated reaches."""


def distance_to_nearest(vector: Vector, saved: Sequence[Vector]) -> float | None:
    """`min_j(1 - cos(vector, saved_j))`, or None where nothing comparable (of the same dimension) was saved."""
    comparable = [other for other in saved if other.shape == vector.shape]
    if not comparable:
        return None
    return float(1.0 - np.max(np.stack(comparable) @ vector))


def dual_novelty(
    face: Vector | None,
    body: Vector | None,
    saved_faces: Sequence[Vector],
    saved_bodies: Sequence[Vector],
    face_scale: NoveltyScale,
    body_scale: NoveltyScale,
) -> float:
    """`max(face_novelty, body_novelty)` in units of the face model's cosine distance, 0..2.

    The body's distance is brought to the face model's scale through the two thresholds. With the face alone this is
    §7's formula as it stands. `NOTHING_SAVED` where there is nothing to compare with.
    """
    face_distance = None if face is None else distance_to_nearest(face, saved_faces)
    body_distance = None if body is None else distance_to_nearest(body, saved_bodies)
    known = []
    if face_distance is not None:
        known.append(face_distance)
    if body_distance is not None:
        known.append(body_distance * face_scale.threshold / body_scale.threshold)
    return max(0.0, max(known)) if known else NOTHING_SAVED
