"""What killed runs left in a video's folder: the best of it is published, the rest goes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from .core.types import RunResult, StopReason
from .errors import RunLogError
from .export.atomic import repair
from .export.folder import SET_FOLDER, publish, published_stop_reason
from .place import FINISHED
from .program import program_of
from .rebuilding import context_of, replayed, settings_for
from .recorder import people_of
from .run import Run
from .runlog.finalize import finalize, replace_log
from .runlog.reader import RunLog
from .runlog.schema import LOG_NAME, NEXT_NAME, remove

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """What was done in a folder: the result that was published now, or None where what is there is as good."""

    folder: Path
    result: RunResult | None
    frames: int


@dataclass(frozen=True, slots=True)
class _Log:
    """One log in a folder, at a glance."""

    path: Path
    frames: int
    reason: StopReason | None
    published: bool

    @property
    def worth(self) -> tuple[bool, int, bool]:
        """A run that came to its end is worth more than one that did not, then more frames, then the later run."""
        finished = self.reason in FINISHED
        return finished, 0 if finished else self.frames, self.path.name == NEXT_NAME


def tidy(folder: Path) -> None:
    """Before a new run begins: publish what a killed one saw. Raises `RunLogError` where one is being written."""
    if not any((folder / name).exists() for name in (LOG_NAME, NEXT_NAME)):
        return
    try:
        done = recover(folder)
    except RunLogError as error:
        if error.busy:
            raise
        logger.warning("what an earlier run left cannot be used: %s", error)
        return
    if done.result is not None:
        logger.warning("%s: what an interrupted run had seen is published first", folder)


def recover(folder: Path) -> Recovered:
    """Publish what a killed run had seen, unless a finished set, or one of more frames, is there.

    Raises `RunLogError`: no log, a damaged one, a build that is writing it; `ExportError`.
    """
    target, main = folder / SET_FOLDER, folder / LOG_NAME
    best, others = _best_of(folder)
    if (folder / f".{SET_FOLDER}.old").exists() or (folder / f".{SET_FOLDER}.new").exists():
        repair(target)
    for path in others:
        remove(path)
    if best.published:
        if best.path != main:
            replace_log(best.path, main)
        return Recovered(folder, None, best.frames)
    finished = published_stop_reason(target) in FINISHED
    if best.frames == 0 or (finished and best.reason not in FINISHED):
        remove(best.path)
        return Recovered(folder, None, best.frames)
    with RunLog(best.path) as log:
        result, run = _published(log, target)
    scales = run.builder.scales
    finalize(best.path, result, scales.face_id.tau_split, program_of(scales.policy))
    return Recovered(folder, result, best.frames)


def _best_of(folder: Path) -> tuple[_Log, list[Path]]:
    """The log worth most, and the others. Raises `RunLogError` where none can be read."""
    readable, others, errors = list[_Log](), list[Path](), list[RunLogError]()
    for path in (folder / LOG_NAME, folder / NEXT_NAME):
        if not path.exists():
            continue
        try:
            readable.append(_look(path))
        except RunLogError as error:
            if error.busy:
                raise
            errors.append(error)
            others.append(path)
    if not readable:
        raise errors[0] if errors else RunLogError(folder / LOG_NAME, "there is no run log")
    best = readable[-1] if readable[-1].published else max(readable, key=lambda log: log.worth)
    return best, [*others, *(log.path for log in readable if log is not best)]


def _look(path: Path) -> _Log:
    try:
        with RunLog(path) as log:
            return _Log(path, log.frame_count(), log.ending.reason, log.ending.published)
    except RunLogError as error:
        if error.empty:
            return _Log(path, 0, None, False)
        raise


def _published(log: RunLog, target: Path) -> tuple[RunResult, Run]:
    """Publish a log's result, and complete what the log says of the end."""
    if log.ending.reason is None:
        log.drop_unfinished()
    settings = settings_for(log, {})
    made = replayed(log, settings)
    publish(made.result, target, context_of(log, settings), exported=made.run.hooks.exported)
    made.run.tell(made.result, target)
    log.complete(made.fates, people_of(made.run.builder), made.result.stop_reason)
    return made.result, made.run
