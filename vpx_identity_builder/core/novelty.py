"""What is new (§7): the smallest cosine distance to everything saved, face and body each on its own model's scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .config import NoveltyScale
from .types import Vector

NOTHING_SAVED = 1.0
"""Novelty of the first image: a cosine distance nothing less than unrelated reaches."""


def stacked(vectors: Sequence[Vector]) -> tuple[Vector, ...]:
    """Vectors as matrices of rows `(n, dim)`, one for each dimension: what is compared often is stacked once."""
    dims = dict.fromkeys(vector.size for vector in vectors)
    return tuple(np.concatenate([vector for vector in vectors if vector.size == dim]).reshape(-1, dim) for dim in dims)


def distance_to_nearest(vector: Vector, saved: Sequence[Vector]) -> float | None:
    """`min_j(1 - cos(vector, saved_j))`, or None where nothing comparable (of the same dimension) was saved.

    `saved`: vectors `(dim,)`, or matrices `(n, dim)` as `stacked` makes them.
    """
    nearest = [float((other @ vector).max()) for other in saved if other.shape[-1] == vector.size]
    return 1.0 - max(nearest) if nearest else None


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
