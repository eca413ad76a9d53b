"""What is to be erased: the videos of an output folder, by name, by age, or because their time is over."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from vpx_identity_builder.erasure import log
from vpx_identity_builder.errors import FolderNameError
from vpx_identity_builder.export.folder import SET_FOLDER
from vpx_identity_builder.names import contained, safe_video_id
from vpx_identity_builder.settings import Settings

What = Literal["video", "person", "log"]
RESULT = "result.json"


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to erase: a whole video, one person of it, or only its log. `reason` goes into the note."""

    folder: Path
    what: What
    reason: str
    person_id: int | None = None

    @property
    def video_id(self) -> str:
        """The video's folder name."""
        return self.folder.name

    @property
    def set_folder(self) -> Path:
        """The published set."""
        return self.folder / SET_FOLDER


def named(output: Path, video_id: str, person_id: int | None) -> Target:
    """One video by its name, or one person in it. Raises `FolderNameError`."""
    folder = contained(output, safe_video_id(video_id))
    if folder.is_symlink():
        raise FolderNameError(video_id, "it is a link; name the video that it leads to")
    return Target(folder, "video" if person_id is None else "person", "on request", person_id)


def older_than(output: Path, age: timedelta, now: datetime) -> list[Target]:
    """Every video whose run began longer ago than that."""
    return [
        Target(folder, "video", f"older than {age.total_seconds() / 86400:g} days")
        for folder in video_folders(output)
        if now - began(folder) > age
    ]


def expired(output: Path, settings: Settings, now: datetime) -> list[Target]:
    """Videos and logs that are kept longer than allowed: as their own run was told, else as `settings` say."""
    found = []
    for folder in video_folders(output):
        told, age = _told(folder), now - began(folder)
        keep_days = _days(told, "keep_days", settings.output.keep_days)
        keep_log_days = _days(told, "keep_log_days", settings.output.keep_log_days)
        if keep_days is not None and age > timedelta(days=keep_days):
            found.append(Target(folder, "video", f"kept longer than {keep_days:g} days"))
        elif keep_log_days is not None and age > timedelta(days=keep_log_days) and log.logs_in(folder):
            found.append(Target(folder, "log", f"log kept longer than {keep_log_days:g} days"))
    return found


def video_folders(output: Path) -> Iterator[Path]:
    """Folders of videos in name order: those that hold a set, a log, or what a killed run left of them.

    Those that may not be looked into are left out, see `closed_folders`.
    """
    for folder in _folders(output):
        if not _is_open(folder):
            continue
        names = (SET_FOLDER, f".{SET_FOLDER}.new", f".{SET_FOLDER}.old")
        if any((folder / name).is_dir() for name in names) or log.logs_in(folder):
            yield folder


def closed_folders(output: Path) -> list[Path]:
    """Folders in the output folder that may not be looked into: each may be a video's."""
    return [folder for folder in _folders(output) if not _is_open(folder)]


def barred(folder: Path) -> list[tuple[Path, str]]:
    """Folders from here down that may not be looked into or written to, with what bars each; links are not followed."""
    found, waiting = list[tuple[Path, str]](), [folder]
    while waiting:
        path = waiting.pop()
        if not _is_open(path):
            found.append((path, "it cannot be looked into"))
            continue
        found += unwritable([path])
        with os.scandir(path) as entries:
            waiting += [path / entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return sorted(found)


def unwritable(folders: Iterable[Path]) -> list[tuple[Path, str]]:
    """Those of the folders that nothing may be removed from, each once and in name order."""
    return [(folder, "it cannot be written to") for folder in sorted({*folders}) if not _may(folder, os.W_OK)]


def _folders(output: Path) -> list[Path]:
    if not output.is_dir():
        return []
    return [folder for folder in sorted(output.iterdir()) if not folder.is_symlink() and folder.is_dir()]


def _is_open(folder: Path) -> bool:
    return _may(folder, os.R_OK | os.X_OK)


def _may(folder: Path, rights: int) -> bool:
    return os.access(folder, rights, effective_ids=os.access in os.supports_effective_ids)


def began(folder: Path) -> datetime:
    """When the video's run took place: the earliest that its set or a log of it says, else the folder's time.

    A set that is chosen again from the log is new, what it is made of is not.
    """
    version = _result(folder).get("_version")
    texts = [version.get("created_at") if isinstance(version, dict) else None]
    texts += [log.created_at(path) for path in log.logs_in(folder)]
    moments = []
    for text in texts:
        with contextlib.suppress(ValueError):
            moment = datetime.fromisoformat(str(text))
            moments.append(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return min(moments, default=datetime.fromtimestamp(folder.stat().st_mtime, UTC))


def _told(folder: Path) -> dict[str, Any]:
    settings = _result(folder).get("settings")
    return settings if isinstance(settings, dict) else {}


def _days(told: dict[str, Any], key: str, otherwise: float | None) -> float | None:
    value = told.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def _result(folder: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        document = json.loads((folder / SET_FOLDER / RESULT).read_bytes())
        if isinstance(document, dict):
            return document
    return {}
