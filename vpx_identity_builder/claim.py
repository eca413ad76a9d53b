"""A video's folder while it is being built or rebuilt: one run holds it, others see for which content.

The file `.building` in the folder holds the content hash and a lock that the system drops when the process dies; it
goes when the run has published. Windows has no such lock: there the run log's must do.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from .errors import BusyError
from .export.files import FILE_MODE

if sys.platform != "win32":
    import fcntl

NAME = ".building"
_TRIES = 10
_HASH_BYTES = 64


class Claim:
    """A run's hold on a folder."""

    def __init__(self) -> None:
        self._held: tuple[int, Path] | None = None

    def take(self, folder: Path, content_sha256: str) -> bool:
        """Hold an existing folder; False where another run does. Raises `OSError`."""
        self.release()
        descriptor = _locked(folder / NAME, os.O_RDWR | os.O_CREAT)
        if descriptor is None:
            return False
        self._held = descriptor, folder / NAME
        os.ftruncate(descriptor, 0)
        os.write(descriptor, content_sha256.encode("ascii", "replace")[:_HASH_BYTES])
        return True

    def release(self, *, folder_too: bool = True) -> None:
        """Let go, and leave no empty folder behind, if that may go too."""
        if self._held is None:
            return
        descriptor, path = self._held
        self._held = None
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        os.close(descriptor)
        if folder_too:
            with contextlib.suppress(OSError):
                path.parent.rmdir()

    def __del__(self) -> None:
        """A hold ends with its holder, as with its process."""
        self.abandon()

    def abandon(self) -> None:
        """Let go as a process does that dies: the file stays."""
        if self._held is not None:
            os.close(self._held[0])
            self._held = None


@contextlib.contextmanager
def held(folder: Path, content_sha256: str) -> Iterator[None]:
    """Hold an existing folder for a while. Raises `BusyError` where a run does.

    On a full disk, say, nobody is held off: what cannot be written is seen when publishing.
    """
    claim = Claim()
    try:
        try:
            free = _taken(claim, folder, content_sha256)
        except OSError:
            free = claimed_content(folder) is None
        if not free:
            raise BusyError(folder)
        yield
    finally:
        claim.release(folder_too=False)


def _taken(claim: Claim, folder: Path, content_sha256: str) -> bool:
    for _ in range(_TRIES):
        if claim.take(folder, content_sha256):
            return True
        if claimed_content(folder) is not None:  # else whoever had it only looked, and has let go
            return False
    return False


def refuse_held(folder: Path) -> None:
    """Raise `BusyError` where a run holds a folder at this moment."""
    if claimed_content(folder) is not None:
        raise BusyError(folder)


def clear_up(folder: Path) -> None:
    """Remove the hold of a run that died, unless a run holds the folder at this moment, and a folder left empty."""
    path = folder / NAME
    with contextlib.suppress(OSError):
        descriptor = _locked(path, os.O_RDWR) if path.is_file() else None
        if descriptor is not None:
            path.unlink(missing_ok=True)
            os.close(descriptor)
            folder.rmdir()


def claimed_content(folder: Path) -> str | None:
    """For which content a run holds a folder at this moment; None where none does."""
    path = folder / NAME
    if sys.platform == "win32" or not path.is_file():
        return None
    try:
        descriptor = _locked(path, os.O_RDWR)
        if descriptor is None:
            return path.read_text(encoding="ascii", errors="replace") or None
    except OSError:
        return None
    os.close(descriptor)
    return None


def _locked(path: Path, flags: int) -> int | None:
    """The file, open and locked; None where somebody else has it. Raises `OSError`."""
    for _ in range(_TRIES):
        descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), FILE_MODE)
        if sys.platform == "win32":
            return descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)  # whoever held it has just removed it
    return None
