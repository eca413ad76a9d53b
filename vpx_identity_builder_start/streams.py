"""Standard error that is never worth an end."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from typing import TextIO


class _Errors(io.FileIO):
    def write(self, data: object) -> int:
        with suppress(OSError):
            return super().write(data)  # type: ignore[arg-type]
        return memoryview(data).nbytes  # type: ignore[arg-type]


def guard_streams() -> None:
    """From here on what stderr does not take is lost."""
    if sys.stderr is not None:
        sys.stderr = _through(_Errors(2, "w", closefd=False), sys.stderr)


def _through(file: io.FileIO, stream: TextIO) -> TextIO:
    """`file` as a stream that takes text, and buffers it, as `stream` does."""
    buffer = stream.buffer
    return io.TextIOWrapper(
        file if isinstance(buffer, io.RawIOBase) else io.BufferedWriter(file),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=bool(stream.line_buffering),
        write_through=getattr(stream, "write_through", False),
    )
