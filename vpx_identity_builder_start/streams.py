"""Standard output that says itself that it takes no more, and standard error that is never worth an end."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO


class OutputError(OSError):
    """What is printed cannot be written, as on a full disk. A reader that went away is a `BrokenPipeError`."""

    def __str__(self) -> str:
        return f"the output could not be written: {self.strerror}"


class _Output(io.FileIO):
    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(error.errno, error.strerror) from error


class _Errors(io.FileIO):
    def write(self, data: object) -> int:
        with suppress(OSError):
            return super().write(data)  # type: ignore[arg-type]
        return memoryview(data).nbytes  # type: ignore[arg-type]


def guard_streams() -> None:
    """From here on printing raises `OutputError` where it fails, and what stderr does not take is lost."""
    if sys.stdout is not None:
        sys.stdout = _through(_Output(1, "w", closefd=False), sys.stdout)
    if sys.stderr is not None:
        sys.stderr = _through(_Errors(2, "w", closefd=False), sys.stderr)


def let_go_of_stdout() -> None:
    """What is printed from here on, or still waits to be written, goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
