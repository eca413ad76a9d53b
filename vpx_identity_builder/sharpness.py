"""Sharpness of one face: fine detail of its inner part, discounted where a codec drew the edges.

Two things read as sharp and are not: the outline of a head before a plain wall, and the block edges of a strong
compression. So only the part from the brows to the mouth is measured, and the detail found there is divided by what a
grid of blocks over the face accounts for. All on grey pictures; no thresholds of selection here.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

ALIGNED_PX = 112
INNER_CENTRE, INNER_RADII = (56.0, 70.0), (30.0, 34.0)
"""Brows, eyes, nose and mouth in the 112 px template, without hair, jaw and background."""
_ROWS, _COLUMNS = np.mgrid[0:ALIGNED_PX, 0:ALIGNED_PX]
_INNER = (
    ((_COLUMNS - INNER_CENTRE[0]) / INNER_RADII[0]) ** 2 + ((_ROWS - INNER_CENTRE[1]) / INNER_RADII[1]) ** 2
) <= 1.0
DETAIL_SIGMA, FEATURE_SIGMA = 0.8, 8.0
"""Detail is what a Laplacian sees after the first blur; features are what the second blur takes away."""
FEATURE_FLOOR = 30.0
"""Grey variance of the features below which a patch is too flat to tell sharpness."""
SCALE = 400.0
"""Puts faces of ordinary videos at 250 to 900."""

LEAST_STEP = 2.0
"""Grey levels added to the neighbourhood of a step, so that noise makes no edges."""
SHORTEST_PX, LONGEST_PX = 5, 24
"""Distances at which block edges may repeat: 8 px blocks in a picture scaled by 0.6 to 3 after coding."""
SPECTRUM = 2048
"""Length that profiles are padded to: fine enough to meet every period between."""
LINES = 160
"""Lines that are enough to tell which columns are edges of blocks."""
LOCAL_PX = 25
"""The slow course of a profile over this many pixels is the face, not the grid."""
CLEAN_GRID, GRID_WEIGHT = 0.035, 0.05
"""Grid amplitude that clean faces reach by chance, and how much more of it halves the sharpness: about JPEG 30."""


def sharpness(aligned: Image, source: Image) -> float:
    """Sharpness of a face, about 0..1000: its `(112, 112)` aligned picture, and `(h, w)` of the same face as decoded.

    Falls with blur of any kind and with compression; brightness and contrast hardly change it.
    """
    return detail(aligned) / (1.0 + max(0.0, block_grid(source) - CLEAN_GRID) / GRID_WEIGHT)


def detail(aligned: Image) -> float:
    """Energy of the Laplacian over that of the features, on the inner face (after Pech-Pacheco 2000, normalised)."""
    grey = aligned.astype(np.float32)
    fine = cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), DETAIL_SIGMA), cv2.CV_32F, ksize=3)
    features = grey - cv2.GaussianBlur(grey, (0, 0), FEATURE_SIGMA)
    return float(SCALE * _energy(fine) / (_energy(features) + FEATURE_FLOOR))


def _energy(picture: Any) -> float:
    return float(np.mean(np.square(picture[_INNER])))


def block_grid(source: Image) -> float:
    """How strongly steps between neighbouring pixels repeat like the edges of blocks, about 0..0.5; 0 if too small.

    Neither the size of the blocks nor their place need be known: pictures are often scaled or cut after coding.
    """
    return (_repetition(_thinned(source)) + _repetition(_thinned(source.T))) / 2


def _thinned(source: Image) -> Floats:
    """Evenly spread lines of a picture, `LINES` at most: more tell nothing more about the columns."""
    return np.ascontiguousarray(source[:: max(1, -(-len(source) // LINES))], np.float32)


def _repetition(grey: Floats) -> float:
    """Largest amplitude of the column profile at one period and half of it, `SHORTEST_PX` to `LONGEST_PX`."""
    steps = np.abs(np.diff(grey, axis=1))
    if steps.shape[0] < 2 or steps.shape[1] < LOCAL_PX:
        return 0.0
    here, around = steps[:, 1:-1], steps[:, :-2] + steps[:, 2:]
    profile = (here / (here + around + LEAST_STEP)).mean(axis=0)
    profile -= cv2.blur(profile[None], (LOCAL_PX, 1), borderType=cv2.BORDER_REFLECT)[0]
    window = np.hanning(len(profile) + 2)[1:-1]
    amplitudes = np.abs(np.fft.rfft(profile * window, SPECTRUM)) * (2.0 / window.sum())
    turns = np.arange(SPECTRUM // LONGEST_PX, SPECTRUM // SHORTEST_PX)
    return float(np.max(amplitudes[turns] + amplitudes[2 * turns]))
