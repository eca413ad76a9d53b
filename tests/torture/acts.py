"""What may be cut short besides a build, each with what must hold right after and in the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests.identity_builder.erasure.kept import embeddings, held
from tests.identity_builder.runlog.rides import killed, ride
from tests.torture.checks import RIDE, Violation, demand, is_whole, published
from vpx_identity_builder.cli import app
from vpx_identity_builder.erasure.note import NOTE, read_note
from vpx_identity_builder.erasure.unfinished import UNFINISHED
from vpx_identity_builder.errors import IdentityBuilderError
from vpx_identity_builder.memory_files import load_bank
from vpx_identity_builder.published import read_result
from vpx_identity_builder.runlog.schema import LOG_NAME

SECONDS = 0.6
BANK = "people"
Vectors = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Done:
    """How something ended."""

    exit_code: int
    output: str


@dataclass(frozen=True, slots=True)
class Act:
    """Something done to a copy of the output folder `before`.

    `check`: what must hold when it died. `done`: what must hold when it was done again.
    """

    name: str
    before: Path
    run: Callable[[Path], Done]
    check: Callable[[Path], None]
    done: Callable[[Path], None]


def say(*words: object) -> Done:
    """Say words to the command line."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    return Done(result.exit_code, result.output)


def erase_video(before: Path, bank: bool = False) -> Act:
    """A whole video goes."""
    ride(before, SECONDS, memory_bank=before / BANK if bank else None)
    vectors = embeddings(before)

    uncounted = set[Path]()

    def check(out: Path) -> None:
        _whole(out)
        _no_note(out, "video")
        uncounted.clear()
        if not any((out / RIDE).iterdir()):  # it is gone, and there was no room to write down how much it was
            uncounted.add(out)

    def done(out: Path) -> None:
        _left(out, {NOTE})
        demand(held(out, vectors) == 0, "embeddings are left")
        demand(not list(out.glob("*/*/memory_bank.json")), "a bank remembers")
        _noted(out, "video", None if out in uncounted else len(vectors))
        uncounted.clear()

    return Act("", before, lambda out: say("erase", out, "--video", RIDE), check, done)


def erase_person(before: Path, person: int, bank: bool = False) -> Act:
    """One of two goes."""
    ride(before, SECONDS, memory_bank=before / BANK if bank else None)
    gone, stays = embeddings(before, person), embeddings(before, 1 - person)
    theirs = {name for name in published(before) if name.startswith(f"person_{person}")}
    others = {name: data for name, data in published(before).items() if name.startswith(f"person_{1 - person}")}

    def check(out: Path) -> None:
        _whole(out)
        _no_note(out, "person")
        demand(_others(out) == others, "the other's files changed")
        shown = theirs & set(published(out))
        demand(shown in (set(), theirs), "part of the person's files is there")
        log = (out / RIDE / LOG_NAME).is_file()
        demand(not shown or (log and held(out, gone) >= len(gone)), "shown, and no longer in the log")
        if not shown:
            demand((out / RIDE / UNFINISHED).is_file(), "nothing tells that an erasure is under way")
            again = say("rebuild", out / RIDE)
            demand(again.exit_code == 3 and "complete it first" in again.output, f"rebuild: {again.output}")

    def done(out: Path) -> None:
        _whole(out)
        _left(out, {NOTE, "identity_builder", LOG_NAME, "remembered"})
        demand(held(out, gone) == 0, "embeddings are left")
        demand(held(out, stays) == len(stays), "the other's embeddings are gone")
        demand(_others(out) == others, "the other's files changed")
        _noted(out, "person", len(gone))
        again = say("rebuild", out / RIDE)
        demand(again.exit_code == 0, f"rebuild: {again.output}")
        demand(len(read_result(out / RIDE / "identity_builder").persons) == 1, "the person is back")
        demand(_pictures(published(out)) == _pictures(others), "chosen again, the other's images are not the same")

    def _pictures(files: dict[str, bytes]) -> list[bytes]:
        return sorted(data for name, data in files.items() if name.endswith(".jpg"))

    def _others(out: Path) -> dict[str, bytes]:
        return {name: data for name, data in published(out).items() if name.startswith(f"person_{1 - person}")}

    return Act("", before, lambda out: say("erase", out, "--video", RIDE, "--person", person), check, done)


def rebuild(before: Path) -> Act:
    """A set is chosen again, and somebody leaves the log."""
    ride(before, SECONDS)
    gone, old = embeddings(before, 1), published(before)

    def check(out: Path) -> None:
        _whole(out)
        now = published(out)
        demand(now == old or not any(name.startswith("person_1") for name in now), "neither the old set nor the new")

    def done(out: Path) -> None:
        _whole(out)
        _left(out, {"identity_builder", LOG_NAME})
        demand(len(read_result(out / RIDE / "identity_builder").persons) == 1, "somebody is still published")
        demand(held(out, gone) == 0, "embeddings are left")

    return Act(
        "", before, lambda out: say("rebuild", out / RIDE, "--set", "identity_builder.max_persons=1"), check, done
    )


def recover(before: Path) -> Act:
    """What a killed run saw is published."""
    killed(before, SECONDS)

    def done(out: Path) -> None:
        _whole(out)
        _left(out, {"identity_builder", LOG_NAME})
        demand(len(read_result(out / RIDE / "identity_builder").persons) == 2, "somebody is missing")
        again = say("rebuild", out / RIDE, "--dry-run")
        demand(again.exit_code == 0 and again.output.endswith(" images stay as they are\n"), f"rebuild: {again.output}")

    return Act("", before, lambda out: say("recover", out), _whole, done)


def remember(before: Path) -> Act:
    """A video is built again, and a memory bank learns from it anew."""
    bank = before / BANK
    ride(before, SECONDS, memory_bank=bank)
    known = _learnt(before)

    def run(out: Path) -> Done:
        try:
            faults = ride(out, SECONDS, memory_bank=out / BANK).hook_faults
        except IdentityBuilderError as error:
            return Done(1, str(error))
        return Done(1 if faults else 0, " ".join(str(fault) for fault in faults))

    def check(out: Path) -> None:
        _whole(out)
        _learnt(out)

    def done(out: Path) -> None:
        _whole(out)
        demand(_learnt(out) == known, f"learnt {_learnt(out)} instead of {known}")

    return Act("", before, run, check, done)


def _learnt(out: Path) -> dict[str, int]:
    """Person → hits in the bank. Raises `MemoryBankError`."""
    found = {path.parent.name: load_bank(path) for path in (out / BANK).glob("*/memory_bank.json")}
    return {name: sum(node.hits for node in bank.nodes) for name, bank in found.items()}


def _whole(out: Path) -> None:
    lack = is_whole(out)
    demand(lack is None, f"the set is not whole: {lack}")


def _left(out: Path, allowed: set[str]) -> None:
    found = {path.name for path in (out / RIDE).iterdir()}
    demand(found <= allowed, f"left over: {sorted(found - allowed)}")


def _no_note(out: Path, what: str) -> None:
    """An erasure that died is not said to be done, unless it was."""
    note = read_note(out / RIDE / NOTE)
    if note is not None:
        left = {path.name for path in (out / RIDE).iterdir()} - {NOTE, UNFINISHED, f".{UNFINISHED}.new"}
        demand(what == "person" or not left, f"said to be erased, and left is {sorted(left)}")


def _noted(out: Path, what: str, sought: int | None) -> None:
    """The note tells of the erasure, and of so many embeddings; None: nobody could count them."""
    note = read_note(out / RIDE / NOTE)
    if note is None:
        raise Violation("there is no note")
    last = note.erasures[-1]
    demand(last.what == what and last.remaining == 0, f"the note says {last}")
    demand(sought is None or (last.embeddings_sought >= sought and last.log_rows > 0), f"the note says {last}")
    json.loads((out / RIDE / NOTE).read_text())


def _named(name: str, make: Callable[[Path], Act]) -> Callable[[Path], Act]:
    def made(before: Path) -> Act:
        act = make(before)
        return Act(name, act.before, act.run, act.check, act.done)

    return made


ACTS: dict[str, Callable[[Path], Act]] = {
    name: _named(name, make)
    for name, make in {
        "erase video": erase_video,
        "erase video from bank": lambda before: erase_video(before, bank=True),
        "erase person 0": lambda before: erase_person(before, 0),
        "erase person 1 from bank": lambda before: erase_person(before, 1, bank=True),
        "rebuild": rebuild,
        "recover": recover,
        "remember": remember,
    }.items()
}
"""Name → how to make the act, with what it works on in a folder."""
