"""Writing annotated frames to a video file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from numpy.typing import NDArray
from visualbase import Frame

from vpx.runner.drawing import draw_marks
from vpx.runner.errors import SettingsError
from vpx.sdk import Mark, Module, Observation

_CLOCK = Fraction(1, 1000)
_BITS_PER_PIXEL = 6


class AnnotatedVideo:
    """An mp4 file (MPEG-4) of frames with the marks of their modules, at the times of the source.

    The first frame creates the file and decides the size (made even); others are scaled to it. Use as a context
    manager; ``add`` fits ``LiteRunner(on_frame=…)``. Raises ``SettingsError`` where the file cannot be written.
    """

    def __init__(self, path: Path, modules: Callable[[], Sequence[Module]]) -> None:
        self._path = path
        self._modules = modules
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._last_pts = -1

    def __enter__(self) -> AnnotatedVideo:
        if self._path.is_dir() or not self._path.absolute().parent.is_dir():
            raise SettingsError(f"cannot write {self._path}: it is a folder, or its folder does not exist")
        return self

    def __exit__(self, *_: object) -> None:
        if self._container is not None and self._stream is not None:
            self._container.mux(self._stream.encode())
        if self._container is not None:
            self._container.close()
        self._container = self._stream = None

    def add(self, frame: Frame, observations: Mapping[str, Observation]) -> None:
        """Draw what the modules say about a frame, and write it."""
        marks: list[Mark] = []
        for module in self._modules():
            if module.name in observations:
                marks += module.annotate(observations[module.name])
        if self._container is None or self._stream is None:
            self._container = self._create()
            self._stream = _add_stream(self._container, frame)
        image = _fit(draw_marks(frame.data, marks), self._stream.width, self._stream.height)
        picture = av.VideoFrame.from_ndarray(image, format="bgr24")
        self._last_pts = max(self._last_pts + 1, frame.t_src_ns // 1_000_000)
        picture.pts, picture.time_base = self._last_pts, _CLOCK
        self._container.mux(self._stream.encode(picture))

    def _create(self) -> OutputContainer:
        """For its owner only: it shows faces."""
        try:
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600))
            self._path.chmod(0o600)
            return av.open(f"file:{self._path.absolute()}", "w", format="mp4")
        except (FFmpegError, OSError) as error:
            raise SettingsError(f"cannot write {self._path}: {error.strerror}") from error


def _add_stream(container: OutputContainer, frame: Frame) -> VideoStream:
    stream = container.add_stream("mpeg4", rate=30)
    stream.width, stream.height = frame.width + frame.width % 2, frame.height + frame.height % 2
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = _CLOCK
    stream.bit_rate = stream.width * stream.height * _BITS_PER_PIXEL
    return stream


def _fit(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
