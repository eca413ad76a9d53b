"""Medoid prototypes of Face-ID embeddings (§6): compare a frame with a prototype, never with its neighbour."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .thinned import Thinned
from .types import FaceSample, Vector

Matrix = NDArray[np.float32]

UNIT_TOLERANCE = 1e-3


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


def with_unit_vectors(sample: FaceSample) -> tuple[FaceSample, int]:
    """The sample with unit embeddings only, and how many were dropped: one that is not finite captures a medoid."""
    given = (sample.e_id, sample.e_vis_face, sample.e_vis_body)
    if all(vector is None or abs(float(vector @ vector) - 1.0) < UNIT_TOLERANCE for vector in given):
        return sample, 0
    e_id, face, body = (unit_or_none(vector) for vector in given)
    lost = sum(old is not None and new is None for old, new in zip(given, (e_id, face, body), strict=True))
    return replace(sample, e_id=e_id, e_vis_face=face, e_vis_body=body), lost


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
class Reservoir(Thinned[Vector]):
    """Embeddings spread evenly over everything offered: a long video counts from its first to its last minute."""

    def matrix(self) -> Matrix:
        """`(n, d)` float32, unit rows."""
        return np.concatenate(self.values).reshape(len(self.values), -1)
