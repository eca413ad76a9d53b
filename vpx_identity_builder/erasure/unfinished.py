"""`erasing.json`: an erasure that has begun. It stays where one breaks off, so that the next call can complete it.

A person's number counts in the published set, which shows the person no more before the log has lost them: so the
number that each log knows them by is noted beforehand. Nothing of a face is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from vpx_identity_builder.erasure.age import runs_in
from vpx_identity_builder.erasure.note import Erasure
from vpx_identity_builder.errors import UnfinishedErasureError
from vpx_identity_builder.export.files import FULL, LocalFiles
from vpx_identity_builder.schema_base import Document

UNFINISHED = "erasing.json"


class UnfinishedErasure(Document):
    """What is to be erased, and what was there when it began.

    `numbers`: name of a log → the number that it knows the person by, null where all of it goes. `runs`: when the runs
    of the logs and the set began, as they say; where others are there now, the video was built again and this is over.
    """

    schema_version: Literal[1] = 1
    erasure: Erasure
    numbers: dict[str, int | None]
    runs: list[str] = Field(max_length=3)


@dataclass(frozen=True, slots=True)
class Begun:
    """An erasure that began earlier, if there is one. `numbers` as in `UnfinishedErasure`."""

    erasure: Erasure | None = None
    numbers: Mapping[str, int | None] = field(default_factory=dict)


def begin(folder: Path, erasure: Erasure, numbers: Mapping[str, int | None]) -> None:
    """Note what is going to be erased. Raises `OSError`.

    On a full disk what needs no note goes without one, which makes room: only of a person something would be lost.
    """
    if not folder.is_dir():
        return
    document = UnfinishedErasure(erasure=erasure, numbers=dict(numbers), runs=sorted(runs_in(folder)))
    fresh = folder / f".{UNFINISHED}.new"
    fresh.unlink(missing_ok=True)
    try:
        LocalFiles().write(fresh, document.to_json().encode())
    except OSError as error:
        fresh.unlink(missing_ok=True)
        if erasure.what == "person" or error.errno not in FULL:
            raise
        return
    fresh.replace(folder / UNFINISHED)
    LocalFiles().sync_folder(folder)


def begun(folder: Path) -> Begun:
    """The erasure of a video's folder that began and did not end.

    It is over where all runs that were there are gone and others are in their place.
    """
    try:
        found = UnfinishedErasure.model_validate_json((folder / UNFINISHED).read_bytes())
    except (OSError, ValidationError, json.JSONDecodeError):
        return Begun()
    runs = runs_in(folder)
    return Begun() if runs and runs.isdisjoint(found.runs) else Begun(found.erasure, found.numbers)


def refuse_unfinished(folder: Path) -> None:
    """Raise `UnfinishedErasureError` where an erasure of a video's folder broke off: nobody may come back now."""
    erasure = begun(folder).erasure
    if erasure is not None:
        raise UnfinishedErasureError(folder, None if erasure.what == "video" else erasure.person_id)


def end(folder: Path) -> None:
    """The erasure is done. Raises `OSError`."""
    (folder / UNFINISHED).unlink(missing_ok=True)
