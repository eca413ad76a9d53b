"""What killed runs left in a video's folder: the best of it is published, the rest goes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from .core.results import RunResult, StopReason
from .core.words import counted
from .erasure.unfinished import refuse_unfinished
from .errors import RunLogError, UnfinishedErasureError
from .export.atomic import repair
from .export.folder import SET_FOLDER, PublishedRun, publish, published_run
from .place import FINISHED, better_earlier
from .program import program_of
from .rebuilding import Rebuilt, context_of, replayed, settings_for
from .runlog.finalize import finalize, replace_log
from .runlog.reader import RunLog
from .runlog.schema import LOG_NAME, NEXT_NAME, remove
from .settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """What was done in a folder: the result that was published now, or None where what is there is as good.

    `kept`: the run whose set was better than what a killed one saw, which is gone now.
    """

    folder: Path
    result: RunResult | None
    frames: int
    kept: PublishedRun | None = None


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
    except (RunLogError, UnfinishedErasureError) as error:
        if isinstance(error, RunLogError) and error.busy:
            raise
        reason = error.reason if isinstance(error, RunLogError) else error
        logger.warning("what an earlier run left in %s cannot be used: %s", folder, reason)
        return
    if done.result is not None:
        logger.warning("%s: what an interrupted run had seen is published first", folder)


def way_back(folder: Path, broke_off_after: int | None = None) -> str:
    """After a run that could not be published: what publishes it, as the end of a sentence; empty without its log.

    `broke_off_after`: how many frames the log took before it could not be written any more; None: it was not given up.
    """
    if not (folder / NEXT_NAME).is_file() and ((folder / SET_FOLDER).exists() or not (folder / LOG_NAME).is_file()):
        return ""
    if broke_off_after == 0:
        return "; the run log could not be written either, so nothing of what was seen is kept"
    kept = "what was seen is kept"
    if broke_off_after is not None:
        kept = f"the run log could not be written to its end and holds {counted(broke_off_after, 'frame')} at most"
    return f"; {kept}: once that is put right, `identity-builder recover {quote(str(folder))}` publishes it"


def recover(folder: Path) -> Recovered:
    """Publish what a killed run had seen, unless a better set is there (see `better_earlier`), which keeps its log.

    Raises `RunLogError`: no log, a damaged one, a build that is writing it; `UnfinishedErasureError`; `ExportError`.
    """
    refuse_unfinished(folder)
    target, main = folder / SET_FOLDER, folder / LOG_NAME
    best, others = _best_of(folder)
    if (folder / f".{SET_FOLDER}.old").exists() or (folder / f".{SET_FOLDER}.new").exists():
        repair(target)
    if best.published:
        _remove_all(others)
        if best.path != main:
            replace_log(best.path, main)
        return Recovered(folder, None, best.frames, published_run(target) if others else None)
    kept = better_earlier(target, best.reason, best.frames, best.frames)
    if best.frames == 0 or kept is not None:
        return _unwanted(best, others, folder, kept)
    with RunLog(best.path) as log:
        made, settings = _replayed(log)
        result = made.result
        kept = better_earlier(target, result.stop_reason, result.frames, len(result.persons))
        if kept is None:
            _remove_all(others)
            publish(result, target, context_of(log, settings), exported=made.run.hooks.exported)
            made.run.tell(result, target)
            log.complete(made.fates, made.people, result.stop_reason)
    if kept is not None:
        return _unwanted(best, others, folder, kept)
    scales = made.run.builder.scales
    finalize(best.path, result, scales.face_id.tau_split, program_of(scales.policy))
    return Recovered(folder, result, result.frames)


def _unwanted(best: _Log, others: Sequence[_Log], folder: Path, kept: PublishedRun | None) -> Recovered:
    """What a killed run saw goes; a log that was published is that of the set, and stays."""
    _remove_all([best, *(log for log in others if not log.published)])
    return Recovered(folder, None, best.frames, kept)


def _remove_all(logs: Sequence[_Log]) -> None:
    for log in logs:
        remove(log.path)


def _best_of(folder: Path) -> tuple[_Log, list[_Log]]:
    """The log worth most, and the others. Raises `RunLogError` where none can be read."""
    readable, others, errors = list[_Log](), list[_Log](), list[RunLogError]()
    for path in (folder / LOG_NAME, folder / NEXT_NAME):
        if not path.exists():
            continue
        try:
            readable.append(_look(path))
        except RunLogError as error:
            if error.busy:
                raise
            errors.append(error)
            others.append(_Log(path, 0, None, False))
    if not readable:
        raise errors[0] if errors else RunLogError(folder / LOG_NAME, "there is no run log")
    best = readable[-1] if readable[-1].published else max(readable, key=lambda log: log.worth)
    return best, [*others, *(log for log in readable if log is not best)]


def _look(path: Path) -> _Log:
    try:
        with RunLog(path) as log:
            return _Log(path, log.frame_count(), log.ending.reason, log.ending.published)
    except RunLogError as error:
        if error.empty:
            return _Log(path, 0, None, False)
        raise


def _replayed(log: RunLog) -> tuple[Rebuilt, Settings]:
    """What a log's run would publish, with the settings it had."""
    if log.ending.reason is None:
        log.drop_unfinished()
    settings = settings_for(log, {})
    return replayed(log, settings), settings
