"""Erasing what was kept of a video or a person, and proving it (docs/guarantees.md).

Removed are images, documents, the report, rows of the run log (overwritten), shares of memory-bank nodes, leftovers of
killed runs, and copies of the images elsewhere in the output folder. What is visible goes first and the log last: it
knows what to search every other file for. `erasing.json` stays where an erasure breaks off, and the next call completes
it; in the end `erased.json` keeps what was done when, without anything of a face.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from vpx_identity_builder.claim import refuse_held
from vpx_identity_builder.erasure import banks, log, published
from vpx_identity_builder.erasure.note import add_note, recount
from vpx_identity_builder.erasure.own import is_own
from vpx_identity_builder.erasure.plan import Outcome, Plan
from vpx_identity_builder.erasure.remembered import MARK, complete, mark_unknown, marked
from vpx_identity_builder.erasure.targets import Target, barred, links_in_place, meant, unwritable, video_folders
from vpx_identity_builder.erasure.traces import Remainder, Search, Traces, files_under, other_names, sha256_of
from vpx_identity_builder.erasure.unfinished import Begun, begin, begun, end
from vpx_identity_builder.errors import (
    BarredError,
    ExportError,
    IdentityBuilderError,
    InputError,
    MemoryBankError,
    UnfinishedErasureError,
)
from vpx_identity_builder.export.atomic import repair, withdraw
from vpx_identity_builder.export.folder import SET_FOLDER
from vpx_identity_builder.published import IMAGE_SUFFIXES, read_person
from vpx_identity_builder.runlog.schema import sidecars

COMPANIONS = ("_meta.json", ".json", ".txt", ".caption")
"""What exporters put beside an image under its name."""


def plan(
    target: Target,
    output: Path,
    bank_folders: Sequence[Path] = (),
    banks_named: bool = False,
    look_only: bool = False,
    bank_gone: bool = False,
) -> Plan:
    """Look at everything that is kept of a target. `banks_named`: the folders are those that the caller knows it used.

    `look_only`: nothing is touched, not even what a dead process left; of logs that no run closed, no rows are counted.
    `bank_gone`: the caller says that a bank which is not at hand does not exist any more.

    Raises `InputError` (no such video), `QueryError` (no such person), `RunLogError`, `BusyError` (a build runs), and
    `BarredError` (folders that what has to go cannot be removed from).
    """
    made = Plan(target, look_only=look_only)
    refuse_held(target.folder)
    if target.folder.is_dir():
        closed = unwritable([target.folder]) if target.what == "log" else barred(target.folder)
        _refuse([*closed, *links_in_place(target.folder)])
        if not look_only:
            repair(target.set_folder)
        made.before = _begun_before(target)
    if target.what == "person" and made.set_folder.is_dir():
        made.shown = published.shown(made.set_folder)
    _plan_logs(made)
    if target.what != "log":
        _plan_banks(made, [output, *bank_folders])
        lacks = _lacks_bank(made, [output, *bank_folders], banks_named)
        made.bank_missing, made.given_up = lacks and not bank_gone, lacks and bank_gone
        _plan_files(made)
        made.copies = list(_copies(made, output))
        _refuse(unwritable(path.parent for path in made.copies))
    going = [*made.images, *made.documents, *made.copies, *(path for path, number in made.logs if number is None)]
    made.elsewhere = other_names(going)
    again = made.erased_before and (made.bank_missing or banks_named or made.given_up)
    if made.empty and not again and not made.unnoted:
        if made.shown:
            read_person(made.set_folder, target.person_id or 0)
        if not made.bank_missing:
            raise InputError(str(target.folder), f"nothing is kept of this video{_who(target)}{meant(target, output)}")
    return made


def carry_out(
    made: Plan, output: Path, now: datetime, bank_folders: Sequence[Path] = (), later: Sequence[Path] = ()
) -> Outcome:
    """Remove, search, and write the note.

    `later`: folders of videos that the same call erases next; what these hold of the target is awaited, see `settle`.
    Raises `ExportError`, `RunLogError` and `MemoryBankError`; what they stopped is done by the next call.
    """
    target, roots = made.target, [output, *bank_folders]
    try:
        began = made.erasure(now)
        begin(target.folder, began, _numbers(made))
        _remove(made)
        found, searched = search(made.traces, roots, _log_files(made))
        awaited = tuple(one for one in found if any(one.path.is_relative_to(folder) for folder in later))
        _erase_logs(made)
        in_logs, logs_searched = search(made.traces, [target.folder], only=_log_files(made))
        remaining = (*(one for one in found if one not in awaited), *in_logs, *made.unread, *made.elsewhere)
        erasure = began.model_copy(update={"files_searched": searched + logs_searched, "remaining": len(remaining)})
        if target.what == "video":
            _remove_all(target.folder, made.staying)
        add_note(target.folder, target.video_id, erasure)
        end(target.folder)
    except OSError as error:
        if isinstance(error, IdentityBuilderError):
            raise
        raise ExportError(Path(error.filename or target.folder), error.strerror or type(error).__name__) from error
    return Outcome(made, erasure, remaining, awaited)


def settle(outcome: Outcome) -> Sequence[Remainder]:
    """What an erasure awaited to go with the videos after it, and that is still there; its note counts it then.

    Raises `OSError`.
    """
    left = [found for found in outcome.awaited if found.path.exists()]
    if left:
        recount(outcome.plan.target.folder, len(outcome.remaining) + len(left))
    return left


def search(
    traces: Traces, folders: Sequence[Path], but: Collection[Path] = (), only: Collection[Path] | None = None
) -> tuple[tuple[Remainder, ...], int]:
    """Everything of the traces that is still in the folders, and how many files were searched.

    `but`: files left out. `only`: the files to look into.
    """
    looking = Search(traces)
    roots = [folder for folder in folders if folder.is_dir()]
    return tuple(found for root in roots for found in looking.under(root, but, only)), looking.searched


def _refuse(folders: Sequence[tuple[Path, str]]) -> None:
    if folders:
        raise BarredError(folders)


def _begun_before(target: Target) -> Begun:
    """The same erasure, if it began earlier. Raises `UnfinishedErasureError` where it was that of somebody else.

    The erasure of a whole video takes in all others.
    """
    before = begun(target.folder)
    if before.erasure is None or (before.erasure.what, before.erasure.person_id) == (target.what, target.person_id):
        return before
    if target.what == "video":
        return Begun()
    raise UnfinishedErasureError(target.folder, before.erasure.person_id)


def _remove(made: Plan) -> None:
    """Remove everything that is planned but the logs: the copies, while the set knows them, then the set, the banks."""
    target = made.target
    for path in made.copies:
        path.unlink(missing_ok=True)
    if made.bank_missing and target.folder.is_dir():
        mark_unknown(target.folder)
    if target.what == "video":
        _withdraw(target.set_folder)
        _remove_all(target.folder, (*made.staying, MARK, *(path.name for path in _log_files(made))))
    elif target.person_id in made.shown:
        published.remove_person(target.set_folder, target.person_id or 0)
    for bank in made.banks:
        banks.forget(bank.path, target.video_id, target.person_id)


def _withdraw(set_folder: Path) -> None:
    try:
        withdraw(set_folder)
    except OSError as error:
        name = Path(error.filename or set_folder).name
        raise ExportError(set_folder, f"{name} cannot be removed: {error.strerror}") from error


def _erase_logs(made: Plan) -> None:
    for path, number in made.logs:
        if number is None:
            log.erase_log(path)
        else:
            log.erase_person(path, number, made.target.person_id or 0)


def _numbers(made: Plan) -> dict[str, int | None]:
    """Name of a log → its own number of the person, None where all of it goes."""
    return {path.name: number for path, number in made.logs}


def _log_files(made: Plan) -> set[Path]:
    return {file for path, _ in made.logs for file in (path, *sidecars(path))}


def _plan_logs(made: Plan) -> None:
    """Logs with the number that they know the person by; an erasure that broke off has noted it while the set told."""
    target = made.target
    noted = {} if target.what != "person" or target.person_id in made.shown else made.before.numbers
    for path in log.logs_in(target.folder):
        if path.name in noted and noted[path.name] is None:
            made.logs.append((path, None))
            continue
        knows = log.known(path, target.person_id, made.shown, noted.get(path.name), made.look_only)
        if knows.whole and made.shown and target.person_id not in made.shown and made.before.erasure is None:
            continue
        if knows.rows or knows.whole or path.name in noted:
            made.logs.append((path, None if knows.whole else knows.number))
        made.log_rows += knows.rows
        made.traces.vectors += knows.vectors
        made.traces.kept += knows.others


def _plan_banks(made: Plan, folders: Sequence[Path]) -> None:
    target = made.target
    for path in banks.banks_under(folders):
        try:
            knows = banks.known(path, target.video_id, target.person_id)
        except MemoryBankError as error:
            made.unread.append(Remainder(path, error.reason))
            continue
        if knows.shares:
            made.banks.append(knows)
            made.traces.vectors += knows.vectors


def _lacks_bank(made: Plan, folders: Sequence[Path], named: bool) -> bool:
    """True where a bank learnt from the video that is not among those searched.

    Videos that were remembered before banks had ids say so in their log or in a person's summary.
    """
    target = made.target
    marks = marked(target.folder)
    if marks is None:
        logged = any(log.remembered(path) for path in log.logs_in(target.folder))
        marks = frozenset() if logged or published.by_memory(target.set_folder) else None
    return marks is not None and not complete(marks, banks.ids_under(folders), knew=bool(made.banks) or named)


def _plan_files(made: Plan) -> None:
    target = made.target
    if target.person_id in made.shown:
        made.images = published.images_of(made.set_folder, target.person_id or 0)
        made.documents = published.documents_of(made.set_folder, target.person_id or 0)
    elif target.what == "video" and target.folder.is_dir():
        logs = {path for path, _ in made.logs}
        own = (path for path in files_under(target.folder) if is_own(path, target.folder))
        files = [path for path in own if path.name not in made.staying and path not in logs]
        made.images = [path for path in files if path.suffix in IMAGE_SUFFIXES]
        made.documents = [path for path in files if path.suffix not in IMAGE_SUFFIXES]
    made.traces.images = {sha256_of(path) for path in made.images if path.stat().st_size}


def _copies(made: Plan, output: Path) -> list[Path]:
    """Copies of the images, with what was put beside them, but for other videos' sets: those stay whole."""
    if not made.traces.images or not output.is_dir():
        return []
    mine = set(made.images)
    sets = tuple(folder / SET_FOLDER for folder in video_folders(output))
    found = []
    for path in files_under(output):
        inside_set = any(path.is_relative_to(folder) for folder in sets)
        if path in mine or inside_set or (is_own(path, made.target.folder) and made.target.what == "video"):
            continue
        if path.suffix in IMAGE_SUFFIXES and sha256_of(path) in made.traces.images:
            beside = [path.with_name(path.stem + suffix) for suffix in COMPANIONS]
            found += [path, *(item for item in beside if item.is_file())]
    return found


def _remove_all(folder: Path, but: Collection[str]) -> None:
    """Everything of ours in a video's folder but the named files; of links only the link.

    Raises `ExportError`, `OSError`.
    """
    own = [path for path in folder.iterdir() if is_own(path, folder)] if folder.is_dir() else []
    for path in own:
        if path.is_dir() and not path.is_symlink():
            try:
                shutil.rmtree(path)
            except OSError as error:
                name = Path(error.filename or path).name
                raise ExportError(path, f"{name} cannot be removed: {error.strerror}") from error
        elif path.name not in but:
            path.unlink()


def _who(target: Target) -> str:
    return "" if target.person_id is None else f" and person {target.person_id}"
