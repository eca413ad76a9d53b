"""The few file operations that publishing needs, each durable, so that tests can let any one of them fail."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from pathlib import Path
from typing import Protocol

FOLDER_MODE = 0o700
FILE_MODE = 0o600
FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a disk without room."""
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


class Files(Protocol):
    """What publishing does to the disk. Every method raises `OSError` when it cannot."""

    def make_folder(self, path: Path) -> None:
        """Make one folder that must not exist yet, for the owner only."""

    def write(self, path: Path, data: bytes) -> None:
        """Write a new file for the owner only, and wait until it is on the disk."""

    def rename(self, source: Path, target: Path) -> None:
        """Rename a folder to a name that is free."""

    def exchange(self, first: Path, second: Path) -> bool:
        """Swap two folders in one step; False where the system cannot."""

    def remove_tree(self, path: Path) -> None:
        """Remove a folder with everything in it."""

    def sync_folder(self, path: Path) -> None:
        """Wait until a folder's entries are on the disk."""


class LocalFiles:
    """The real file system."""

    def make_folder(self, path: Path) -> None:
        """Make one folder, mode 0700."""
        path.mkdir(mode=FOLDER_MODE)

    def write(self, path: Path, data: bytes) -> None:
        """Write a new file, mode 0600, never through a link."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags, FILE_MODE), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, source: Path, target: Path) -> None:
        """Rename a folder."""
        source.rename(target)

    def exchange(self, first: Path, second: Path) -> bool:
        """Swap two folders with Linux's renameat2, so that no instant is without a complete set."""
        if not sys.platform.startswith("linux"):
            return False
        library = ctypes.CDLL(None, use_errno=True)
        if not hasattr(library, "renameat2"):
            return False
        if library.renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0:
            return True
        code = ctypes.get_errno()
        if code in _NO_EXCHANGE:
            return False
        raise OSError(code, os.strerror(code), str(first), None, str(second))

    def remove_tree(self, path: Path) -> None:
        """Remove a folder with everything in it."""
        shutil.rmtree(path)

    def sync_folder(self, path: Path) -> None:
        """Flush a folder's entries; systems that cannot open folders do this on their own."""
        if sys.platform == "win32":
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
