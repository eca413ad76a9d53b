"""What every source of frames offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from visualbase.frame import Frame


class BaseSource(ABC):
    """Frames in time order: ``open``, ``read`` until it gives None, ``close``; or ``with source:`` and iteration.

    ``open`` on an open source starts again at the first frame. ``grab`` moves to the next frame without making its
    picture, ``retrieve`` makes it; ``read`` is both, so a host that needs one frame in ten pays for one picture in ten.
    """

    @abstractmethod
    def open(self) -> None:
        """Start at the first frame. Raises ``SourceError`` where there is none."""

    @abstractmethod
    def grab(self) -> int | None:
        """Move to the next frame; its time in ns since the first frame, or None at the end."""

    @abstractmethod
    def retrieve(self) -> Frame:
        """The frame that ``grab`` moved to. Raises ``SourceError`` where there is none."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file. May be called twice."""

    @property
    @abstractmethod
    def time_tolerance_ns(self) -> int:
        """How far a timestamp may be from the true time because of the container's clock, in ns."""

    def read(self) -> Frame | None:
        """The next frame, or None at the end."""
        return None if self.grab() is None else self.retrieve()

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.read()) is not None:
            yield frame

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
