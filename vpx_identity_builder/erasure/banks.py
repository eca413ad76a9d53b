"""Memory banks: what they learnt from a video or a person is forgotten, node by node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vpx_identity_builder.core.types import Vector
from vpx_identity_builder.erasure.remembered import ID_FILE, id_of
from vpx_identity_builder.erasure.traces import files_under
from vpx_identity_builder.memory_files import FILE_NAME, forget_in, load_bank, locked


@dataclass(frozen=True, slots=True)
class BankKnows:
    """What a bank holds of a video or person: its shares of nodes, and their vectors."""

    path: Path
    shares: int
    vectors: tuple[Vector, ...]


def banks_under(folders: Iterable[Path]) -> list[Path]:
    """Every bank file below the folders, each once, in name order; links are not followed."""
    return sorted({path for folder in folders for path in files_under(folder) if path.name == FILE_NAME})


def ids_under(folders: Iterable[Path]) -> set[str]:
    """Ids of all folders of banks below the folders."""
    files = (path for folder in folders for path in files_under(folder) if path.name == ID_FILE)
    return {found for path in files if (found := id_of(path.parent)) is not None}


def are_under(folder: Path) -> bool:
    """True where a folder holds memory banks, or held some that have forgotten everything."""
    return any(path.name in (FILE_NAME, ID_FILE) for path in files_under(folder))


def known(path: Path, video_id: str, person: int | None) -> BankKnows:
    """What a bank learnt from a video, or from one person in it. Raises `MemoryBankError`."""
    shares = [
        share
        for node in load_bank(path).nodes
        for share in node.shares
        if share.origin.video_id == video_id and person in (None, share.origin.person)
    ]
    return BankKnows(path, len(shares), tuple(share.part for share in shares))


def forget(path: Path, video_id: str, person: int | None) -> None:
    """Take out of a bank what it learnt there; an empty bank goes. Raises `MemoryBankError`."""
    with locked(path.parent.parent):
        forget_in(path, video_id, person)
