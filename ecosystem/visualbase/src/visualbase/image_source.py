"""One image, or a folder of images, as a source of frames."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visualbase._image_size import image_size
from visualbase.base import BaseSource
from visualbase.errors import SourceError, SourceNotFound, SourceUnreadable
from visualbase.frame import Frame
from visualbase.limits import DecodeLimits
from visualbase.sampling import SECOND_NS

_log = logging.getLogger(__name__)

_MAX_FILE_BYTES = 1 << 29
IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


class ImageSource(BaseSource):
    """One image or the images of a folder (not of its subfolders) in natural name order, one second apart.

    Pictures are turned upright by their EXIF orientation, transparency is dropped, of an animation the first picture is
    taken. Hidden files and other suffixes are left out of a folder. An unreadable image among several is passed over
    with a warning and counted in ``error_count``; its number and its second stay free. ``grab`` and ``read`` raise
    ``SourceUnreadable`` where no image can be read. A picture beyond ``limits.max_photo_pixels`` cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str], limits: DecodeLimits | None = None) -> None:
        self._path = Path(path)
        self._limits = DecodeLimits() if limits is None else limits
        self._files: list[Path] = []
        self._position = -1
        self._picture: NDArray[np.uint8] | None = None
        self._unreadable: set[Path] = set()

    @property
    def path(self) -> Path:
        """The path as it was given."""
        return self._path

    @property
    def fps(self) -> float:
        """Always 1: the images are one second apart."""
        return 1.0

    @property
    def width(self) -> int:
        """Width of the first readable image in pixels."""
        return self._first_frame().width

    @property
    def height(self) -> int:
        """Height of the first readable image in pixels."""
        return self._first_frame().height

    @property
    def frame_count(self) -> int:
        """Number of images, readable or not."""
        return len(self._listed())

    @property
    def duration_sec(self) -> float:
        """Number of images in seconds."""
        return float(self.frame_count)

    @property
    def time_tolerance_ns(self) -> int:
        """1: the times are exact."""
        return 1

    @property
    def files(self) -> tuple[Path, ...]:
        """The images by frame number, readable or not. Raises as ``open``."""
        return tuple(self._listed())

    @property
    def error_count(self) -> int:
        """Images that could not be read so far."""
        return len(self._unreadable)

    @property
    def current_path(self) -> Path | None:
        """The file of the current frame, or None before the first and after the last."""
        return self._files[self._position] if 0 <= self._position < len(self._files) else None

    def open(self) -> None:
        """List the images. Raises ``SourceNotFound``, or ``SourceUnreadable`` for a folder without images."""
        self.close()
        self._files, self._unreadable = self._list_files(), set()

    def grab(self) -> int | None:
        """Move to the next readable image; its time in ns, or None at the end."""
        if not self._files:
            raise SourceError(self._path, "the source is not open")
        self._picture = None
        while self._picture is None and self._position < len(self._files):
            self._position += 1
            self._picture = self._read_current()
        return None if self._picture is None else self._position * SECOND_NS

    def retrieve(self) -> Frame:
        """The image that ``grab`` moved to."""
        return self.hold()()

    def hold(self) -> Callable[[], Frame]:
        """The image that ``grab`` moved to, to be made into a frame later."""
        if self._picture is None:
            raise SourceError(self._path, "there is no current image; grab() one first")
        return partial(Frame.from_array, self._picture, self._position, self._position * SECOND_NS)

    def seek(self, t_ns: int) -> None:
        """Go to the first image at or after a time."""
        if not self._files:
            raise SourceError(self._path, "the source is not open")
        self._position = min(max(0, -(-t_ns // SECOND_NS)), len(self._files)) - 1
        self._picture = None

    def close(self) -> None:
        """Forget the list of images; ``error_count`` stays."""
        self._files = []
        self._position = -1
        self._picture = None

    def _read_current(self) -> NDArray[np.uint8] | None:
        """The picture of the current file; None at the end, and where it cannot be read but others may be."""
        current = self.current_path
        if current is None:
            return None
        try:
            return _read_image(current, self._limits.max_photo_pixels)
        except SourceUnreadable as error:
            self._unreadable.add(current)
            if len(self._files) == 1:
                raise
            _log.warning("%s; it is left out", error)
        if len(self._unreadable) == len(self._files):
            raise SourceUnreadable(self._path, f"none of its {len(self._files)} images can be read")
        return None

    def _first_frame(self) -> Frame:
        with ImageSource(self._path, self._limits) as probe:
            probe.grab()
            return probe.retrieve()

    def _listed(self) -> list[Path]:
        return self._files or self._list_files()

    def _list_files(self) -> list[Path]:
        entries: list[Path] = []
        try:
            if self._path.is_dir():
                entries = [entry for entry in self._path.iterdir() if not entry.name.startswith(".")]
                files = [entry for entry in entries if is_image_path(entry) and entry.is_file()]
            elif self._path.exists():
                files = [self._path]
            else:
                raise SourceNotFound(self._path, "no such file or folder")
        except PermissionError as error:
            raise SourceUnreadable(self._path, "cannot be read: permission denied") from error
        if not files:
            raise SourceUnreadable(self._path, f"the folder holds no images{_instead(entries)}")
        return sorted(files, key=_natural_key)


def is_image_path(path: Path) -> bool:
    """Say by its name whether a file is a visible image."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _instead(entries: list[Path]) -> str:
    """What to name instead of a folder that holds these and no image, as the end of a sentence."""
    ordered = sorted(entries, key=_natural_key)
    folders = [entry for entry in ordered if entry.is_dir()]
    if folders:
        return f"; folders in it are not looked into: name one of them, such as {folders[0]}"
    return f", only other files; name a video itself, such as {ordered[0]}" if ordered else ""


def _natural_key(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key under which image2 comes before image10."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part.casefold()) for part in parts], path.name


def _read_image(path: Path, max_pixels: int) -> NDArray[np.uint8]:
    """Upright (height, width, 3) uint8 BGR pixels. Raises ``SourceUnreadable`` with the path."""
    import cv2  # here, because a process that decodes a video does without it

    content = _content(path)
    size = image_size(content.data)
    if size is not None and size[0] * size[1] > max_pixels:
        raise SourceUnreadable(path, f"its {size[0]} x {size[1]} pixels are more than the {max_pixels} allowed")
    try:
        image = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise SourceUnreadable(path, f"is not a readable image ({error.err})") from error
    if image is None:
        raise SourceUnreadable(path, "is not a readable image")
    return np.asarray(image, dtype=np.uint8)


def _content(path: Path) -> NDArray[np.uint8]:
    try:
        if not path.is_file():
            raise SourceUnreadable(path, "is not a regular file")
        size = path.stat().st_size
        if size == 0:
            raise SourceUnreadable(path, "the file is empty")
        if size > _MAX_FILE_BYTES:
            raise SourceUnreadable(path, f"an image file of {size >> 20} MiB is too large")
        return np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise SourceUnreadable(path, f"cannot be read: {error.strerror}") from error
