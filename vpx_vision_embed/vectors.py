"""Small pure helpers over embeddings for consumers that look at time, such as highlight_vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def cosine_distance(a: Floats, b: Floats) -> Floats:
    """1 - cos between vectors, 0 (same direction) .. 2 (opposite).

    Args:
        a: (dim,) or (n, dim), any length but 0.
        b: (dim,) or (n, dim); the two broadcast against each other.

    Returns:
        () or (n,) float32.

    Raises:
        ValueError: other dimensions, a vector of length 0, or a number that is not finite.
    """
    first, second = _unit(a), _unit(b)
    if first.shape[-1] != second.shape[-1]:
        raise ValueError(f"vectors of dimension {first.shape[-1]} and {second.shape[-1]} cannot be compared")
    return np.asarray(np.clip(1.0 - np.sum(first * second, axis=-1), 0.0, 2.0), np.float32)


def pool_clip(embeddings: Floats | Sequence[Floats]) -> Floats:
    """One unit vector for a short clip, usually 3–5 frames: the normalised mean of the frames' unit vectors.

    Args:
        embeddings: (n, dim), n ≥ 1.

    Returns:
        (dim,) float32 unit vector.

    Raises:
        ValueError: no frames, or frames that cancel each other out.
    """
    rows = np.asarray(embeddings)
    if rows.ndim != 2 or len(rows) == 0:
        raise ValueError(f"expected (n, dim) with n >= 1, found {rows.shape}")
    return np.asarray(_unit(_unit(rows).mean(axis=0)), np.float32)


class EmaDelta:
    """How far each embedding lies from the moving average of those before it: a temporal delta without a model.

    Args:
        alpha: weight of the newest embedding in the average, 0 < alpha ≤ 1.
    """

    def __init__(self, alpha: float = 0.1) -> None:
        if not 0.0 < alpha <= 1.0:
            raise ValueError(f"alpha must be in 0 < alpha <= 1, found {alpha}")
        self._alpha = alpha
        self._mean: NDArray[np.float64] | None = None

    def update(self, embedding: Floats) -> float:
        """Cosine distance of a (dim,) embedding to the average so far (0.0 for the first), then take it in."""
        vector = _unit(embedding)
        if vector.ndim != 1:
            raise ValueError(f"expected (dim,), found {vector.shape}")
        if self._mean is None:
            self._mean = vector
            return 0.0
        delta = float(cosine_distance(vector.astype(np.float32), self._mean.astype(np.float32)))
        blended = self._alpha * vector + (1.0 - self._alpha) * self._mean
        self._mean = blended if np.linalg.norm(blended) > 0.0 else vector
        return delta

    def reset(self) -> None:
        """Forget the average."""
        self._mean = None


def _unit(vectors: Floats | NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.asarray(vectors, np.float64)
    if values.ndim == 0 or not np.isfinite(values).all():
        raise ValueError("an embedding must be a vector of finite numbers")
    norms = np.linalg.norm(values, axis=-1, keepdims=True)
    if (norms == 0.0).any():
        raise ValueError("an embedding of length 0 has no direction")
    return np.asarray(values / norms)
