"""What can be wrong with a source, one small tree."""

from __future__ import annotations

from pathlib import Path


class SourceError(Exception):
    """A source cannot be used. ``path`` is the file or folder, ``reason`` says what is wrong with it.

    ``exit_code`` is what a command line answers with: 3, the input cannot be read.
    """

    exit_code = 3

    def __init__(self, path: str | Path, reason: str) -> None:
        self.path = Path(path)
        self.reason = reason
        super().__init__(f"{path}: {reason}")

    def __reduce__(self) -> tuple[type[SourceError], tuple[Path, str]]:
        return type(self), (self.path, self.reason)


class SourceNotFound(SourceError, FileNotFoundError):  # noqa: N818 - reads like the builtin that callers catch
    """There is nothing at this path."""


class SourceUnreadable(SourceError):  # noqa: N818 - the pair of SourceNotFound
    """Something is there, but no picture can be read from it."""
