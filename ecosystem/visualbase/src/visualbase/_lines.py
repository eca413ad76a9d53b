"""JSON lines over pipes, between a source and the process that decodes for it. Nothing is ever unpickled."""

from __future__ import annotations

import json
import os
import select
import time
from collections import deque
from typing import Any

_MAX_LINE_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 16


class BrokenLineError(ValueError):
    """What came is no line of this protocol."""


def send(descriptor: int, message: dict[str, Any]) -> None:
    """Write one message as a whole. Raises ``BrokenPipeError`` where nobody reads any more."""
    content = json.dumps(message).encode() + b"\n"
    while content:
        content = content[os.write(descriptor, content) :]


class LineReader:
    """Messages from the reading end of a pipe. ``ended`` is True once the writer is gone and all was read.

    A line is understood when it is asked for: what came before a broken one is still handed out.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = bytearray()
        self._lines: deque[bytes] = deque()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self.ended = False

    def next(self, timeout_s: float | None = None) -> dict[str, Any] | None:
        """The next message, or None at the end. Raises ``TimeoutError`` and ``BrokenLineError``."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._lines and not self.ended:
            left_s = None if deadline is None else deadline - time.monotonic()
            if left_s is not None and left_s < 0:
                raise TimeoutError
            self._fill(left_s)
        return _parsed(self._lines.popleft()) if self._lines else None

    def waiting(self) -> bool:
        """Say whether a message, or the end, is there without waiting for it."""
        if not self._lines and not self.ended:
            self._fill(0)
        return bool(self._lines) or self.ended

    def _fill(self, wait_s: float | None) -> None:
        if not self._poll.poll(None if wait_s is None else max(0, int(wait_s * 1000) + (wait_s > 0))):
            return
        block = os.read(self._descriptor, _BLOCK_BYTES)
        self.ended = not block
        self._rest += block
        *lines, rest = self._rest.split(b"\n")
        if len(rest) > _MAX_LINE_BYTES:
            raise BrokenLineError("a line is too long")
        self._rest = bytearray(rest)
        self._lines.extend(bytes(line) for line in lines)


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BrokenLineError("not JSON") from error
    if not isinstance(message, dict):
        raise BrokenLineError("not an object")
    return message
