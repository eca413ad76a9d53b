"""Which memory banks learnt from a video: its erasure is not complete before these were searched.

A folder of banks has a random id (`memory_bank.id`). The file `remembered` in a video's folder lists the ids of the
banks that learnt from it; it outlives sets and logs that are made again or expire, and names neither place nor person.
One without an id says that some bank did.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from vpx_identity_builder.errors import MemoryBankError
from vpx_identity_builder.export.files import FILE_MODE, FOLDER_MODE, LocalFiles

MARK = "remembered"
ID_FILE = "memory_bank.id"
UNSEARCHED = (
    "this video was remembered in a memory bank: give it with --bank DIR, or --bank-gone if there is none any more"
)
OTHER_BANK = (
    "this video was remembered in another memory bank than those searched: "
    "give it with --bank DIR, or --bank-gone if there is none any more"
)
GIVEN_UP = "a memory bank that learnt from it is said to be gone"
_ID = re.compile(r"[0-9a-f]{32}")


def bank_id(folder: Path) -> str:
    """The id of a folder of banks, which is given one if it has none; the caller holds the folder.

    Raises `MemoryBankError`.
    """
    known = id_of(folder)
    if known is not None:
        return known
    path, fresh = folder / ID_FILE, secrets.token_hex(16)
    try:
        path.unlink(missing_ok=True)
        LocalFiles().write(path, f"{fresh}\n".encode())
    except OSError as error:
        raise MemoryBankError(path, f"cannot be written: {error.strerror or type(error).__name__}") from error
    return fresh


def id_of(folder: Path) -> str | None:
    """The id of a folder of banks; None where it has none that can be read."""
    return next(iter(_ids_in(folder / ID_FILE) or ()), None)


def mark(video_folder: Path, bank: str) -> None:
    """Note that a memory bank of this id learns from a video. Raises `MemoryBankError`; nothing may be learnt then."""
    path = video_folder / MARK
    try:
        video_folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        path.touch(mode=FILE_MODE)
        if bank not in (_ids_in(path) or ()):
            with path.open("a", encoding="ascii") as file:
                file.write(f"{bank}\n")
    except OSError as error:
        raise MemoryBankError(path, f"cannot be written: {error.strerror or type(error).__name__}") from error


def mark_unknown(video_folder: Path) -> None:
    """Note that some bank learnt from a video, unless it is noted which. Raises `OSError`."""
    (video_folder / MARK).touch(mode=FILE_MODE)


def marked(video_folder: Path) -> frozenset[str] | None:
    """Ids of the banks that learnt from a video, none where it is not known which; None where no bank did."""
    return _ids_in(video_folder / MARK)


def complete(marks: frozenset[str], searched: Iterable[str], *, knew: bool) -> bool:
    """True where every bank that learnt was searched. `knew`: some bank was, that knew the video or is said to have."""
    return marks <= frozenset(searched) if marks else knew


def _ids_in(path: Path) -> frozenset[str] | None:
    """The ids in a file; None where there is no such file."""
    if not path.is_file():
        return None
    try:
        return frozenset(_ID.findall(path.read_text(encoding="ascii", errors="replace")))
    except OSError:
        return frozenset()
