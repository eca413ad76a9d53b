"""Builds that are killed, cut off from power or disk, or whose modules fail, and what is left of them.

    python -m tests.torture.kills --rounds 50 --seed 1 [--folder FOLDER]

One round lets one build die in each of the ways. Exit 1 with the round's seed and folder where a promise is broken.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from visualbase import Frame

from tests.ecosystem.upstream import clip
from tests.torture.checks import Set, Violation, check_before, check_recovery, published
from tests.torture.victim import BOTH, Death, Failing, build, dying, forked

SECONDS = 3.0
"""Length of the ride."""
KINDS = (
    "kill at time",
    "kill in log",
    "kill at write",
    "power cut",
    "disk full",
    "log full",
    "module fails",
    "kill again",
)


@dataclass
class Arena:
    """The ride, its two complete sets, and how many operations a build takes."""

    folder: Path
    frames: Sequence[Frame]
    old: Set = field(default_factory=dict)
    new: Set = field(default_factory=dict)
    seconds: float = 0.0
    tally: Counter[tuple[str, str]] = field(default_factory=Counter)

    def prepare(self) -> None:
        """Build both sets undisturbed."""
        for which in ("old", "new"):
            start = time.perf_counter()
            run(self, self.folder / which, Death("none"), which)
            self.seconds = time.perf_counter() - start
        self.old, self.new = published(self.folder / "old"), published(self.folder / "new")
        if not self.old or not self.new or self.old == self.new:
            raise Violation("the undisturbed builds are not as they should be")


def run(arena: Arena, out: Path, death: Death, which: str = "new", wait: Callable[[int], None] | None = None) -> int:
    """Let one build run or die; returns its exit status."""

    def work() -> None:
        dying(death)
        extra = [Failing(death.at)] if death.kind == "module fails" else []
        build(out, arena.frames, which, extra)

    pid = forked(work)
    if wait is not None:
        wait(pid)
    return os.waitpid(pid, 0)[1]


def kill_later(seconds: float, pid: int) -> None:
    """Kill a process after a while."""
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)


def copy_later(seconds: float, source: Path, target: Path, keep: float, pid: int) -> None:
    """Copy a folder as it is at one instant, the end of write-ahead logs lost as what no disk has seen yet."""
    time.sleep(seconds)
    os.kill(pid, signal.SIGSTOP)
    if source.exists():
        shutil.copytree(source, target)
    os.kill(pid, signal.SIGCONT)
    for log in target.rglob("*-wal"):
        with log.open("r+b") as file:
            file.truncate(int(log.stat().st_size * keep))


def one(arena: Arena, kind: str, dice: random.Random, out: Path) -> str:
    """One death of a kind; returns what is published after recovery."""
    with_old = dice.random() < 0.5
    if with_old:
        shutil.copytree(arena.folder / "old", out)
    moment = dice.uniform(0.0, 1.1 * arena.seconds)
    checked = out
    if kind == "kill at time":
        run(arena, out, Death("none"), wait=partial(kill_later, moment))
    elif kind == "power cut":
        checked = out.with_name(f"{out.name}-copy")
        run(arena, out, Death("none"), wait=partial(copy_later, moment, out, checked, dice.random()))
    elif kind == "kill again":
        for _ in range(dice.randint(2, 3)):
            run(arena, out, Death("none"), wait=partial(kill_later, dice.uniform(0.0, arena.seconds)))
    else:
        run(arena, out, Death(kind, at_of(kind, arena, dice)))
    checked.mkdir(exist_ok=True)
    old = arena.old if with_old else {}
    check_before(checked, old, arena.new)
    return check_recovery(checked, old, arena.new)


def at_of(kind: str, arena: Arena, dice: random.Random) -> int:
    """A random operation for a kind of death, about as many as a build has."""
    if kind == "kill in log":
        return int(10 ** dice.uniform(0, 3.2))
    if kind == "log full":
        return dice.randint(10, 400)
    if kind == "module fails":
        return dice.randint(1, len(arena.frames))
    return dice.randint(1, 2 * (len(arena.new) + 20) if kind == "kill at write" else len(arena.new) + 20)


def rounds(arena: Arena, count: int, seed: int, kinds: Sequence[str] = KINDS) -> None:
    """`count` rounds over all kinds. Raises `Violation` with the way to see it again."""
    for number in range(count):
        for place, kind in enumerate(kinds):
            own = seed * 1_000_003 + number * 101 + place
            out = arena.folder / f"{number}-{kind.replace(' ', '-')}"
            try:
                left = one(arena, kind, random.Random(own), out)
            except Violation as error:
                raise Violation(f"round {number} of seed {seed}, {kind}: {error} (see {out})") from error
            arena.tally[kind, left] += 1
            for used in arena.folder.glob(f"{out.name}*"):
                shutil.rmtree(used)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="torture-"))
    folder.mkdir(parents=True, exist_ok=True)
    arena, start = Arena(folder, clip(SECONDS, BOTH)), time.perf_counter()
    try:
        arena.prepare()
        rounds(arena, given.rounds, given.seed)
    except Violation as error:
        sys.stdout.write(f"BROKEN: {error}\n")
        return 1
    for kind in KINDS:
        outcomes = {left: count for (own, left), count in sorted(arena.tally.items()) if own == kind}
        sys.stdout.write(f"{kind}: {sum(outcomes.values())} deaths, left {outcomes}\n")
    total = sum(arena.tally.values())
    sys.stdout.write(f"{total} deaths survived in {time.perf_counter() - start:.0f} s (seed {given.seed})\n")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
