"""Whatever a run reads from, as a stream of sampled frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from visualbase import BaseSource, Frame, ImageSource, SampleClock, sample
from visualbase.opening import is_images

from vpx.runner.decoding import Decoding
from vpx.runner.errors import SettingsError


@runtime_checkable
class Readable(Protocol):
    """An object with open, read and close; read gives None at the end."""

    def open(self) -> None:
        """Start at the first frame."""

    def read(self) -> Frame | None:
        """The next frame or None."""

    def close(self) -> None:
        """Let go of the source."""


Source = str | os.PathLike[str] | Readable | Iterable[Frame]


@dataclass(frozen=True)
class FrameStream:
    """An open source: its sampled frames, its path and rate where they are known, and the source object itself."""

    frames: Iterator[Frame]
    path: Path | None = None
    fps: float | None = None
    source: object = None

    @property
    def truncated(self) -> bool:
        """True when the source ended before it said it would; known once all frames were read."""
        return getattr(self.source, "truncated", False) is True

    @property
    def error_count(self) -> int:
        """Parts of the source that could not be read so far: images of a folder, packets of a damaged video."""
        count = getattr(self.source, "error_count", 0)
        return count if isinstance(count, int) else 0

    @property
    def files(self) -> list[str] | None:
        """Names of the images by frame number; None for a video."""
        if self.path is None or not is_images(self.path):
            return None
        return [file.name for file in ImageSource(self.path).files]

    @property
    def video_id(self) -> str | None:
        """The file's name without suffix, or the folder's name."""
        if self.path is None:
            return None
        resolved = self.path.resolve()
        return resolved.name if resolved.is_dir() else resolved.stem


@contextmanager
def open_frames(
    source: Source,
    fps: float | None = None,
    decoding: Decoding | None = None,
    at_least: Callable[[int], float | None] | None = None,
) -> Iterator[FrameStream]:
    """Open a source for the length of a ``with`` block. Raises visualbase's ``SourceError`` for what cannot be read.

    A path is decoded as ``decoding`` says (default: as the environment says). ``at_least`` gives the rate that a moment
    is worth, where it is above ``fps`` (see ``visualbase.sample``).
    """
    try:
        clock = SampleClock(fps)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if isinstance(source, str | os.PathLike):
        source = (decoding or Decoding.resolve()).source(source)

    def picked(frame: Frame) -> bool:
        return clock.accept(frame.t_src_ns, None if at_least is None else at_least(frame.t_src_ns))

    if not isinstance(source, Readable):
        yield FrameStream(filter(picked, source))
        return
    source.open()
    try:
        if isinstance(source, BaseSource):
            frames = sample(source, fps, at_least)
        else:
            frames = filter(picked, iter(source.read, None))
        path = getattr(source, "path", None)
        rate = getattr(source, "fps", None)
        yield FrameStream(frames, None if path is None else Path(path), None if rate is None else float(rate), source)
    finally:
        source.close()


def expected_frames(
    path: Path, fps: float | None, max_frames: int | None, decoding: Decoding | None = None
) -> int | None:
    """How many frames a run over a path will process at most, for a progress bar; None where nobody knows."""
    with (decoding or Decoding.resolve()).source(path) as source:
        total = source.frame_count
        if fps is not None and fps < source.fps:
            total = int(source.duration_sec * fps) + 1
    return total if max_frames is None else min(total, max_frames)
