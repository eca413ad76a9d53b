"""Medoid prototypes of Face-ID embeddings (§6): compare a frame with a prototype, never with its neighbour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .types import Vector

Matrix = NDArray[np.float32]


def unit_or_none(vector: object) -> Vector | None:
    """A `(d,)` float32 unit vector, or None for anything missing, non-finite, empty or of zero length."""
    if vector is None:
        return None
    try:
        flat = np.asarray(vector, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        return None
    norm = float(np.linalg.norm(flat)) if flat.size else 0.0
    if not np.isfinite(norm) or norm < 1e-6:
        return None
    return (flat / norm).astype(np.float32)


def medoid_index(vectors: Matrix) -> int:
    """Row with the largest sum of cosines to all rows: exact for unit rows as argmax of `X @ X.sum(0)`, O(n·d)."""
    if not len(vectors):
        raise ValueError("a medoid needs at least one embedding")
    exact = vectors.astype(np.float64)
    return int(np.argmax(exact @ exact.sum(axis=0)))


def medoid(vectors: Matrix) -> Vector:
    """The medoid of `(n, d)` unit rows."""
    chosen: Vector = vectors[medoid_index(vectors)]
    return chosen


@dataclass(frozen=True, slots=True, eq=False)
class Reservoir:
    """At most `capacity` embeddings spread evenly over everything offered: every `stride`-th one.

    When full, every second is dropped and the stride doubles, so that a long video is represented from its first to its
    last minute. Deterministic.
    """

    capacity: int
    vectors: tuple[Vector, ...] = ()
    stride: int = 1
    offered: int = 0

    def add(self, vector: Vector) -> Reservoir:
        """The reservoir after one more embedding was offered."""
        vectors, stride = self.vectors, self.stride
        if self.offered % stride == 0:
            vectors = (*vectors, vector)
            if len(vectors) > self.capacity:
                vectors, stride = vectors[::2], stride * 2
        return Reservoir(self.capacity, vectors, stride, self.offered + 1)

    def merged(self, other: Reservoir) -> Reservoir:
        """Both together, thinned to the capacity."""
        vectors = sorted((*self.vectors, *other.vectors), key=lambda v: v.tobytes())
        stride = max(self.stride, other.stride)
        while len(vectors) > self.capacity:
            vectors, stride = vectors[::2], stride * 2
        return Reservoir(self.capacity, tuple(vectors), stride, self.offered + other.offered)

    def matrix(self) -> Matrix:
        """`(n, d)` float32, unit rows."""
        return np.stack(self.vectors)

    def __len__(self) -> int:
        return len(self.vectors)
