"""How surely something lies over each part of a face, told from one picture alone.

A small network looks at a cell, the cells that touch it, the whole face and the same place on the other side. It was
trained on real faces that painted hands, microphones, masks, scarves, cups and boards cover, and on the same faces
with glasses, beards, lipstick, open mouths and shadows, which cover nothing (`benchmarks/make_cover_look.py`). It
misses more than a comparison with the same person's clear moments does, and needs none.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from .face_cells import CELLS, MIRRORED, NEIGHBOURS, TOUCHING

Array = NDArray[np.float32]

CHANNELS = 40
"""Texture channels of the descriptions it was trained on."""
SURE = 3.0
"""A face whose two most suspicious neighbouring cells have a mean of log-odds from here on is covered. Of painted
covers of a sixth of a face and more it finds nine in ten; of people left out of the training 0.5 % of the clear
pictures reach it, 1.7 % of those with a painted beard."""
UNLIKE_UNSEEN = 0.2
"""What stands for the difference to the other side of a face where that side is turned away."""


def cover_log_odds(cells: Array, odd: Array) -> Array | None:
    """Log-odds that each cell of one face is covered `(cells,)`, NaN where unseen.

    `cells` (cells, channels) are unit rows, zero where unseen, `odd` (cells,) the distances to an average clear face.
    None for descriptions of another kind than it was trained on.
    """
    if cells.shape != (CELLS, CHANNELS):
        return None
    seen = np.any(cells != 0, axis=1)
    if not seen.any():
        return None
    weights, bias, out, out_bias = _network()
    hidden = np.maximum(features(cells, odd, seen) @ weights + bias, 0.0)
    log_odds: Array = np.where(seen, hidden @ out + out_bias, np.nan)
    return log_odds


def features(cells: Array, odd: Array, seen: NDArray[np.bool_]) -> Array:
    """What the network looks at, one row for each cell."""
    count = seen.astype(np.float32)
    whole = np.broadcast_to(cells.sum(axis=0) / max(1.0, float(count.sum())), cells.shape)
    around = TOUCHING @ cells / np.maximum(TOUCHING @ count, 1.0)[:, None]
    unlike = ((cells - cells[MIRRORED]) ** 2).sum(axis=1) / 2
    other_side = np.where(seen & seen[MIRRORED], unlike, UNLIKE_UNSEEN)
    usual = np.median(odd[seen])
    single = np.column_stack([other_side, odd, odd - usual])
    return np.concatenate([cells, whole, around, single, np.eye(len(cells))], axis=1).astype(np.float32)


def certainty(log_odds: Array) -> float:
    """The mean log-odds of the two most suspicious neighbouring cells; minus infinity where no two are seen."""
    pairs = (log_odds[NEIGHBOURS[:, 0]] + log_odds[NEIGHBOURS[:, 1]]) / 2
    pairs = pairs[np.isfinite(pairs)]
    return float(pairs.max()) if pairs.size else -np.inf


def probabilities(log_odds: Array) -> Array:
    """Log-odds as probabilities, NaN where unseen."""
    chances: Array = (1.0 / (1.0 + np.exp(-np.clip(log_odds, -30.0, 30.0)))).astype(np.float32)
    return chances


@cache
def _network() -> tuple[Array, Array, Array, np.float32]:
    with resources.files(__package__).joinpath("cover_look.npz").open("rb") as file:
        stored = np.load(file)
        weights, bias, out = (stored[name].astype(np.float32) for name in ("weights", "bias", "out"))
        return weights, bias, out, np.float32(stored["out_bias"])
