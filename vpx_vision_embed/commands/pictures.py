"""Pictures to calibrate with, from whatever a user has: photos, crops, a video."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from visualbase import SourceError, isolated_source_for, sample

from vpx_vision_embed.calibration import SMALLEST_PX, Calibration, calibration_of
from vpx_vision_embed.crops import Image
from vpx_vision_embed.errors import ExportError

_FRAMES = 32
"""Frames taken of a video, evenly spread."""
_SHORTEST_S = 1e-3
"""What a video lasts at least, whatever it declares."""
_MOST_FILES = 256
_LARGEST_BYTES = 1 << 28
"""A larger file is a video."""


def read_calibration(path: Path) -> Calibration:
    """Squares out of a picture, a folder of pictures or a video; the same for the same files.

    Raises ExportError: nothing there can be read, or it is too small.
    """
    try:
        pictures = [picture for picture in _pictures(path) if min(picture.shape[:2]) >= SMALLEST_PX]
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror or error}") from error
    if not pictures:
        what = "holds no picture (folders in it are not searched)" if path.is_dir() else "is no picture or video"
        raise ExportError(f"{path} {what} of at least {SMALLEST_PX} px: give a photo, a folder of photos or a video")
    return calibration_of(pictures)


def _pictures(path: Path) -> Iterator[Image]:
    files = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
    for file in files[:: max(1, -(-len(files) // _MOST_FILES))]:
        picture = _picture(file)
        if picture is not None:
            yield picture
        elif not path.is_dir():
            yield from _frames(file)


def _picture(file: Path) -> Image | None:
    """The picture in a file, None where it holds none that can be decoded."""
    if not 0 < file.stat().st_size <= _LARGEST_BYTES:
        return None
    with suppress(cv2.error):
        picture = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR)
        return None if picture is None else np.asarray(picture, np.uint8)
    return None


def _frames(file: Path) -> Iterator[Image]:
    """Evenly spread frames of a video, as far as it can be decoded."""
    with suppress(SourceError), isolated_source_for(file) as source:
        rate = _FRAMES / max(source.duration_sec, _SHORTEST_S)
        for frame in islice(sample(source, rate), _FRAMES):
            yield frame.data
