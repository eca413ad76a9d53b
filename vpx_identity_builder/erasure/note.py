"""`erased.json`: the note that stays of an erasure. It names a video and a number, nothing of a face."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from vpx_identity_builder.export.files import FILE_MODE, LocalFiles
from vpx_identity_builder.schema_base import Document

NOTE = "erased.json"


class Erasure(Document):
    """One erasure. `person_id` null: the whole video, or only its log (`what`). `remaining`: finds of the re-scan."""

    erased_at: str
    what: Literal["video", "person", "log"]
    person_id: int | None
    reason: str
    images: int
    documents: int
    log_rows: int
    bank_shares: int
    copies: int
    embeddings_sought: int
    files_searched: int
    remaining: int


class ErasureNote(Document):
    """`erased.json` of a video, newest erasure last."""

    schema_version: Literal[1] = 1
    video_id: str
    erasures: list[Erasure] = Field(min_length=1)


def add_note(folder: Path, video_id: str, erasure: Erasure) -> Path:
    """Write the note of a video, after those that are there. Raises `OSError`."""
    path = folder / NOTE
    earlier = read_note(path)
    return _write(path, ErasureNote(video_id=video_id, erasures=[*(earlier.erasures if earlier else ()), erasure]))


def recount(folder: Path, remaining: int) -> None:
    """Correct what the newest erasure of a video's note says remains, where there is a note. Raises `OSError`."""
    path = folder / NOTE
    note = read_note(path)
    if note is not None:
        newest = note.erasures[-1].model_copy(update={"remaining": remaining})
        _write(path, note.model_copy(update={"erasures": [*note.erasures[:-1], newest]}))


def _write(path: Path, note: ErasureNote) -> Path:
    fresh = path.with_name(f".{NOTE}.new")
    fresh.unlink(missing_ok=True)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        LocalFiles().write(fresh, note.to_json().encode())
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    fresh.replace(path)
    path.chmod(FILE_MODE)
    return path


def read_note(path: Path) -> ErasureNote | None:
    """The note of a video; None where there is none that can be read."""
    try:
        return ErasureNote.model_validate_json(path.read_bytes())
    except (OSError, ValidationError, json.JSONDecodeError):
        return None


def when(moment: datetime) -> str:
    """A moment as the notes write it: UTC, ISO 8601, whole seconds."""
    return moment.isoformat(timespec="seconds")
