"""Pictures that a quantization is calibrated and checked with, from whatever a user has: photos, crops, a video."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from visualbase import SourceError, isolated_source_for, sample

from vpx_vision_embed.crops import Image
from vpx_vision_embed.errors import ExportError

SQUARES = 64
"""Squares cut out of all pictures together; every fourth is kept back for the check."""
HELD_BACK = 4
_SMALLEST_PX = 32
_SIDES = (0.4, 1.0)
"""Range of a square's side, of the picture's shorter side."""
_FRAMES = 32
"""Frames taken of a video, evenly spread."""
_SHORTEST_S = 1e-3
"""What a video lasts at least, whatever it declares."""
_MOST_FILES = 256


@dataclass(frozen=True)
class Calibration:
    """Squares (side, side, 3) uint8 BGR to calibrate with, and others to check the result with."""

    training: tuple[Image, ...]
    checking: tuple[Image, ...]


def read_calibration(path: Path) -> Calibration:
    """Squares of every size and place out of a picture, a folder of pictures or a video; the same for the same files.

    Raises ExportError: nothing there can be read, or it is too small.
    """
    try:
        pictures = [picture for picture in _pictures(path) if min(picture.shape[:2]) >= _SMALLEST_PX]
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror or error}") from error
    if not pictures:
        raise ExportError(f"{path} holds no picture of at least {_SMALLEST_PX} px: give a photo, a folder or a video")
    rng = np.random.default_rng(0)
    squares = [_square(pictures[index % len(pictures)], rng) for index in range(max(SQUARES, len(pictures)))]
    checking = squares[::HELD_BACK]
    training = [square for index, square in enumerate(squares) if index % HELD_BACK]
    return Calibration(tuple(training), tuple(checking))


def _pictures(path: Path) -> Iterator[Image]:
    files = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
    for file in files[:: max(1, -(-len(files) // _MOST_FILES))]:
        content = np.fromfile(file, np.uint8)
        picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
        if picture is not None:
            yield np.asarray(picture, np.uint8)
        elif not path.is_dir():
            yield from _frames(file)


def _frames(file: Path) -> Iterator[Image]:
    """Evenly spread frames of a video, as far as it can be decoded."""
    with suppress(SourceError), isolated_source_for(file) as source:
        rate = _FRAMES / max(source.duration_sec, _SHORTEST_S)
        for frame in islice(sample(source, rate), _FRAMES):
            yield frame.data


def _square(picture: Image, rng: np.random.Generator) -> Image:
    height, width = picture.shape[:2]
    side = max(_SMALLEST_PX, int(min(height, width) * rng.uniform(*_SIDES)))
    top, left = int(rng.integers(0, height - side + 1)), int(rng.integers(0, width - side + 1))
    return np.ascontiguousarray(picture[top : top + side, left : left + side])
