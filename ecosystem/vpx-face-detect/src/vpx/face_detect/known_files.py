"""Model files of the user's own: their SHA-256 is noted when they are first used, and compared before every other use.

The note `known.sha256` lies beside the files and has the form of `sha256sum`, so that it can also be written before the
first use from what the publisher states, and checked with `sha256sum --check known.sha256`.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

NOTE = "known.sha256"
_LOG = logging.getLogger(__name__)


class ChangedFileError(RuntimeError):
    """A model file is not what it was. `path` says which, `expected` and `found` are SHA-256 (hex)."""

    def __init__(self, path: Path, expected: str, found: str) -> None:
        super().__init__(
            f"{path} is not the file that {path.with_name(NOTE)} notes (SHA-256 {found[:12]}… instead of "
            f"{expected[:12]}…); put the right one back, or take its line out of the note if you replaced it yourself"
        )
        self.path, self.expected, self.found = path, expected, found


def check_known(path: Path) -> None:
    """Compare a file with the note beside it, and note a file that it does not name.

    Raises `ChangedFileError`, and `OSError` for a file that cannot be read.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    note = path.with_name(NOTE)
    expected = _noted(note).get(path.name)
    if expected is None:
        try:
            with note.open("a", encoding="utf-8") as lines:
                lines.write(f"{found}  {path.name}\n")
        except OSError as error:
            _LOG.warning("%s cannot be noted in %s (%s): a change of it would not be seen", path.name, note, error)
    elif expected != found:
        raise ChangedFileError(path, expected, found)


def _noted(note: Path) -> dict[str, str]:
    """File name → SHA-256 (hex) of every line of a note; of several for one file the first."""
    if not note.is_file():
        return {}
    found: dict[str, str] = {}
    for line in note.read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, name = line.partition(" ")
        if name.strip(" *"):
            found.setdefault(name.strip(" *"), digest.lower())
    return found
