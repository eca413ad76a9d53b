"""From a path to the source that reads it."""

from __future__ import annotations

import os
from pathlib import Path

from visualbase.file_source import FileSource
from visualbase.image_source import ImageSource, is_image_path


def source_for(path: str | os.PathLike[str]) -> FileSource | ImageSource:
    """The source for a path, not yet opened: folders and image files are images, everything else is a video."""
    as_path = Path(path)
    if as_path.is_dir() or (is_image_path(as_path) and as_path.is_file()):
        return ImageSource(path)
    return FileSource(path)
