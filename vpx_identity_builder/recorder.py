"""The run log as a run keeps it: what cannot be logged costs a warning and the log, never the run."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from .builder import IdentitySetBuilder
from .claim import Claim, claimed_content
from .core.fates import FaceFate
from .core.frame_views import OwnVectors
from .core.results import RunResult, StopReason, person_ids
from .core.types import Box, IntBox
from .errors import BusyError, IdentityBuilderError, RunLogError
from .export.atomic import make_folders
from .place import Place, app_version
from .program import occlusion_fingerprint
from .runlog.finalize import finalize
from .runlog.schema import LOG_NAME, NEXT_NAME, Header, is_busy, remove, sidecars
from .runlog.writer import CropKey, RunLogWriter
from .settings import Settings
from .translation import Translation

logger = logging.getLogger(__name__)

Tidier = Callable[[Path], object]
"""Sees to what earlier runs left in a run's folder; see `recovery.tidy`."""

PLACE_KEYS = ("output_dir", "video_id", "windows")
"""Settings that name places: no part of a log, which may be moved."""
_NAMES_TRIED = 3


class Recorder:
    """Keeps the log of one run. `tidy` is called before the log is begun. `loss`: why a wanted log was given up.

    `frames`: how many were logged; of a log that was given up, no more than so many are in it.
    """

    def __init__(self, place: Place, pooled: Callable[[], set[CropKey]], tidy: Tidier | None) -> None:
        self.place = place
        self.loss = ""
        self.frames = 0
        self._beside_another = False
        self._pooled, self._tidy = pooled, tidy
        self._log: RunLogWriter | None = None
        self._partial: Path | None = None
        self._early: list[tuple[str, Mapping[str, object]]] = []
        self._claim = Claim()

    @property
    def lost(self) -> bool:
        """True once a wanted log was given up."""
        return bool(self.loss)

    @property
    def is_on(self) -> bool:
        """True while a log is written."""
        return self._log is not None

    def begin(self) -> None:
        """Hold the video's folder and begin the log, if one is wanted; the place must know the source's fingerprint.

        Where another build of the video is running: raises `BusyError` if a host said that the run begins, and will
        hear of it; else the run goes on without a log.
        """
        output, early, self._early = self.place.settings.output, self._early, []
        if not self._claimed() or not output.run_log:
            return
        with self._guarded("no run log is kept"):
            video_id, target = self.place.named_target()
            self._tidy_up(target.parent)
            make_folders(target.parent)
            budget = round(output.run_log_crops_mb * 1e6)
            header = self._header(video_id, target.parent)
            self._log = RunLogWriter(_free_path(target.parent), header, budget, self._pooled)
            for kind, data in early:
                self._log.event(kind, data)

    def _claimed(self) -> bool:
        """False where another build of the video holds its folder; what cannot be held is seen when publishing."""
        try:
            target, content = self.place.named_target()[1], self.place.content_sha256()
            for _ in range(_NAMES_TRIED):
                make_folders(target.parent)
                if self._claim.take(target.parent, content):
                    return True
                held_for = claimed_content(target.parent)
                if held_for == content:
                    break
                if held_for is not None:  # else whoever held it has let go meanwhile
                    target = self.place.named_again()[1]
        except (IdentityBuilderError, OSError):
            return True
        self._beside_another = True
        if self.place.source.announced:
            raise BusyError(target.parent)
        busy = f"another build of this video is running in {target.parent}"
        logger.warning("no run log is kept: %s", busy)
        self.loss = busy if self.place.settings.output.run_log else ""
        return False

    def _tidy_up(self, folder: Path) -> None:
        if self._tidy is None:
            return
        try:
            self._tidy(folder)
        except RunLogError as error:
            if not error.busy:
                raise
            self._beside_another = True
            self._claim.release()
            if self.place.source.announced:
                raise BusyError(folder) from error
            raise

    def frame(self, t_ns: int, translation: Translation) -> int | None:
        """Log a frame; its number, None without a log."""
        numbers: list[int] = []
        with self._guarded("the run log ends here"):
            if self._log is not None:
                numbers.append(self._log.frame(t_ns, translation))
                self.frames += 1
        return numbers[0] if numbers else None

    def fates(self, arrival: int, fates: Sequence[FaceFate]) -> None:
        """Log what the builder made of a frame."""
        with self._guarded("the run log ends here"):
            if self._log is not None:
                faces = [(fate.assignment.sample, fate) for fate in fates]
                said = [(face.bbox, fate.person, fate.code, face.told) for face, fate in faces]
                self._log.fates(arrival, said)

    def crop(self, seq: int | None, box: IntBox, image: bytes) -> None:
        """Log an encoded crop."""
        with self._guarded("the run log ends here"):
            if self._log is not None and seq is not None:
                self._log.crop(seq, box, image)

    def own_vectors(self, seq: int | None, box: Box, own: OwnVectors) -> None:
        """Log a face's own vision embeddings in place of those that it carried."""
        with self._guarded("the run log ends here"):
            if self._log is not None and seq is not None:
                self._log.own_vectors(seq, box, own)

    def fault(self, name: str, count: int) -> None:
        """Log a fault that no frame tells of."""
        if self._log is None and not self.lost:
            self._early.append(("fault", {"name": name, "count": count}))
        self._event("fault", {"name": name, "count": count})

    def end(self, reason: StopReason, builder: IdentitySetBuilder) -> None:
        """Log how the run ended and who is published."""
        self._event("people", people_of(builder))
        self._event("end", {"reason": reason})
        self.secure()

    def secure(self) -> None:
        """What is published now must not have seen more than the log has on disk."""
        with self._guarded("the run log ends here"):
            if self._log is not None:
                self._log.secure()

    def published(self, result: RunResult, tau_split: float, program: str | None) -> None:
        """The result is published: what is known of other people leaves the log, which takes its place."""
        log, self._log = self._log, None
        self._remove_partial()
        if log is None:
            self._remove_earlier()
        else:
            self._settle(log, result, tau_split, program)
        self._claim.release()

    def _settle(self, log: RunLogWriter, result: RunResult, tau_split: float, program: str | None) -> None:
        log.close()
        try:
            finalize(log.path, result, tau_split, program)
        except IdentityBuilderError as error:
            logger.warning("the run log is removed, as it cannot be completed: %s", error)
            self.loss = str(error)
            self._remove(log.path)
            self._remove_earlier()

    def drop(self) -> None:
        """The result was not wanted: an earlier one is better. The log goes."""
        log, self._log = self._log, None
        self._remove_partial()
        if log is not None:
            log.close()
            self._remove(log.path)
        self._claim.release()

    def close(self) -> None:
        """Leave the log as it is."""
        self._claim.release()
        self._close_log()

    def _close_log(self) -> None:
        log, self._log = self._log, None
        if log is not None:
            log.close()

    def _event(self, kind: str, data: Mapping[str, object]) -> None:
        with self._guarded("the run log ends here"):
            if self._log is not None:
                self._log.event(kind, data)

    def _header(self, video_id: str, folder: Path) -> Header:
        place = self.place
        return Header(
            app_version=app_version(),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            video_id=video_id,
            content_sha256=place.content_sha256(),
            first_frame=place.first_frame or "",
            settings=as_logged(place.settings),
            source_name=None if place.source.path is None else place.source.path.name,
            source_path=near_path(place.source.path, folder),
            fps=place.source.fps,
            source_fps=place.source.source_fps,
            source_files=place.source.files,
            told_by=occlusion_fingerprint(),
        )

    @contextlib.contextmanager
    def _guarded(self, consequence: str) -> Iterator[None]:
        try:
            yield
        except BusyError:
            raise
        except (IdentityBuilderError, OSError) as error:
            self.loss = str(error if isinstance(error, IdentityBuilderError) else error.strerror)
            logger.warning("%s: %s", consequence, self.loss)
            self._partial = None if self._log is None else self._log.path
            self._close_log()

    def _remove_partial(self) -> None:
        """A log that broke off is of no use once there is a result."""
        path, self._partial = self._partial, None
        if path is not None:
            self._remove(path)

    def _remove_earlier(self) -> None:
        """A log of an earlier run does not belong to a set that was published without one; that of another one does."""
        if self._beside_another:
            return
        folder = self.place.target().parent
        for path in (folder / LOG_NAME, folder / NEXT_NAME):
            if path.exists() and not is_busy(path):
                self._remove(path)

    def _remove(self, path: Path) -> None:
        try:
            remove(path)
        except IdentityBuilderError as error:
            logger.error("%s holds what is known of everybody seen and cannot be removed: %s", path, error)


def as_logged(settings: Settings) -> dict[str, str | int | float | bool | None]:
    """Settings as a log holds them: key → value; a path in the user's home begins with `~`, which names nobody."""
    return {
        key: value if value is None or isinstance(value, str | int | float | bool) else _nameless(Path(str(value)))
        for key, value in settings.values().items()
        if key not in PLACE_KEYS
    }


def _nameless(path: Path) -> str:
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (RuntimeError, ValueError):  # no home, or a path elsewhere
        return str(path)


def people_of(
    builder: IdentitySetBuilder, gone: Collection[int] = (), erased: Collection[int] = ()
) -> dict[str, object]:
    """The event `people` of a builder that has finished; `gone`: who is not published all the same, by its ids.

    `erased`: ids that nobody gets any more.
    """
    published = [number for person_id, number in enumerate(builder.published) if person_id not in gone]
    return {
        "stands_for": {str(number): last for number, last in builder.final_numbers.items()},
        "ids": {str(number): person_id for person_id, number in zip(person_ids(erased), published, strict=False)},
    }


def near_path(source: Path | None, folder: Path) -> str | None:
    """Where the source lies, seen from the run's folder; None where it is not below the output folder's parent."""
    if source is None:
        return None
    relative = os.path.relpath(source.absolute(), folder.absolute())
    return relative if Path(relative).parts.count("..") <= 2 else None


def _free_path(folder: Path) -> Path:
    """Where a new log goes: beside the one that is there. An unfinished second one was not worth keeping."""
    main, following = folder / LOG_NAME, folder / NEXT_NAME
    path = following if main.exists() else main
    if path.exists():
        remove(path)
    for stale in sidecars(path):
        stale.unlink(missing_ok=True)
    return path
