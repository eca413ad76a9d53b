"""The process that decodes one file for an ``IsolatedSource``: ``python -m visualbase._decoding_process REQUEST``.

It writes JSON lines (what it found, every frame's number and time, warnings) to one pipe and obeys those of another;
pixels go into shared memory on request. It decodes a bounded number of frames ahead.
"""

from __future__ import annotations

import json
import logging
import mmap
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from visualbase import _confine
from visualbase._decoder import NO_MEMORY
from visualbase._lines import LineReader, send
from visualbase.errors import SourceError
from visualbase.file_source import FileSource
from visualbase.frame import Frame
from visualbase.image_source import ImageSource
from visualbase.limits import DecodeLimits
from visualbase.opening import source_for

_HELD_LEAST = 2  # the frame that the parent is at, and the next one
_HELD_FRAMES = 16
_HELD_BYTES = 1 << 27


@dataclass(frozen=True, slots=True)
class Request:
    """What to decode, and the descriptors of the pipes and of the shared memory (``slot_bytes`` long)."""

    path: str
    threads: int
    limits: DecodeLimits
    commands: int
    events: int
    pixels: int
    slot_bytes: int
    parent: int
    by_signal: bool

    @classmethod
    def from_text(cls, text: str) -> Request:
        """From the JSON on the command line."""
        values = json.loads(text)
        return cls(**{**values, "limits": DecodeLimits(**values["limits"])})


class _Forward(logging.Handler):
    """Warnings of the decoder become the parent's."""

    def __init__(self, events: int) -> None:
        super().__init__(logging.WARNING)
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        send(self._events, {"log": [record.levelno, record.getMessage()]})


class _Server:
    """Answers one parent about one open source."""

    def __init__(self, request: Request, source: FileSource | ImageSource) -> None:
        self._request = request
        self._source = source
        self._slot = np.frombuffer(mmap.mmap(request.pixels, request.slot_bytes), np.uint8)
        self._commands = LineReader(request.commands)
        self._held: deque[tuple[int, Callable[[], Frame]]] = deque()
        self._held_most = _HELD_LEAST
        self._number = 0
        self._round = 0
        self._ended = False

    def open(self) -> None:
        """Open the source and tell what is known of it."""
        self._source.open()
        if isinstance(self._source, FileSource):
            frame_bytes = self._source.width * self._source.height * 3
            self._held_most = max(_HELD_LEAST, min(_HELD_FRAMES, _HELD_BYTES // frame_bytes))
        send(self._request.events, {"opened": [self._source.fps, self._source.time_tolerance_ns]})

    def step(self) -> bool:
        """Obey the next command, or decode one frame ahead; False when the parent has gone."""
        if self._ended or len(self._held) >= self._held_most or self._commands.waiting():
            command = self._commands.next()
            if command is None:
                return False
            self._obey(command)
        else:
            self._decode()
        _confine.allow_cpu(self._request.limits.cpu_s)
        return True

    def _decode(self) -> None:
        t_ns = self._source.grab()
        errors = self._source.error_count
        if t_ns is None:
            self._ended = True
            truncated = getattr(self._source, "truncated", False)
            send(self._request.events, {"round": self._round, "end": [errors, truncated]})
            return
        self._held.append((self._number, self._source.hold()))
        send(self._request.events, {"round": self._round, "frame": [self._number, t_ns, errors]})
        self._number += 1

    def _obey(self, command: dict[str, Any]) -> None:
        match command:
            case {"at": int(number)}:
                while self._held and self._held[0][0] < number:
                    self._held.popleft()
            case {"picture": int(number)}:
                self._show(next(make for held, make in self._held if held == number)())
            case {"seek": int(t_ns), "round": int(turn)}:
                self._held.clear()
                self._source.seek(t_ns)
                self._ended, self._round = False, turn
                send(self._request.events, {"sought": turn})
            case {"ask": "frame_count" | "duration_sec" | "width" | "height" as what}:
                send(self._request.events, {"told": getattr(self._source, what)})

    def _show(self, frame: Frame) -> None:
        self._slot[: frame.data.size] = frame.data.reshape(-1)
        send(self._request.events, {"picture": [frame.width, frame.height, frame.frame_id]})


def serve(request: Request) -> None:
    """Decode for the parent until it goes or something fails, which it is told."""
    try:
        _confine.allow_cpu(request.limits.cpu_s)
        source = source_for(request.path, request.threads, request.limits)
        server = _Server(request, source)
        server.open()
        while server.step():
            pass
    except SourceError as error:
        send(request.events, {"failed": [type(error).__name__, str(error.path), error.reason]})
    except MemoryError:
        send(request.events, {"failed": ["SourceUnreadable", request.path, NO_MEMORY]})
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001 - the outermost edge of this process
        reason = f"decoding failed ({type(error).__name__}: {error})"
        send(request.events, {"failed": ["SourceUnreadable", request.path, reason]})


def main() -> None:
    """Entry point of the process."""
    _confine.ignore_signals_of_the_terminal()
    request = Request.from_text(sys.argv[1])
    _confine.end_with_parent(request.commands, request.parent, by_signal=request.by_signal)
    _confine.limit_resources(request.limits.memory_mb)
    logging.getLogger("visualbase").addHandler(_Forward(request.events))
    logging.getLogger("visualbase").propagate = False
    serve(request)


if __name__ == "__main__":
    main()
