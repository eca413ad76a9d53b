"""Where one video's set goes and what its documents say of the source."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from glob import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .claim import claimed_content
from .core.results import RunResult, StopReason
from .core.words import counted
from .documents import RunContext
from .errors import IdentityBuilderError, InputError
from .export.atomic import refuse_foreign
from .export.builtin import own_files
from .export.bundle import Bundle
from .export.folder import (
    SET_FOLDER,
    PublishedRun,
    check_writable,
    publish,
    published_content,
    published_run,
    target_folder,
)
from .names import content_hash, frame_hash, printable, unnamed_video_id, video_id_from_stem
from .runlog.reader import content_of
from .runlog.schema import LOG_NAME
from .settings import Settings

logger = logging.getLogger(__name__)

FINISHED = (StopReason.END_OF_VIDEO, StopReason.COVERAGE_SATISFIED)


def better_earlier(target: Path, reason: StopReason | None, frames: int, persons: int) -> PublishedRun | None:
    """The run whose set in `target` another run must not replace: of `reason` (None: killed), `frames`, `persons`.

    None where it may. A run that finished replaces everything but the people of a finished set by nobody; one that did
    not replaces neither a finished set, nor one that saw more frames, nor people by nobody. Raises `ExportError`.
    """
    earlier = published_run(target)
    if earlier is None or earlier.stop_reason is None:
        return None
    by_nobody, had_finished = bool(earlier.persons and not persons), earlier.stop_reason in FINISHED
    if reason in FINISHED:
        return earlier if had_finished and by_nobody else None
    return earlier if had_finished or by_nobody or earlier.frames > frames else None


def kept_words(earlier: PublishedRun) -> str:
    """That the set of an earlier run is kept, in words."""
    if earlier.stop_reason in FINISHED:
        return "the finished set of an earlier run is kept"
    return f"the earlier set, which saw {counted(earlier.frames, 'frame')}, is kept"


def app_version() -> str:
    """Version of the installed distribution."""
    try:
        return version("vpx-identity-builder")
    except PackageNotFoundError:
        return "0+unknown"


def _claimed_content(folder: Path) -> str | None:
    """The content of the video that is being built in a folder, or whose run log is there."""
    return claimed_content(folder) or content_of(folder / LOG_NAME)


def set_of(source: Path, settings: Settings) -> Path | None:
    """The folder of the published set of a video, or of photos; None where there is none to be seen.

    The source is read for it only where some set bears its name.
    """
    resolved = source.resolve()
    name = resolved.name if resolved.is_dir() else resolved.stem
    place = Place(settings, SourceInfo(path=source, video_id=name))
    try:
        if not any(place.output_dir().glob(f"{escape(place.video_id(''))}*/{SET_FOLDER}")):
            return None
        target = place.target()
        return target if published_content(target) is not None else None
    except (IdentityBuilderError, PermissionError):
        return None


def check_memory(settings: Settings) -> None:
    """Raise `UnwritableError` where the memory bank that the settings name cannot be written."""
    if settings.output.memory_bank is not None:
        check_writable(settings.output.memory_bank, "memory_bank")


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a host told of the video; everything may be unknown.

    `files`: names of photos by frame number. `announced`: it said that a run begins.
    """

    path: Path | None = None
    video_id: str | None = None
    output_dir: Path | None = None
    fps: float | None = None
    source_fps: float | None = None
    files: tuple[str, ...] = ()
    announced: bool = False

    @classmethod
    def from_host(cls, info: Mapping[str, Any]) -> SourceInfo:
        """From the plain dictionary that our runner gives to `begin_run`."""
        source, output_dir = info.get("source"), info.get("output_dir")
        return cls(
            path=None if source is None else Path(str(source)),
            video_id=info.get("video_id"),
            output_dir=None if output_dir is None else Path(str(output_dir)),
            fps=info.get("fps"),
            source_fps=info.get("source_fps"),
            files=tuple(printable(str(name)) for name in info.get("source_files") or ()),
            announced=True,
        )


@dataclass(slots=True, eq=False)
class Place:
    """The place of one video's set. `first_frame` is the fingerprint of a source without a file.

    `kept_earlier`: in words, that a better set of the same video was there and this run did not replace it; else empty.
    `folder_name`: the video id in effect where it is known already, as of a run that is made again from its
    log.
    """

    settings: Settings
    source: SourceInfo = field(default_factory=SourceInfo)
    first_frame: str | None = None
    kept_earlier: str = ""
    folder_name: str | None = None
    _file_hash: str | None = field(default=None, init=False)
    _target: tuple[str, Path] | None = field(default=None, init=False)
    _has_published: bool = field(default=False, init=False)

    def target(self) -> Path:
        """The folder that the set belongs into. Raises `FolderNameError`."""
        return self.named_target()[1]

    def named_target(self) -> tuple[str, Path]:
        """The video id in effect, and the folder; they stay what they were first. Raises `FolderNameError`."""
        if self._target is None:
            content = self.content_sha256()
            self._target = target_folder(self.output_dir(), self.video_id(content), content, _claimed_content)
        return self._target

    def named_again(self) -> tuple[str, Path]:
        """As `named_target`, after somebody else took the folder. Raises `FolderNameError`."""
        self._target = None
        return self.named_target()

    def publish(self, result: RunResult, exported: Callable[[Bundle], Mapping[str, bytes]] = own_files) -> Path:
        """Write a result there, whole or not at all; one of an unfinished run never replaces a better one.

        What this run itself has published before is no earlier set, unless somebody finished it meanwhile.
        Raises `ExportError`.
        """
        video_id, target = self.named_target()
        earlier = better_earlier(target, result.stop_reason, result.frames, len(result.persons))
        own = self._has_published and earlier is not None and earlier.stop_reason not in FINISHED
        self.kept_earlier = "" if earlier is None or own else kept_words(earlier)
        if self.kept_earlier and result.stop_reason in FINISHED:
            self.kept_earlier = f"nobody was found, so {self.kept_earlier}"
        if self.kept_earlier:
            logger.warning("%s: %s", target, self.kept_earlier)
            return target
        publish(result, target, self.context(video_id), exported=exported)
        self._has_published = True
        return target

    def refuse_unwritable(self) -> None:
        """Raise where the set cannot be written, before there is one: `UnwritableError`, `ExportError`."""
        check_writable(self.output_dir())
        if self._hash_of_file() is not None:
            target = self.target()
            check_writable(target.parent)
            refuse_foreign(target)

    def content_sha256(self) -> str:
        """Fingerprint of the source: its bytes, read once, or its first frame where no file can be read."""
        return self._hash_of_file() or self.first_frame or frame_hash(b"", 0)

    def _hash_of_file(self) -> str | None:
        if self._file_hash is None and self.source.path is not None and self.source.path.exists():
            with suppress(InputError):
                self._file_hash = content_hash(self.source.path)
        return self._file_hash

    def output_dir(self) -> Path:
        """Where results go: settings, then the host, then the default."""
        given = self.settings.origins.get("output_dir") != "default"
        return self.settings.output.output_dir if given else self.source.output_dir or self.settings.output.output_dir

    def video_id(self, content: str) -> str:
        """Folder name: settings, then the host's name, then a name made of the content."""
        if self.settings.output.video_id is not None:
            return self.settings.output.video_id
        stem = self.source.video_id or (self.source.path.stem if self.source.path is not None else None)
        return video_id_from_stem(stem) if stem else unnamed_video_id(content)

    def context(self, video_id: str) -> RunContext:
        """What the documents say of this run."""
        return RunContext(
            video_id=video_id,
            app_version=app_version(),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            source_name=None if self.source.path is None else printable(self.source.path.name),
            content_sha256=self.content_sha256(),
            fps=self.source.fps,
            source_fps=self.source.source_fps,
            source_files=self.source.files,
            settings=self.settings.changed(),
        )
