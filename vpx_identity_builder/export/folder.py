"""Publishing a result in the folder layout of §2, with `result.json` and `report.html` beside the persons."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vpx_identity_builder.core.results import RunResult
from vpx_identity_builder.documents import RunContext
from vpx_identity_builder.errors import ExportError, FolderNameError, UnwritableError
from vpx_identity_builder.export.atomic import published_marker, replace_tree
from vpx_identity_builder.export.builtin import own_files
from vpx_identity_builder.export.bundle import Bundle, bundle
from vpx_identity_builder.export.files import FULL, Files
from vpx_identity_builder.names import contained, look_of, safe_video_id

SET_FOLDER = "identity_builder"
PROBE = ".identity-builder-probe-"
"""Name of an empty folder that is made for a try, before something random."""
_SUFFIX_DIGITS = (6, 12, 64)


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """What a published set says of its run: why it ended (None: it does not say), how much it saw and found."""

    stop_reason: str | None
    frames: int
    persons: int


def publish(
    result: RunResult,
    target: Path,
    context: RunContext,
    files: Files | None = None,
    exported: Callable[[Bundle], Mapping[str, bytes]] = own_files,
) -> Path:
    """Write a result into `target` (as `target_folder` gives it), whole or not at all; returns `target`.

    `exported`: the files of a bundle, by path within the folder. An earlier result there is replaced only once the new
    one is complete. Raises `ExportError` and `DocumentError`.
    """
    made = bundle(result, context)
    data = exported(made)
    folders = made.folders()
    for path in sorted(data):
        inner = [str(parent) for parent in reversed(PurePosixPath(path).parents)][1:]
        folders += [folder for folder in inner if folder not in folders]
    replace_tree(target, folders, data, files)
    return target


def target_folder(
    output_dir: Path, video_id: str, content_sha256: str, claimed: Callable[[Path], str | None] = lambda _: None
) -> tuple[str, Path]:
    """The video id in effect and the folder its set belongs into: `{output_dir}/{video_id}/identity_builder`.

    The same content keeps its folder; other content under a taken name, and any under one that looks like it, gets the
    suffix `-<6 hex of its hash>`. `claimed` tells which content a video's folder without a set is meant for.
    Raises `FolderNameError`, also for a folder that leads out of `output_dir` through a link.
    """
    name = safe_video_id(video_id)
    candidates = [name, *(f"{name}-{content_sha256[:digits]}" for digits in _SUFFIX_DIGITS)]
    for candidate in candidates:
        target = contained(output_dir, candidate) / SET_FOLDER
        held = _content_of(target.parent, claimed)
        alike = _look_alikes(output_dir, candidate)
        if held == content_sha256 or (held is None and not any(_is_taken(folder, claimed) for folder in alike)):
            return candidate, target
    raise FolderNameError(video_id, "the name and all its suffixes are taken by other content")


def _content_of(folder: Path, claimed: Callable[[Path], str | None]) -> str | None:
    """Which content a video's folder holds or is meant for, None for none; where the set does not say, the log does."""
    held = published_content(folder / SET_FOLDER)
    return held or claimed(folder) or held


def _is_taken(folder: Path, claimed: Callable[[Path], str | None]) -> bool:
    """True for the folder of a video, and for one that nobody here may look into."""
    try:
        return _content_of(folder, claimed) is not None
    except (ExportError, PermissionError):
        return True


def _look_alikes(output_dir: Path, name: str) -> list[Path]:
    """Folders there whose names are others, but look like this one."""
    look = look_of(name)
    try:
        return sorted(path for path in output_dir.iterdir() if path.name != name and look_of(path.name) == look)
    except OSError:  # not there yet, or only to be written to
        return []


def check_writable(folder: Path, key: str = "output_dir") -> None:
    """Raise `UnwritableError` where nothing can be written into a folder, or it cannot be made, before it matters.

    Raises `ExportError` where there is no room.

    A folder is made for a try in the nearest one that is there, and removed at once. `key`: the setting that names it.
    """
    try:
        above = (folder, *folder.absolute().parents)
        nearest = next(path for path in above if path.exists() or path.is_symlink())
        is_folder = nearest.is_dir()
    except PermissionError as error:
        raise UnwritableError(folder, f"no permission to look into {Path(error.filename).parent}", key) from error
    except OSError as error:
        raise UnwritableError(folder, error.strerror or type(error).__name__, key) from error
    if not is_folder:
        raise UnwritableError(folder, f"{nearest} is not a folder", key)
    try:
        Path(tempfile.mkdtemp(prefix=PROBE, dir=nearest)).rmdir()
    except PermissionError as error:
        raise UnwritableError(folder, f"no permission to write in {nearest}", key) from error
    except OSError as error:
        if error.errno in FULL:  # no setting is wrong
            raise ExportError(folder, error.strerror or "no room") from error
        raise UnwritableError(folder, f"{nearest} takes no folders: {error.strerror}", key) from error
    for probe in nearest.glob(f"{PROBE}*"):  # a killed process may have left its own
        with contextlib.suppress(OSError):
            probe.rmdir()


def published_run(target: Path) -> PublishedRun | None:
    """The run whose set is in `target`; None if there is no set. What cannot be read counts as nothing seen."""
    document = _document_of(target)
    if document is None:
        return None
    reason, video, persons = (document.get(key) for key in ("stop_reason", "video", "persons"))
    frames = video.get("frames") if isinstance(video, dict) else None
    return PublishedRun(
        reason if isinstance(reason, str) else None,
        frames if isinstance(frames, int) else 0,
        len(persons) if isinstance(persons, list) else 0,
    )


def published_content(target: Path) -> str | None:
    """Content hash of the set in `target`: None if there is no set, empty if one is there but does not say."""
    document = _document_of(target)
    if document is None:
        return None
    video = document.get("video")
    found = video.get("content_sha256") if isinstance(video, dict) else None
    return found if isinstance(found, str) else ""


def _document_of(target: Path) -> dict[str, Any] | None:
    """The `result.json` of the set in `target`: None if there is no set, empty if it cannot be read as a document."""
    marker = published_marker(target)
    try:
        document = json.loads(marker.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        return {}
    except OSError as error:
        raise ExportError(marker, error.strerror or type(error).__name__) from error
    return document if isinstance(document, dict) else {}
