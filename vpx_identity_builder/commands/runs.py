"""What `rebuild` and `recover` ask of the folder that they are given, before they open anything in it."""

from __future__ import annotations

from pathlib import Path

from vpx_identity_builder.errors import InputError, UnwritableError
from vpx_identity_builder.export.folder import check_writable
from vpx_identity_builder.runlog.schema import LOG_NAME, NEXT_NAME

DEEPEST = 3
"""How far below a run's folder its folders of images are."""


def refuse_missing(folder: Path) -> None:
    """Raise `InputError` where there is nothing of that name, or a file."""
    if not folder.exists():
        raise InputError(str(folder), "it does not exist; give the folder OUTPUT/VIDEO that a build printed")
    if not folder.is_dir():
        raise InputError(str(folder), "it is a file; give the folder OUTPUT/VIDEO that a build printed")


def refuse_too_deep(folder: Path) -> None:
    """Raise `InputError` with the run's folder where the given one lies within it, as that of the set does."""
    for run in folder.absolute().parents[:DEEPEST]:
        if any((run / name).is_file() for name in (LOG_NAME, NEXT_NAME)):
            raise InputError(str(folder), f"there is no run log in it; it is part of a run: give {run}")


def refuse_unwritable(folder: Path) -> None:
    """Raise `UnwritableError`, with what to do, where nothing can be written into a run's folder."""
    try:
        check_writable(folder, "RUN")
    except UnwritableError as error:
        advice = "copy it to where you may write, or only look: `identity-builder rebuild RUN --dry-run`"
        raise UnwritableError(folder, f"{error.reason}; {advice}", error.key) from error
