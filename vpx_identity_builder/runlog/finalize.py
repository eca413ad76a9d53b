"""The end of a log: it is marked as published, strangers leave it, and it takes its place as the video's log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vpx_identity_builder.core.pair_choice import notes_of_fewer
from vpx_identity_builder.core.pictures import with_candidates
from vpx_identity_builder.core.results import RunResult
from vpx_identity_builder.core.types import Candidate, IntBox
from vpx_identity_builder.runlog.codec import MalformedError, dumps, plain, restored
from vpx_identity_builder.runlog.pruning import Pruned, prune
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.runlog.schema import LOG_NAME, crc, sidecars, translated

Fate = tuple[int, int, int, str]
"""Frame, face, person number, reason code."""


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """A recorded result without pictures: with which settings it was chosen, and by which program if that matters."""

    result: RunResult
    settings: Mapping[str, Any]
    program: str | None


def finalize(path: Path, result: RunResult, tau_split: float, program: str | None = None) -> Path:
    """Settle the log of a published result; returns where it is now. Raises `RunLogError`, before or after all of it.

    `tau_split`: cosine below which a face is not its person's, see `prune`. `program`: see `program.program_of`.
    """
    with RunLog(path) as log:
        with translated(path):
            log.connection.execute("BEGIN")
            pruned = _without_strangers(log, result, log.ending.ids, tau_split)
            _record(log, Recorded(result, log.header.settings, program))
            log.connection.execute("INSERT INTO events (kind, data) VALUES ('published', '{}')")
            log.connection.execute("COMMIT")
        _closed(log, pruned)
    main = path.with_name(LOG_NAME)
    if path != main:
        replace_log(path, main)
    return main


def settle_again(log: RunLog, chosen: Recorded, people: Mapping[str, Any], fates: Iterable[Fate], tau: float) -> Pruned:
    """Let those leave a log whom a set that was chosen again does not publish any more; overwrites where they stood.

    `people` and `fates` are of that choice, as the log has them of its run. Raises `RunLogError`; the log is then as it
    was.
    """
    with translated(log.path):
        log.connection.execute("PRAGMA secure_delete=ON")
        log.connection.execute("BEGIN")
        log.connection.execute("DELETE FROM fates")
        log.connection.executemany("INSERT OR REPLACE INTO fates VALUES (?, ?, ?, ?)", fates)
        log.connection.execute("UPDATE events SET data = ? WHERE kind = 'people'", (dumps(plain(people)),))
        log.read_ending()
        pruned = _without_strangers(log, chosen.result, log.ending.ids, tau)
        _record(log, chosen)
        log.connection.execute("COMMIT")
    _closed(log, pruned)
    return pruned


def _without_strangers(log: RunLog, result: RunResult, ids: Mapping[int, int], tau_split: float) -> Pruned:
    people = {key: ids[number] for key, number in log.person_numbers().items() if number in ids}
    return prune(log, people, {person.person_id: person.prototype for person in result.persons}, tau_split)


def _record(log: RunLog, chosen: Recorded) -> None:
    """Keep a result for a rebuild with the same settings, if its pictures are in the log."""
    log.connection.execute("DELETE FROM outcome")
    if _holds_pictures(log, chosen.result):
        _insert(log, chosen)


def record_without(log: RunLog, person_id: int) -> None:
    """Keep the recorded result without a person, where it can be read and the log still holds its pictures.

    Who stays keeps their number. Raises `RunLogError`.
    """
    raw = log.outcome()
    log.connection.execute("DELETE FROM outcome")
    if raw is None:
        return
    try:
        recorded = recorded_result(raw, log.header.settings)
    except MalformedError:
        return
    persons = tuple(person for person in recorded.result.persons if person.person_id != person_id)
    result = replace(
        recorded.result,
        persons=persons,
        pair=tuple(image for image in recorded.result.pair if person_id not in image.person_ids),
        notes=notes_of_fewer(recorded.result.notes, len(persons)),
    )
    held = pictures_of(log)
    if result.persons and all(held(t_ns, box) is not None for t_ns, box, _ in _pictures(result)):
        _insert(log, replace(recorded, result=result))


def _insert(log: RunLog, chosen: Recorded) -> None:
    of = {"settings": dict(chosen.settings), "program": chosen.program}
    data = dumps({**plain(without_pictures(chosen.result)), "of": of})
    log.connection.execute("INSERT INTO outcome VALUES (1, ?, ?)", (data, crc(data)))


def _holds_pictures(log: RunLog, result: RunResult) -> bool:
    """True where the log holds every picture of a result byte for byte."""
    held = pictures_of(log)
    return all(held(t_ns, box) == image for t_ns, box, image in _pictures(result))


def _pictures(result: RunResult) -> list[tuple[int, IntBox, bytes]]:
    """Time in ns, box and bytes of every picture of a result."""
    images = [image.candidate for person in result.persons for image in person.images]
    pairs = [image.candidate for image in result.pair]
    return [
        *((one.sample.t_ns, one.crop_box, one.image) for one in images),
        *((both.first.sample.t_ns, both.crop_box, both.image) for both in pairs),
    ]


def pictures_of(log: RunLog) -> Callable[[int, IntBox], bytes | None]:
    """Where a log's crops are looked up by time in ns and box; None is what it does not hold."""
    crops = log.crop_keys()
    times = log.times({frame for frame, _ in crops})
    held = {(times[frame], box): (frame, box) for frame, box in sorted(crops, reverse=True) if frame in times}
    return lambda t_ns, box: log.crop(*held[t_ns, box]) if (t_ns, box) in held else None


def _closed(log: RunLog, pruned: Pruned) -> None:
    """One file, without what was deleted."""
    with translated(log.path):
        if pruned.faces:
            log.connection.execute("VACUUM")
            log.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        log.connection.execute("PRAGMA journal_mode=DELETE")


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
        return replace(candidate, sample=replace(candidate.sample, appearance=None, told=None), image=b"")

    return with_candidates(
        result, bare, lambda pair: replace(pair, first=bare(pair.first), second=bare(pair.second), image=b"")
    )


def recorded_result(raw: object, run_settings: Mapping[str, Any]) -> Recorded:
    """The result that was recorded; `run_settings` are those of the log's run. Raises `MalformedError`."""
    result = restored(RunResult, raw)
    said = raw.get("of", {}) if isinstance(raw, dict) else {}
    settings, program = (said.get("settings", run_settings), said.get("program")) if isinstance(said, dict) else (0, 0)
    if not isinstance(settings, Mapping) or not isinstance(program, str | None):
        raise MalformedError("what the recorded result is of is no object")
    return Recorded(result, settings, program)
