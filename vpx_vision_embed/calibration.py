"""Squares that a quantization is calibrated and checked with, cut out of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vpx_vision_embed.crops import Image

SQUARES = 64
"""Squares cut out of all pictures together; every fourth is kept back for the check."""
HELD_BACK = 4
SMALLEST_PX = 32
"""A picture whose shorter side is smaller is of no use."""
_SIDES = (0.4, 1.0)
"""Range of a square's side, of the picture's shorter side."""


@dataclass(frozen=True)
class Calibration:
    """Squares (side, side, 3) uint8 BGR to calibrate with, and others to check the result with."""

    training: tuple[Image, ...]
    checking: tuple[Image, ...]


def calibration_of(pictures: Sequence[Image]) -> Calibration:
    """Squares of every size and place out of pictures (h, w, 3) uint8 BGR, at least one, none smaller than
    `SMALLEST_PX`; the same for the same pictures."""
    rng = np.random.default_rng(0)
    squares = [_square(pictures[index % len(pictures)], rng) for index in range(max(SQUARES, len(pictures)))]
    checking = squares[::HELD_BACK]
    training = [square for index, square in enumerate(squares) if index % HELD_BACK]
    return Calibration(tuple(training), tuple(checking))


def _square(picture: Image, rng: np.random.Generator) -> Image:
    height, width = picture.shape[:2]
    side = max(SMALLEST_PX, int(min(height, width) * rng.uniform(*_SIDES)))
    top, left = int(rng.integers(0, height - side + 1)), int(rng.integers(0, width - side + 1))
    return np.ascontiguousarray(picture[top : top + side, left : left + side])
