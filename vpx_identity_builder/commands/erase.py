"""`identity-builder erase`: remove what is kept of a video or a person, and prove that it is gone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from vpx_identity_builder.commands.edge import INTERNAL, PARTLY, exit_code, explain, say, told, unbroken
from vpx_identity_builder.core.words import counted
from vpx_identity_builder.erase import carry_out, plan, settle
from vpx_identity_builder.erasure import banks
from vpx_identity_builder.erasure.own import others_in
from vpx_identity_builder.erasure.plan import Outcome, Plan
from vpx_identity_builder.erasure.remembered import OTHER_BANK, UNSEARCHED
from vpx_identity_builder.erasure.targets import Ages, Target, ages_of, closed_folders, expired, named, older_than
from vpx_identity_builder.erasure.traces import Remainder
from vpx_identity_builder.errors import BarredError, IdentityBuilderError, InputError, UsageError
from vpx_identity_builder.names import printable
from vpx_identity_builder.settings import resolve

CHOICES = "give one of --video ID, --older-than AGE and --expired"
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([dhw])")
MAX_AGE = 100_000
OTHERS_NAMED = 5
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    output: Path
    video: str | None = None
    person: int | None = None
    older_than: str | None = None
    expired: bool = False
    dry_run: bool = False
    verbose: bool = False
    banks: Sequence[Path] = ()
    bank_gone: bool = False


def run(asked: Request) -> int:
    """Erase, and say what was done; returns the exit code: 0, or 1 where something remains."""
    now = datetime.now(UTC)
    _check(asked)
    configured = resolve().output.memory_bank
    folders = asked.banks if configured is None else (*asked.banks, configured)
    ages = {} if asked.video is not None else ages_of(asked.output, now)
    targets = _targets(asked, ages)
    if not targets:
        typer.echo("nothing to erase")
    closed = [] if asked.video is not None else closed_folders(asked.output)
    for folder in closed:
        say(f"{folder}: it cannot be looked into, and may hold a video")
    going = {target.folder for target in targets}
    ageless = [folder for folder, age in ages.items() if age is None and folder not in going]
    for folder in ageless:
        say(f"{folder}: no date in it can be right, so it is kept; erase it with --video {folder.name}")
    codes = [INTERNAL] * bool(closed or ageless) + _erase_all(targets, asked, folders, now)
    return codes[0] if len(set(codes)) == 1 else PARTLY if codes else 0


def _erase_all(targets: Sequence[Target], asked: Request, folders: Sequence[Path], now: datetime) -> list[int]:
    """Each in turn, as an exit code. What the others hold that go as a whole after it only remains if they do."""
    codes, awaiting = list[int](), list[Outcome]()
    try:
        for place, target in enumerate(targets):
            later = [other.folder for other in targets[place + 1 :] if other.what == "video"]
            with unbroken():
                codes.append(_erase(target, asked, folders, now, later, awaiting))
    finally:
        for outcome in awaiting:
            _say_remaining(outcome.plan.target.video_id, settle(outcome))
    return codes


def _check(asked: Request) -> None:
    """Raise `UsageError` unless exactly one of the three ways is asked for, and `InputError` without a folder."""
    ways = (("--video", asked.video is not None), ("--older-than", asked.older_than is not None))
    given = [name for name, is_given in (*ways, ("--expired", asked.expired)) if is_given]
    if asked.person is not None and asked.video is None:
        raise UsageError("--person needs --video ID")
    if not given:
        raise UsageError(f"nothing says what to erase: {CHOICES}")
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} were given together: {CHOICES}")
    if asked.older_than is not None:
        _age(asked.older_than)
    if not asked.output.is_dir():
        raise InputError(str(asked.output), "it is not a folder")
    for folder in asked.banks:
        if not folder.is_dir():
            raise InputError(str(folder), "no such folder")
        if not banks.are_under(folder):
            raise InputError(str(folder), "there is no memory bank in it")


def _targets(asked: Request, ages: Ages) -> list[Target]:
    if asked.video is not None:
        return [named(asked.output, asked.video, asked.person)]
    if asked.older_than is not None:
        return older_than(ages, _age(asked.older_than))
    return expired(ages, resolve())


def _age(text: str) -> timedelta:
    """An age such as 30d. Raises `UsageError` for what is none, or above `MAX_AGE`."""
    match = _AGE.fullmatch(text.strip())
    if match is None or float(match[1]) > MAX_AGE:
        raise UsageError(f"--older-than is a number and d, h or w, such as 30d, not {text!r}")
    return float(match[1]) * _UNITS[match[2]]


def _erase(
    target: Target,
    asked: Request,
    folders: Sequence[Path],
    now: datetime,
    later: Sequence[Path],
    awaiting: list[Outcome],
) -> int:
    """The exit code of one. Its outcome joins those `awaiting` what goes with the `later` folders."""
    try:
        made = plan(
            target, asked.output, folders, bool(asked.banks), look_only=asked.dry_run, bank_gone=asked.bank_gone
        )
        if asked.dry_run:
            _show_plan(made, verbose=asked.verbose)
            _ask_for_bank(made, asked)
            return INTERNAL if made.bank_missing else 0
        outcome = carry_out(made, asked.output, now, folders, later)
        if outcome.awaited:
            awaiting.append(outcome)
    except BarredError as error:
        for folder, reason in error.topmost():
            say(f"{folder}: {reason}; nothing of {target.video_id} is erased")
        return INTERNAL
    except (IdentityBuilderError, PermissionError) as error:
        say(explain(error))
        return exit_code(error)
    code = told(lambda: _show(outcome))
    _ask_for_bank(made, asked)
    return INTERNAL if outcome.remaining or made.bank_missing else code


def _ask_for_bank(made: Plan, asked: Request) -> None:
    if made.bank_missing:
        say(f"{made.target.video_id}: {OTHER_BANK if asked.banks else UNSEARCHED}")


def _show_plan(made: Plan, *, verbose: bool) -> None:
    """What would go: how much of it in which folder, or every single file."""
    typer.echo(f"would erase {_name(made.target)}: {_counts(made)}")
    files = [*made.images, *made.documents, *made.copies, *(path for path, _ in made.logs)]
    if verbose:
        lines = [str(path) for path in files]
    else:
        counts = Counter(path.parent for path in files)
        lines = [f"{folder}: {counted(count, 'file')}" for folder, count in sorted(counts.items())]
    lines += [f"{bank.path}: {counted(bank.shares, 'share')}" for bank in made.banks]
    for line in lines:
        typer.echo(f"  {printable(line)}")
    _show_others(made)


def _show(outcome: Outcome) -> None:
    made, done = outcome.plan, outcome.erasure
    typer.echo(f"erased {_name(made.target)}: {_counts(made)}")
    sought = (
        f"{counted(done.files_searched, 'file')} searched for {counted(done.embeddings_sought, 'embedding')} "
        f"and {counted(done.images, 'image')}"
    )
    _show_others(made)
    if outcome.remaining:
        _say_remaining(sought, outcome.remaining)
        return
    where = " there" if made.bank_missing else ""
    typer.echo(f"{sought}: nothing remains{where}{' but in what goes next' if outcome.awaited else ''}")


def _say_remaining(subject: str, remaining: Sequence[Remainder]) -> None:
    if remaining:
        say(f"{subject}: {len(remaining)} still {'holds' if len(remaining) == 1 else 'hold'} something")
    for found in remaining:
        say(f"{found.path}: {found.what}")


def _show_others(made: Plan) -> None:
    """What lies in the video's folder and stays, because it is not ours; copies of the images in it go."""
    others = others_in(made.target.folder) if made.target.what == "video" else []
    if others:
        names = ", ".join(printable(path.name) for path in others[:OTHERS_NAMED])
        more = f" and {len(others) - OTHERS_NAMED} more" if len(others) > OTHERS_NAMED else ""
        typer.echo(f"not written by identity_builder, so kept in {printable(str(made.target.folder))}: {names}{more}")


def _counts(made: Plan) -> str:
    shares = sum(bank.shares for bank in made.banks)
    parts = [
        counted(len(made.images), "image"),
        counted(len(made.documents), "document"),
        counted(made.log_rows, "log row"),
        counted(shares, "memory share"),
        counted(len(made.copies), "copy", "copies"),
    ]
    return ", ".join(parts)


def _name(target: Target) -> str:
    of = {"video": "", "person": f"person {target.person_id} of ", "log": "the log of "}
    return f"{of[target.what]}{target.video_id}"
