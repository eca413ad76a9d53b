"""A network of one hidden layer and its training, in NumPy: enough for `make_cover_look.py`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

HIDDEN, ROUNDS, BATCH, STEP, DECAY = 16, 6, 2048, 3e-3, 1e-4
COVERED_FROM, CLEAR_BELOW, SURELY_COVERED, UNSURE_WEIGHT = 0.3, 0.1, 0.4, 0.2
"""Covered share from which a cell counts as covered, and the shares between which that hardly counts."""
FIRST_MOMENT, SECOND_MOMENT, LAST_STEPS = 0.9, 0.999, 0.3


@dataclass(frozen=True)
class Weights:
    """Inputs → hidden (f, h) and (h,), hidden → log-odds (h,) and one number."""

    weights: Array
    bias: Array
    out: Array
    out_bias: float

    def stored(self) -> dict[str, np.ndarray]:
        """What the product reads."""
        return {
            "weights": self.weights.astype(np.float16),
            "bias": self.bias,
            "out": self.out,
            "out_bias": np.float32(self.out_bias),
        }


def log_odds_of(net: Weights, rows: Array) -> Array:
    """Log-odds for rows `(..., f)`."""
    return np.maximum(rows @ net.weights + net.bias, 0.0) @ net.out + net.out_bias


def trained(rows: Array, covered: Array, seed: int = 0) -> Weights:
    """Trained on rows `(n, f)` and how far each cell is covered `(n,)` (Adam, logistic loss)."""
    rng, mean, spread = np.random.default_rng(seed), rows.mean(axis=0), rows.std(axis=0) + 1e-3
    wanted = (covered >= COVERED_FROM).astype(np.float32)
    counts = np.where((covered > CLEAR_BELOW) & (covered < SURELY_COVERED), UNSURE_WEIGHT, 1.0).astype(np.float32)
    size = rows.shape[1]
    first = rng.normal(0, size**-0.5, (size, HIDDEN)).astype(np.float32)
    second = rng.normal(0, 0.3, HIDDEN).astype(np.float32)
    values = [first, np.zeros(HIDDEN, np.float32), second, np.full(1, -1.5, np.float32)]
    averages = [(np.zeros_like(value), np.zeros_like(value)) for value in values]
    count = 0
    for turn in range(ROUNDS):
        step = STEP if turn < ROUNDS - 2 else STEP * LAST_STEPS
        for chosen in np.array_split(rng.permutation(len(rows)), max(1, len(rows) // BATCH)):
            count += 1
            batch = ((rows[chosen] - mean) / spread).astype(np.float32)
            slopes = _slopes(values, batch, wanted[chosen], counts[chosen])
            for value, slope, (low, high) in zip(values, slopes, averages, strict=True):
                low += (1 - FIRST_MOMENT) * (slope - low)
                high += (1 - SECOND_MOMENT) * (slope * slope - high)
                size_ = np.sqrt(high / (1 - SECOND_MOMENT**count)) + 1e-8
                value -= step * low / (1 - FIRST_MOMENT**count) / size_
    scaled = values[0] / spread[:, None]
    return Weights(scaled, values[1] - mean @ scaled, values[2], float(values[3][0]))


def _slopes(values: list[Array], batch: Array, wanted: Array, counts: Array) -> list[Array]:
    first, bias, second, last = values
    hidden = np.maximum(batch @ first + bias, 0.0)
    chance = 1.0 / (1.0 + np.exp(-(hidden @ second + last[0])))
    error = (chance - wanted) * counts / counts.sum()
    back = np.outer(error, second) * (hidden > 0)
    return [
        batch.T @ back + DECAY * first,
        back.sum(axis=0),
        hidden.T @ error + DECAY * second,
        np.array([error.sum()], np.float32),
    ]
