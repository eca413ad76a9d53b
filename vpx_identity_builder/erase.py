"""Erasing what was kept of a video or a person, and proving it (docs/guarantees.md).

Removed are images, documents, the report, rows of the run log (overwritten), shares of memory-bank nodes, leftovers of
killed runs, and copies of the images elsewhere in the output folder. Then every file is searched for the embeddings and
images that were known before; `erased.json` keeps what was done when, without anything of a face.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from vpx_identity_builder.claim import claimed_content
from vpx_identity_builder.erasure import banks, log, published
from vpx_identity_builder.erasure.note import NOTE, Erasure, add_note, read_note, when
from vpx_identity_builder.erasure.remembered import MARK, complete, mark_unknown, marked
from vpx_identity_builder.erasure.targets import Target, barred, unwritable, video_folders
from vpx_identity_builder.erasure.traces import Remainder, Search, Traces, files_under, sha256_of
from vpx_identity_builder.errors import (
    BarredError,
    BusyError,
    ExportError,
    IdentityBuilderError,
    InputError,
    MemoryBankError,
)
from vpx_identity_builder.export.atomic import repair
from vpx_identity_builder.export.folder import SET_FOLDER
from vpx_identity_builder.published import IMAGE_SUFFIXES, read_person
from vpx_identity_builder.runlog.schema import sidecars

COMPANIONS = ("_meta.json", ".json", ".txt", ".caption")
"""What exporters put beside an image under its name."""


@dataclass(slots=True)
class Plan:
    """What is known of a target before anything is removed.

    `shown`: who is published, with the faces on their images. `logs`: each with the number that it knows the person by,
    None where all of it goes. `unread`: banks that nobody can look into. `bank_missing`: a memory bank learnt from the
    video, and none that may be it is at hand.
    """

    target: Target
    shown: log.Shown = field(default_factory=dict)
    traces: Traces = field(default_factory=Traces)
    images: list[Path] = field(default_factory=list)
    documents: list[Path] = field(default_factory=list)
    logs: list[tuple[Path, int | None]] = field(default_factory=list)
    log_rows: int = 0
    banks: list[banks.BankKnows] = field(default_factory=list)
    unread: list[Remainder] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    bank_missing: bool = False

    @property
    def empty(self) -> bool:
        """Nothing is kept of the target."""
        return not (self.images or self.documents or self.logs or self.banks or self.copies)

    @property
    def staying(self) -> tuple[str, ...]:
        """Files of a video's folder that its erasure leaves: the note, and the mark of a bank still to be searched."""
        return (NOTE, MARK) if self.bank_missing or self.unread else (NOTE,)

    @property
    def erased_before(self) -> bool:
        """A note tells that the whole video was erased; a bank named later can still be searched."""
        note = read_note(self.target.folder / NOTE)
        return self.target.what == "video" and note is not None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was removed, and what the search afterwards found."""

    plan: Plan
    erasure: Erasure
    remaining: tuple[Remainder, ...]


def plan(target: Target, output: Path, bank_folders: Sequence[Path] = (), banks_named: bool = False) -> Plan:
    """Look at everything that is kept of a target. `banks_named`: the folders are those that the caller knows it used.

    Raises `InputError` (no such video), `QueryError` (no such person), `RunLogError`, `BusyError` (a build runs), and
    `BarredError` (folders that what has to go cannot be removed from).
    """
    made = Plan(target)
    if claimed_content(target.folder) is not None:
        raise BusyError(target.folder)
    if target.folder.is_dir():
        _refuse(unwritable([target.folder]) if target.what == "log" else barred(target.folder))
        repair(target.set_folder)
    if target.what == "person" and target.set_folder.is_dir():
        made.shown = published.shown(target.set_folder)
    _plan_logs(made)
    if target.what != "log":
        _plan_banks(made, [output, *bank_folders])
        made.bank_missing = _lacks_bank(made, [output, *bank_folders], banks_named)
        _plan_files(made)
        made.copies = list(_copies(made, output))
        _refuse(unwritable(path.parent for path in made.copies))
    if made.empty and not made.bank_missing and not (banks_named and made.erased_before):
        if made.shown:
            read_person(target.set_folder, target.person_id or 0)
        raise InputError(str(target.folder), "nothing is kept of this video" + _who(target))
    return made


def carry_out(made: Plan, output: Path, now: datetime, bank_folders: Sequence[Path] = ()) -> Outcome:
    """Remove, search, and write the note. Raises `ExportError`, `RunLogError` and `MemoryBankError`; what they stopped
    is done by the next call."""
    target = made.target
    try:
        _remove(made)
        found, searched = search(made.traces, [output, *bank_folders])
        remaining = (*found, *made.unread)
        erasure = Erasure(
            erased_at=when(now),
            what=target.what,
            person_id=target.person_id,
            reason=target.reason,
            images=len(made.images),
            documents=len(made.documents),
            log_rows=made.log_rows,
            bank_shares=sum(bank.shares for bank in made.banks),
            copies=len(made.copies),
            embeddings_sought=len(made.traces.vectors),
            files_searched=searched,
            remaining=len(remaining),
        )
        add_note(target.folder, target.video_id, erasure)
    except OSError as error:
        if isinstance(error, IdentityBuilderError):
            raise
        raise ExportError(Path(error.filename or target.folder), error.strerror or type(error).__name__) from error
    return Outcome(made, erasure, remaining)


def search(traces: Traces, folders: Sequence[Path]) -> tuple[tuple[Remainder, ...], int]:
    """Everything of the traces that is still in the folders, and how many files were searched."""
    looking = Search(traces)
    roots = [folder for folder in folders if folder.is_dir()]
    searched = sum(1 for root in roots for _ in files_under(root))
    return tuple(found for root in roots for found in looking.under(root)), searched


def _refuse(folders: Sequence[tuple[Path, str]]) -> None:
    if folders:
        raise BarredError(folders)


def _remove(made: Plan) -> None:
    """Remove what is planned, last what a call after one that broke off needs.

    The log of a video says which embeddings to look for, the mark in which banks; the set says whom of the log a
    person's number means.
    """
    target = made.target
    for path in made.copies:
        path.unlink(missing_ok=True)
    if made.bank_missing and target.folder.is_dir():
        mark_unknown(target.folder)
    if target.what == "video":
        _remove_all(target.folder, (NOTE, MARK, *_log_files(made)))
    for bank in made.banks:
        banks.forget(bank.path, target.video_id, target.person_id)
    for path, number in made.logs:
        if number is None:
            log.erase_log(path)
        else:
            log.erase_person(path, number)
    if target.person_id in made.shown:
        published.remove_person(target.set_folder, target.person_id or 0)
    if target.what == "video":
        _remove_all(target.folder, made.staying)


def _log_files(made: Plan) -> list[str]:
    return [file.name for path, _ in made.logs for file in (path, *sidecars(path))]


def _plan_logs(made: Plan) -> None:
    for path in log.logs_in(made.target.folder):
        knows = log.known(path, made.target.person_id, made.shown)
        if knows.whole and made.shown and made.target.person_id not in made.shown:
            continue
        if knows.rows or knows.whole:
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
        made.images = published.images_of(target.set_folder, target.person_id or 0)
        made.documents = published.documents_of(target.set_folder, target.person_id or 0)
    elif target.what == "video" and target.folder.is_dir():
        logs = {path for path, _ in made.logs}
        files = [path for path in files_under(target.folder) if path.name not in made.staying and path not in logs]
        made.images = [path for path in files if path.suffix in IMAGE_SUFFIXES]
        made.documents = [path for path in files if path.suffix not in IMAGE_SUFFIXES]
    made.traces.images = {sha256_of(path) for path in made.images}


def _copies(made: Plan, output: Path) -> list[Path]:
    """Copies of the images, with what was put beside them, but for other videos' sets: those stay whole."""
    if not made.traces.images or not output.is_dir():
        return []
    mine = set(made.images)
    sets = tuple(folder / SET_FOLDER for folder in video_folders(output))
    found = []
    for path in files_under(output):
        inside_set = any(path.is_relative_to(folder) for folder in sets)
        if path in mine or inside_set or (path.is_relative_to(made.target.folder) and made.target.what == "video"):
            continue
        if path.suffix in IMAGE_SUFFIXES and sha256_of(path) in made.traces.images:
            beside = [path.with_name(path.stem + suffix) for suffix in COMPANIONS]
            found += [path, *(item for item in beside if item.is_file())]
    return found


def _remove_all(folder: Path, but: Collection[str]) -> None:
    """Everything in a video's folder but the named files; of links only the link. Raises `ExportError`, `OSError`."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
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
