"""Erasing, rebuilding and recovering, killed before every n-th thing that they do to the disk, or with no room on it.

    python -m tests.torture.deaths [--every 1] [--only NAME] [--folder FOLDER]

What counts is heard from the interpreter itself (`sys.addaudithook`): every file opened for writing, renamed, removed,
every folder made or removed; and from SQLite, every so many of its steps. Exit 1 where a promise is broken.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.torture.acts import ACTS, Act
from tests.torture.checks import Violation, demand
from tests.torture.victim import forked
from vpx_identity_builder.runlog import schema

CHANGES = frozenset(("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "sqlite3.connect"))
NEEDS_ROOM = frozenset(("os.mkdir",))
FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
STEPS = 3000
"""Instructions of SQLite's machine that count as one thing done to the disk."""
MOST = 5000
"""More things are done by nothing here: a mistake of this file."""
UNEXPECTED = 99


@dataclass(slots=True)
class Countdown:
    """Dies, or lets the disk be full from then on, when `left` things have been done."""

    kind: str
    left: int

    def heard(self, event: str, args: tuple[Any, ...]) -> None:
        """An event of the interpreter."""
        opened = event == "open" and isinstance(args[2], int) and bool(args[2] & FOR_WRITING) and args[0] != os.devnull
        if opened or event in (CHANGES if self.kind == "kill" else NEEDS_ROOM):
            self.step()

    def step(self) -> int:
        """One more thing is done."""
        self.left -= 1
        if self.left <= 0 and self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return 0

    def watch(self) -> None:
        """From here on, everything counts."""
        prepare = schema._prepare

        def prepared(connection: Any) -> None:
            prepare(connection)
            if self.kind == "kill":
                connection.set_progress_handler(self.step, STEPS)
            else:
                pages = connection.execute("PRAGMA page_count").fetchone()[0]
                connection.execute(f"PRAGMA max_page_count={int(pages) + self.left}")

        schema._prepare = prepared
        sys.addaudithook(self.heard)


def die(act: Act, out: Path, kind: str, at: int) -> bool:
    """Let an act die at its `at`-th change; False where it came to its end before. Raises `Violation`."""

    def work() -> None:
        Countdown(kind, at).watch()
        done = act.run(out)
        os._exit(
            done.exit_code if "Traceback" not in done.output and "internal error" not in done.output else UNEXPECTED
        )

    status = os.waitpid(forked(work), 0)[1]
    if kind == "kill" and os.WIFSIGNALED(status):
        return True
    code = os.waitstatus_to_exitcode(status)
    demand(code in ((0, 4) if kind == "kill" else (0, 1, 3, 4)), f"it ended with {code}")
    return code not in (0, 4)


def torture(act: Act, folder: Path, every: int, start: int = 1) -> Counter[str]:
    """Every `every`-th death of an act, in both ways; counts the deaths. Raises `Violation`."""
    deaths, out = Counter[str](), folder / "out"
    for kind in ("kill", "full"):
        for at in range(start, MOST, every):
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(act.before, out)
            try:
                died = die(act, out, kind, at)
                if died:
                    act.check(out)
                    again = act.run(out)
                    demand(again.exit_code in (0, 4), f"again: {again.exit_code} {again.output}")
                act.done(out)
            except Violation as error:
                raise Violation(f"{act.name}, {kind} at {at}: {error} (see {out})") from error
            if not died:
                break
            deaths[kind] += 1
    return deaths


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="deaths-"))
    folder.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.CRITICAL)
    begun, total = time.perf_counter(), Counter[str]()
    for name, make in ACTS.items():
        if given.only not in name:
            continue
        try:
            deaths = torture(make(folder / "before" / name), folder, given.every, given.start)
        except Violation as error:
            sys.stdout.write(f"BROKEN: {error}\n")
            return 1
        sys.stdout.write(f"{name}: {deaths['kill']} times killed, {deaths['full']} times without room\n")
        total += deaths
    sys.stdout.write(f"{total.total()} deaths survived in {time.perf_counter() - begun:.0f} s\n")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
