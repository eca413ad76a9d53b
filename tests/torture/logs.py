"""Damage to run logs that knows what they are made of, and everything that is done with a log afterwards.

Cells, values within their JSON, rows, tables, pragmas and pages are changed, most with the check sums made right again,
so that what is wrong is met behind them. Then the log is read, replayed, recovered, rebuilt, or people are erased.
"""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.ecosystem.upstream import FRIEND, RIDER, Person
from tests.identity_builder.runlog.rides import killed, ride
from tests.torture.checks import RIDE, demand, is_whole
from tests.torture.logs_damage import cell, editing, flipped, leaf, row, schema
from vpx_identity_builder.commands import erase, rebuild
from vpx_identity_builder.erasure.note import NOTE
from vpx_identity_builder.errors import IdentityBuilderError
from vpx_identity_builder.export.folder import SET_FOLDER
from vpx_identity_builder.recovery import recover
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.runlog.schema import LOG_NAME

Use = Callable[[Path, random.Random], bool]
"""Something done with a log; True where it was accepted."""
SECONDS = 0.4
RIDES: dict[str, tuple[tuple[Person, ...], dict[str, object]]] = {
    "one": ((RIDER,), {}),
    "two": ((RIDER, FRIEND), {}),
    "stranger": ((RIDER, FRIEND), {"max_persons": 1}),
    "killed": ((RIDER,), {}),
}
"""Rides whose logs are damaged: who is filmed, and the settings."""
CHANGES = ((), (), ("identity_builder.tau_split=0.2",), ("identity_builder.max_persons=1",))
"""Settings of a rebuild."""
LOOKED_AT = 0.85
"""Share of logs that are only read; all else takes ten times as long."""


class Logs:
    """Small logs with their sets, made once, and one damaged copy of one of them at a time, in `folder/out`."""

    def __init__(self, folder: Path) -> None:
        self._pristine, self.out = folder / "pristine", folder / "out"
        for name, (people, settings) in RIDES.items():
            make = killed if name == "killed" else ride
            make(self._pristine / name, SECONDS, people, **settings)
        self.accepted: Counter[str] = Counter()
        self.done: Counter[str] = Counter()

    def readers(self) -> dict[str, Callable[[random.Random], None]]:
        """Name → one try."""
        return {"log cells": self.cells, "log schema": self.schema, "log pages": self.pages}

    def fresh(self, dice: random.Random) -> tuple[Use, Path]:
        """What is to be done with a log, and the log: a copy of that of one of the rides, with its set if need be."""
        name = dice.choice((*RIDES, "killed"))
        use: Use = self._look
        if dice.random() > LOOKED_AT:
            use = dice.choice((self._recover if name == "killed" else self._rebuild, self._erase))
        but = None if use != self._look else shutil.ignore_patterns(SET_FOLDER)
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.copytree(self._pristine / name, self.out, ignore=but)
        return use, self.out / RIDE / LOG_NAME

    def cells(self, dice: random.Random) -> None:
        """Wrong cells, JSON values and rows."""
        use, path = self.fresh(dice)
        with editing(path) as db:
            for _ in range(int(2 ** dice.uniform(0, 2.5))):
                with contextlib.suppress(sqlite3.Error, OverflowError):
                    dice.choice((cell, leaf, leaf, leaf, row))(db, dice)
        self._use("log cells", use, path, dice)

    def schema(self, dice: random.Random) -> None:
        """Other tables, columns, views, triggers and pragmas, and what SQLite keeps beside a log."""
        use, path = self.fresh(dice)
        if dice.random() < 0.2:
            side = path.with_name(path.name + dice.choice(("-wal", "-shm", "-journal")))
            before = side.read_bytes() if side.exists() else path.read_bytes()[: dice.randrange(1 << 14)]
            side.write_bytes(flipped(before, dice))
        else:
            with editing(path) as db:
                for _ in range(dice.randint(1, 2)):
                    schema(db, dice)
        self._use("log schema", use, path, dice)

    def pages(self, dice: random.Random) -> None:
        """Bytes of pages changed, pages swapped, doubled, emptied or cut off."""
        use, path = self.fresh(dice)
        data = bytearray(path.read_bytes())
        size = int.from_bytes(data[16:18], "big") or 4096
        for _ in range(int(2 ** dice.uniform(0, 3))):
            one, other = (size * dice.randrange(max(len(data) // size, 1)) for _ in range(2))
            kind = dice.randrange(6)
            if kind == 0:
                data[one : one + size], data[other : other + size] = (
                    data[other : other + size],
                    data[one : one + size],
                )
            elif kind == 1:
                data[one : one + size] = bytes(size)
            elif kind == 2 and dice.random() < 0.3:
                del data[one + dice.randrange(size) :]
            else:
                reach = dice.choice((100 if one == 0 else 8, 64, size))
                data[one : one + reach] = flipped(bytes(data[one : one + reach]), dice)
        path.write_bytes(bytes(data))
        self._use("log pages", use, path, dice)

    def _use(self, reader: str, use: Use, path: Path, dice: random.Random) -> None:
        self.done[use.__name__.strip("_")] += 1
        before = self._set()
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                done = use(path, dice)
        except IdentityBuilderError:
            demand(use == self._erase or before == self._set(), "a refused log changed the set")
            return
        finally:
            lack = is_whole(self.out)
            demand(lack is None, f"the set is not whole: {lack}")
        self.accepted[reader] += done

    def _set(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in (self.out / RIDE / SET_FOLDER).rglob("*") if path.is_file()}

    def _look(self, path: Path, _dice: random.Random) -> bool:
        with RunLog(path) as log:
            for _ in log.frames():
                pass
            for key in sorted(log.crop_keys())[:3]:
                log.crop(*key)
            log.codes(), log.boxes(), log.stand_ins(), log.person_numbers(), log.outcome()
        return True

    def _rebuild(self, path: Path, dice: random.Random) -> bool:
        changes = dice.choice(CHANGES)
        look = dice.random() < 0.3
        return rebuild.run(rebuild.Request(path.parent, changes, diff=look, dry_run=look)) in (0, 4)

    def _recover(self, path: Path, _dice: random.Random) -> bool:
        return recover(path.parent).result is not None

    def _erase(self, path: Path, dice: random.Random) -> bool:
        person = dice.choice((None, 0, 1))
        code = erase.run(erase.Request(self.out, RIDE, person))
        if code == 0 and person is None:
            left = {item.name for item in path.parent.iterdir()}
            demand(left == {NOTE}, f"erased, but left is {sorted(left)}")
        return code == 0
