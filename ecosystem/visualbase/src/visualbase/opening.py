"""From a path to the source that reads it."""

from __future__ import annotations

import os
from pathlib import Path

from visualbase.file_source import FileSource
from visualbase.image_source import ImageSource, is_image_path
from visualbase.limits import DecodeLimits


def source_for(
    path: str | os.PathLike[str], threads: int = 2, limits: DecodeLimits | None = None
) -> FileSource | ImageSource:
    """The source for a path, not yet opened: folders and image files are images, everything else is a video."""
    return ImageSource(path, limits) if is_images(path) else FileSource(path, threads, limits)


def is_images(path: str | os.PathLike[str]) -> bool:
    """Say whether a path is read as images: a folder, or a file with an image's suffix."""
    as_path = Path(path)
    try:
        return as_path.is_dir() or (is_image_path(as_path) and as_path.is_file())
    except OSError:  # a name that the system refuses; reading it as a video says so
        return False
