"""Which folder is a run's, for those who gave one that is not."""

from __future__ import annotations

from pathlib import Path

from vpx_identity_builder.errors import InputError
from vpx_identity_builder.runlog.schema import LOG_NAME, NEXT_NAME

DEEPEST = 3
"""How far below a run's folder its folders of images are."""


def refuse_too_deep(folder: Path) -> None:
    """Raise `InputError` with the run's folder where the given one lies within it, as that of the set does."""
    above = (folder if folder.name else folder.absolute()).parents
    for run in above[:DEEPEST]:
        if any((run / name).is_file() for name in (LOG_NAME, NEXT_NAME)):
            raise InputError(str(folder), f"there is no run log in it; it is part of a run: give {run}")
