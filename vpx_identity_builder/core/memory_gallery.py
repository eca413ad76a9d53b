"""Whom of many remembered persons an embedding shows, by the most similar of all their nodes. Pure.

Small galleries are compared whole. In large ones each person is first compared by one short vector: the direction of
the mean of its nodes, seen along the directions in which these means differ most. The nodes of the persons nearest by
that are then compared exactly. `docs/memory.md` says how often this finds another one than comparing all, and its cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .types import Vector

Matrix = NDArray[np.float32]

EXACT_UP_TO = 20_000
"""Nodes that are all compared."""
SHORT_DIM = 128
CANDIDATES = 64
"""Persons whose nodes are compared exactly."""
AXES_FROM = 20_000
"""At most about so many persons, evenly spread, tell the directions."""


@dataclass(frozen=True, slots=True)
class GalleryMatch:
    """The person (its place in the gallery's order), its most similar node, and the cosine."""

    person: int
    node: int
    similarity: float


class Gallery:
    """Nodes of many persons: `vectors` `(n, d)` float32 unit rows, `owners` `(n,)` the person of each, 0 and up,
    the nodes of one person side by side."""

    def __init__(self, vectors: Matrix, owners: NDArray[np.int64]) -> None:
        if vectors.ndim != 2 or owners.shape != (len(vectors),) or np.any(np.diff(owners) < 0):
            raise ValueError("a gallery needs (n, d) vectors and n owners in order")
        self.vectors, self.owners = vectors, owners
        self._starts = np.searchsorted(owners, np.arange(int(owners[-1]) + 2 if len(owners) else 1))
        self._axes: Matrix | None = None
        if len(vectors) > EXACT_UP_TO:
            means = self._means()
            self._axes = _directions(means, min(SHORT_DIM, vectors.shape[1]))
            self._short = np.ascontiguousarray(means @ self._axes)

    def _means(self) -> Matrix:
        filled = np.flatnonzero(np.diff(self._starts))
        sums = np.zeros((len(self._starts) - 1, self.vectors.shape[1]), np.float32)
        sums[filled] = np.add.reduceat(self.vectors, self._starts[filled])
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(sums / np.maximum(lengths, 1e-12), np.float32)

    def match(self, e_id: Vector, leaving_out: Sequence[int] = ()) -> GalleryMatch | None:
        """The nearest person; None in an empty gallery. `leaving_out`: persons that it cannot be."""
        rows = self._rows(e_id)
        if leaving_out:
            rows = rows[~np.isin(self.owners[rows], leaving_out)]
        if not len(rows):
            return None
        near = self.vectors[rows] @ e_id if len(rows) < len(self.vectors) else self.vectors @ e_id
        best = int(np.argmax(near))
        row = int(rows[best])
        person = int(self.owners[row])
        return GalleryMatch(person, row - int(self._starts[person]), float(near[best]))

    def _rows(self, e_id: Vector) -> NDArray[np.int64]:
        """Rows that may hold the nearest node."""
        if self._axes is None:
            return np.arange(len(self.vectors))
        near = self._short @ (e_id @ self._axes)
        people = (
            np.sort(np.argpartition(near, -CANDIDATES)[-CANDIDATES:]) if len(near) > CANDIDATES else range(len(near))
        )
        return np.concatenate([np.arange(self._starts[k], self._starts[k + 1]) for k in people])


def _directions(means: Matrix, count: int) -> Matrix:
    """`(d, count)`: the directions along which unit rows differ most, the strongest first."""
    sampled = means[:: max(1, len(means) // AXES_FROM)].astype(np.float64)
    _, vectors = np.linalg.eigh(sampled.T @ sampled)
    return np.ascontiguousarray(vectors[:, ::-1][:, :count], np.float32)
