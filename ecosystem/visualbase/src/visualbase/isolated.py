"""A source whose file is decoded in a process of its own, because a crafted file can crash or hang a decoder."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from visualbase._decoder import check_file
from visualbase._lines import BrokenLineError
from visualbase._worker import Worker, why_not_isolated
from visualbase.base import BaseSource
from visualbase.errors import SourceError, SourceNotFound, SourceUnreadable
from visualbase.file_source import FileSource
from visualbase.frame import Frame
from visualbase.image_source import ImageSource
from visualbase.limits import DecodeLimits
from visualbase.opening import is_images, source_for

_log = logging.getLogger(__name__)
_LONG = 10
"""Times ``stall_s``: what goes through a whole file without a sign of life may take so long."""


class IsolatedSource(BaseSource):
    """The frames of ``FileSource`` or ``ImageSource``, the same to the last bit, decoded in a process of its own.

    That process has ``limits`` on time, memory and sizes, writes no file, dies with this one, and decodes a few frames
    ahead. Where it crashes, hangs or goes beyond a limit, ``SourceUnreadable`` says so; frames read before stay good.
    POSIX systems only; ``isolated_source_for`` falls back where there is none.
    """

    def __init__(self, path: str | os.PathLike[str], limits: DecodeLimits | None = None, threads: int = 2) -> None:
        self._path = Path(path)
        self._given = os.fspath(path)
        self._limits = DecodeLimits() if limits is None else limits
        self._threads = threads
        self._worker: Worker | None = None
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._current: tuple[int, int] | None = None
        self._at_end = False
        self._round = 0
        self._facts: tuple[float, int] | None = None
        self._told: dict[str, float] = {}
        self._damage = (0, False)

    @property
    def path(self) -> Path:
        """The path as it was given."""
        return self._path

    @property
    def fps(self) -> float:
        """Nominal frames per second; 1 for images."""
        return self._known()[0]

    @property
    def width(self) -> int:
        """Width of the first upright picture in pixels."""
        return int(self._ask("width"))

    @property
    def height(self) -> int:
        """Height of the first upright picture in pixels."""
        return int(self._ask("height"))

    @property
    def time_tolerance_ns(self) -> int:
        """How far a timestamp may be from the true time because of the container's clock, in ns."""
        return self._known()[1]

    @property
    def frame_count(self) -> int:
        """Number of frames or images as ``FileSource`` and ``ImageSource`` count them."""
        return int(self._ask("frame_count"))

    @property
    def duration_sec(self) -> float:
        """Length in seconds."""
        return float(self._ask("duration_sec"))

    @property
    def error_count(self) -> int:
        """Packets, frames or images that could not be read so far."""
        return self._damage[0]

    @property
    def truncated(self) -> bool:
        """True once the end was reached earlier than the file declares."""
        return self._damage[1]

    @property
    def process_id(self) -> int | None:
        """The decoding process; None while the source is closed."""
        return None if self._worker is None else self._worker.pid

    def open(self) -> None:
        """Start at the first frame.

        Raises ``SourceNotFound``, ``SourceUnreadable``, and ``SourceError`` where no process can be started.
        """
        self.close()
        photos = is_images(self._path)
        if not photos:
            check_file(self._path, self._given)
        most = self._limits.max_photo_pixels if photos else self._limits.max_pixels
        self._damage, self._at_end, self._round = (0, False), False, 0
        try:
            self._worker = Worker(self._given, self._threads, self._limits, most * 3)
        except OSError as error:
            reason = f"no decoding process could be started ({error.strerror or type(error).__name__})"
            raise SourceError(self._path, reason) from error
        try:
            fps, tolerance_ns = self._await("opened")
            self._facts = (float(fps), int(tolerance_ns))
        except (TypeError, ValueError) as error:
            raise self._nonsense() from error

    def grab(self) -> int | None:
        """Move to the next frame; its time in ns since the first frame, or None at the end."""
        worker = self._opened()
        self._current = None
        if self._at_end:
            return None
        message = self._waiting.popleft() if self._waiting else self._next(self._limits.stall_s)
        match message:
            case {"frame": [int(number), int(t_ns), int(errors)]}:
                self._current, self._damage = (number, t_ns), (errors, False)
                self._say(worker, {"at": number})
                return t_ns
            case {"end": [int(errors), bool(truncated)]}:
                self._damage, self._at_end = (errors, truncated), True
                return None
        raise self._nonsense()

    def retrieve(self) -> Frame:
        """The frame that ``grab`` moved to."""
        worker = self._opened()
        if self._current is None:
            raise SourceError(self._path, "there is no current frame; grab() one first")
        number, t_ns = self._current
        self._say(worker, {"picture": number})
        match self._await("picture"):
            case [int(width), int(height), int(frame_id)] if width > 0 < height and worker.holds(width, height):
                return Frame(worker.picture(width, height), frame_id, t_ns, width, height)
        raise self._nonsense()

    def seek(self, t_ns: int) -> None:
        """Go to the first frame at or after a time (ns since the first frame); past the end nothing is left to read."""
        worker = self._opened()
        self._round += 1
        self._current, self._at_end = None, False
        self._say(worker, {"seek": t_ns, "round": self._round})
        self._await("sought", _LONG * self._limits.stall_s)
        self._waiting.clear()

    def close(self) -> None:
        """End the process; ``error_count`` and ``truncated`` stay."""
        if self._worker is not None:
            self._worker.end()
        self._worker, self._current = None, None
        self._waiting.clear()

    def _opened(self) -> Worker:
        if self._worker is None:
            raise SourceError(self._path, "the source is not open")
        return self._worker

    def _known(self) -> tuple[float, int]:
        if self._facts is None:
            with IsolatedSource(self._path, self._limits, self._threads) as probe:
                self._facts = probe._facts
        return cast(tuple[float, int], self._facts)

    def _ask(self, what: str) -> float:
        if what not in self._told:
            if self._worker is None:
                with IsolatedSource(self._path, self._limits, self._threads) as probe:
                    self._told[what], self._facts = probe._ask(what), probe._facts
            else:
                self._say(self._worker, {"ask": what})
                told = self._await("told", _LONG * self._limits.stall_s)
                if not isinstance(told, int | float) or not 0 <= told < 1e18:
                    raise self._nonsense()
                self._told[what] = told
        return self._told[what]

    def _say(self, worker: Worker, command: dict[str, Any]) -> None:
        try:
            worker.send(command)
        except BrokenPipeError:
            while self._next(self._limits.stall_s) is not None:  # it may have left word of what happened
                pass

    def _await(self, key: str, limit_s: float | None = None) -> Any:
        """The value of the next message with ``key``; frames that come before it are kept."""
        deadline = time.monotonic() + (self._limits.stall_s if limit_s is None else limit_s)
        while True:
            message = self._next(deadline - time.monotonic())
            if key in message:
                return message[key]
            self._waiting.append(message)

    def _next(self, limit_s: float) -> Mapping[str, Any]:
        """The next message of this round; warnings are logged, failures raised."""
        worker = self._opened()
        while True:
            try:
                message = worker.receive(limit_s)
            except TimeoutError as error:
                self.close()
                seconds = f"{limit_s:.0f}" if limit_s >= 1 else f"{self._limits.stall_s:g}"
                raise SourceUnreadable(self._path, f"decoding made no progress for {seconds} s") from error
            except BrokenLineError as error:
                raise self._nonsense() from error
            match message:
                case None:
                    reason = worker.cause_of_death(self._limits)
                    self.close()
                    raise SourceUnreadable(self._path, reason)
                case {"log": [int(level), str(text)]}:
                    _log.log(level, "%s", text)
                case {"failed": [str(kind), str(path), str(reason)]}:
                    self.close()
                    raise (SourceNotFound if kind == "SourceNotFound" else SourceUnreadable)(path, reason)
                case {"round": int(turn)} if turn != self._round:
                    continue
                case _:
                    return message

    def _nonsense(self) -> SourceUnreadable:
        self.close()
        return SourceUnreadable(self._path, "the decoding process sent nonsense")


def isolated_source_for(
    path: str | os.PathLike[str], limits: DecodeLimits | None = None, threads: int = 2
) -> IsolatedSource | FileSource | ImageSource:
    """The source for a path, not yet opened, decoding in a process of its own.

    Where the system offers no such process it decodes in this one, with a warning; time and memory have no limit then.
    """
    reason = why_not_isolated()
    if reason is None:
        return IsolatedSource(path, limits, threads)
    _log.warning("decoding is not isolated: %s; no limit on time and memory holds", reason)
    return source_for(path, threads, limits)
