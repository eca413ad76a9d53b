"""Writing a folder as a whole: after a crash at any moment there is the old complete set or the new complete one.

Everything is written into the hidden sibling `.NAME.new`, which then changes places with the old folder. Where the
system cannot swap in one step, the old one steps aside as `.NAME.old`, and `repair` puts it back if that is where the
process died.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from vpx_identity_builder.errors import ExportError
from vpx_identity_builder.export.files import Files, LocalFiles

if sys.platform != "win32":
    import fcntl

MARKER = "result.json"
_log = logging.getLogger(__name__)


def replace_tree(target: Path, folders: Iterable[str], data: Mapping[str, bytes], files: Files | None = None) -> None:
    """Make `target` hold exactly `folders` (parents first) and the files of `data`, in place of what was there.

    Paths are relative with `/`. Raises `ExportError` with the old content untouched: disk full, no permission, a folder
    in the way that this package did not write, another process publishing into the same place.
    """
    disk: Files = LocalFiles() if files is None else files
    try:
        _make_parents(target.parent, disk)
        with _exclusive(target):
            repair(target, disk)
            refuse_foreign(target)
            fresh = _sibling(target, "new")
            try:
                _write_all(fresh, folders, data, disk)
                spent = _put_in_place(fresh, target, disk)
            except OSError:
                _discard(fresh, disk)
                raise
            disk.sync_folder(target.parent)
            if spent is not None:
                _discard(spent, disk)
    except ExportError:
        raise
    except OSError as error:
        raise ExportError(target, error.strerror or type(error).__name__) from error


def repair(target: Path, files: Files | None = None) -> None:
    """Clear up after a run that died while publishing into `target`: the old complete set returns if none is there."""
    disk: Files = LocalFiles() if files is None else files
    fresh, old = _sibling(target, "new"), _sibling(target, "old")
    if old.exists():
        if target.exists():
            disk.remove_tree(old)
        else:
            disk.rename(old, target)
            disk.sync_folder(target.parent)
    if fresh.exists():
        disk.remove_tree(fresh)


def withdraw(target: Path, files: Files | None = None) -> None:
    """Take away what is published in `target`, at one instant; after a crash `repair` removes the rest of it.

    Raises `OSError`.
    """
    disk: Files = LocalFiles() if files is None else files
    fresh = _sibling(target, "new")
    if fresh.exists():
        disk.remove_tree(fresh)
    if target.is_dir() and not target.is_symlink():
        disk.rename(target, fresh)
        disk.sync_folder(target.parent)
        disk.remove_tree(fresh)


def make_folders(folder: Path, files: Files | None = None) -> None:
    """Make a folder and those above it that are missing, for the owner only. Raises `ExportError` and `OSError`."""
    _make_parents(folder, LocalFiles() if files is None else files)


def published_marker(target: Path) -> Path:
    """The file that tells what `target` holds, also where a run died before the old set was put back."""
    aside = _sibling(target, "old") / MARKER
    return aside if not target.exists() and aside.exists() else target / MARKER


def _sibling(target: Path, role: str) -> Path:
    return target.with_name(f".{target.name}.{role}")


def _make_parents(folder: Path, disk: Files) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        with contextlib.suppress(FileExistsError):
            disk.make_folder(path)
    if not folder.is_dir():
        raise ExportError(folder, "it is not a folder")


@contextlib.contextmanager
def _exclusive(target: Path) -> Iterator[None]:
    """Hold the parent folder's advisory lock; the system drops it when the process dies. Windows has none."""
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ExportError(target, "another process is publishing there") from error
        yield
    finally:
        os.close(descriptor)


def refuse_foreign(target: Path) -> None:
    """Raise `ExportError` where something is in the way that this package did not write."""
    if target.is_symlink():
        raise ExportError(target, "it is a link; remove it first")
    if target.exists() and not target.is_dir():
        raise ExportError(target, "it is not a folder")
    if target.exists() and not (target / MARKER).exists() and any(target.iterdir()):
        raise ExportError(target, f"it holds files but no {MARKER}, so it is not a set of ours to replace")


def _write_all(fresh: Path, folders: Iterable[str], data: Mapping[str, bytes], disk: Files) -> None:
    made = [fresh]
    disk.make_folder(fresh)
    for name in folders:
        disk.make_folder(fresh / name)
        made.append(fresh / name)
    for name, content in data.items():
        disk.write(fresh / name, content)
    for folder in reversed(made):
        disk.sync_folder(folder)


def _put_in_place(fresh: Path, target: Path, disk: Files) -> Path | None:
    """Let `fresh` become `target`; returns where the old content went, None if there was none."""
    if not target.exists():
        disk.rename(fresh, target)
        return None
    if disk.exchange(fresh, target):
        return fresh
    old = _sibling(target, "old")
    disk.rename(target, old)
    try:
        disk.rename(fresh, target)
    except OSError:
        disk.rename(old, target)
        raise
    return old


def _discard(path: Path, disk: Files) -> None:
    """Remove what is no longer needed; what cannot be removed now is removed by the next run's `repair`."""
    if not path.exists():
        return
    try:
        disk.remove_tree(path)
    except OSError as error:
        _log.warning("cannot remove %s (%s); the next run removes it", path, error.strerror or type(error).__name__)
