"""What is to be erased: the videos of an output folder, by name, by age, or because their time is over."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from vpx_identity_builder.core.words import did_you_mean
from vpx_identity_builder.erasure import log
from vpx_identity_builder.erasure.age import age_of, days, told_by
from vpx_identity_builder.erasure.unfinished import begun
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


def meant(target: Target, output: Path) -> str:
    """What may be meant where there is nothing of a target, as the end of a sentence: a video or a folder."""
    if target.folder.is_dir():
        return ""
    if (output / SET_FOLDER).is_dir() or log.logs_in(output):
        return f"; {output} is itself the folder of a video: give the one above it"
    hint = did_you_mean(target.video_id, (folder.name for folder in video_folders(output)), likeness=0.6)
    return f"; {hint}" if hint else ""


Ages = Mapping[Path, timedelta | None]
"""How old the videos of an output folder are, by their folders; None where nobody can tell."""


def ages_of(output: Path, now: datetime) -> Ages:
    """The ages of all videos, in name order."""
    return {folder: age_of(folder, now) for folder in video_folders(output)}


def older_than(ages: Ages, limit: timedelta) -> list[Target]:
    """Every video whose run began longer ago than that."""
    return [
        Target(folder, "video", f"older than {limit.total_seconds() / 86400:g} days")
        for folder, age in ages.items()
        if age is not None and age > limit
    ]


def expired(ages: Ages, settings: Settings) -> list[Target]:
    """Videos and logs that are kept longer than allowed: as their own run was told, else as `settings` say.

    Erasures that broke off are among them; of what else has no age nothing is.
    """
    found = []
    for folder, age in ages.items():
        told = told_by(folder)
        keep_days = days(told, "keep_days", settings.output.keep_days)
        keep_log_days = days(told, "keep_log_days", settings.output.keep_log_days)
        unfinished = begun(folder).erasure
        if age is not None and keep_days is not None and age > timedelta(days=keep_days):
            found.append(Target(folder, "video", f"kept longer than {keep_days:g} days"))
        elif unfinished is not None:
            found.append(Target(folder, unfinished.what, unfinished.reason, unfinished.person_id))
        elif age is None or keep_log_days is None:
            continue
        elif age > timedelta(days=keep_log_days) and log.logs_in(folder):
            found.append(Target(folder, "log", f"log kept longer than {keep_log_days:g} days"))
    return found


def video_folders(output: Path) -> Iterator[Path]:
    """Folders of videos in name order: those that hold a set, a log, or what a killed run or erasure left of them.

    Those that may not be looked into are left out, see `closed_folders`.
    """
    for folder in _folders(output):
        if not _is_open(folder):
            continue
        names = (SET_FOLDER, f".{SET_FOLDER}.new", f".{SET_FOLDER}.old")
        if any((folder / name).is_dir() for name in names) or log.logs_in(folder) or begun(folder).erasure is not None:
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


def links_in_place(folder: Path) -> list[tuple[Path, str]]:
    """Links where a video's set or log should be: what they lead to would stay."""
    paths = [folder / name for name in (SET_FOLDER, *log.LOGS)]
    return [(path, "it is a link, and what it leads to would stay") for path in paths if path.is_symlink()]


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
