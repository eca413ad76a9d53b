"""The end of a log: it is marked as published, strangers leave it, and it takes its place as the video's log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vpx_identity_builder.core.pictures import with_candidates
from vpx_identity_builder.core.types import Candidate, RunResult
from vpx_identity_builder.runlog.codec import dumps, plain, restored
from vpx_identity_builder.runlog.pruning import prune
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.runlog.schema import LOG_NAME, crc, sidecars, translated


def finalize(path: Path, result: RunResult, tau_split: float) -> Path:
    """Settle the log of a published result; returns where it is now. Raises `RunLogError`, before or after all of it.

    `tau_split`: cosine below which a face is not its person's, see `prune`.
    """
    with RunLog(path) as log:
        ids = log.ending.ids
        people = {key: ids[number] for key, number in log.person_numbers().items() if number in ids}
        with translated(path):
            log.connection.execute("BEGIN")
            pruned = prune(log, people, {p.person_id: p.prototype for p in result.persons}, tau_split)
            if pruned.faces:
                data = dumps(plain(without_pictures(result)))
                log.connection.execute("DELETE FROM outcome")
                log.connection.execute("INSERT INTO outcome VALUES (1, ?, ?)", (data, crc(data)))
            log.connection.execute("INSERT INTO events (kind, data) VALUES ('published', '{}')")
            log.connection.execute("COMMIT")
            if pruned.faces:
                log.connection.execute("VACUUM")
            log.connection.execute("PRAGMA journal_mode=DELETE")
    main = path.with_name(LOG_NAME)
    if path != main:
        replace_log(path, main)
    return main


def replace_log(path: Path, main: Path) -> None:
    """Let a settled log take the place of another. Raises `RunLogError`."""
    with RunLog(path) as log, translated(path):
        log.connection.execute("PRAGMA journal_mode=DELETE")
    with translated(path):
        for stale in sidecars(main):
            stale.unlink(missing_ok=True)
        path.replace(main)


def without_pictures(result: RunResult) -> RunResult:
    """The result with every picture replaced by nothing; time and box tell which it was."""

    def bare(candidate: Candidate) -> Candidate:
        return replace(candidate, sample=replace(candidate.sample, appearance=None), image=b"")

    return with_candidates(
        result, bare, lambda pair: replace(pair, first=bare(pair.first), second=bare(pair.second), image=b"")
    )


def recorded_result(raw: object) -> RunResult:
    """The result that `finalize` recorded. Raises `MalformedError`."""
    return restored(RunResult, raw)
