"""How old a video is, and how long it may be kept. Nothing is erased because a clock was wrong when it was built."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vpx_identity_builder.erasure import log
from vpx_identity_builder.export.folder import SET_FOLDER

RESULT = "result.json"
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
"""Nothing is older than this program: a clock that says so was not set."""
AHEAD = timedelta(days=1)
"""How far a clock may be ahead of ours."""
MOST_DAYS = 100_000.0


def age_of(folder: Path, now: datetime) -> timedelta | None:
    """How long ago a video's run began; None where nothing that can be believed tells.

    The earliest that its set or a log of it says counts: a set that is chosen again from the log is new, what it is
    made of is not. Where they say nothing, or what cannot be, the times of these files do, then that of the folder.
    """
    for moments in (_said(folder), _written(folder / SET_FOLDER / RESULT, *log.logs_in(folder)), _written(folder)):
        believed = [moment for moment in moments if FIRST <= moment <= now + AHEAD]
        if believed:
            return now - min(believed)
    return None


def told_by(folder: Path) -> Mapping[str, Any]:
    """The settings that a video's run was told, as its set says; none where it cannot be read."""
    settings = _result(folder).get("settings")
    return settings if isinstance(settings, dict) else {}


def days(told: Mapping[str, Any], key: str, otherwise: float | None) -> float | None:
    """A number of days among settings; `otherwise` where there is none that can be one."""
    value = told.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return otherwise
    return float(value) if 0 <= value <= MOST_DAYS else otherwise


def runs_in(folder: Path) -> set[str]:
    """When the runs of a folder's set and logs began, as these say."""
    version = _result(folder).get("_version")
    said = version.get("created_at") if isinstance(version, dict) else None
    found = (said, *(log.created_at(path) for path in log.logs_in(folder)))
    return {str(text) for text in found if text is not None}


def _said(folder: Path) -> Iterator[datetime]:
    for text in runs_in(folder):
        with contextlib.suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(text)
            yield (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _written(*paths: Path) -> Iterator[datetime]:
    for path in paths:
        with contextlib.suppress(OSError, ValueError, OverflowError):
            yield datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _result(folder: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        document = json.loads((folder / SET_FOLDER / RESULT).read_bytes())
        if isinstance(document, dict):
            return document
    return {}
