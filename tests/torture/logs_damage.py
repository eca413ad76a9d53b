"""Ways to damage a run log that know what it is made of: cells, values within JSON, rows, tables, pragmas, bytes."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from vpx_identity_builder.runlog.schema import crc

MOST = ("faces", "faces", "frames", "outcome", "events")
"""Tables that are changed more than others."""
UNCHECKED = ("id", "crc")
"""Columns that are in no check sum."""
CELLS: tuple[Any, ...] = (None, -1, 0, 1, 2, 2**62, -(2**63), 0.5, float("inf"), "", "x", "{}", "[]", b"", b"\xff" * 7)
LEAVES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 255, 2**31, 2**53, 2**63, 2**70, -(2**70), 10**400, 0.5, -0.0, 1e-320, 1e20),
    *(1e308, -1e308, float("nan"), float("inf"), float("-inf"), "", "x", "\0", "\ud800", "../x", "a" * 300),
    *([], {}, [[]], [0], [1, 2], [0.0, 0.0, 0.0, 0.0], [5.0, 5.0, 1.0, 1.0], [-9, -9, 9, 9], {"0": 0}, {"x": None}),
)
SCHEMAS = (
    "DROP TABLE {t}",
    "DELETE FROM {t}",
    "ALTER TABLE {t} RENAME TO {t}_x",
    "ALTER TABLE {t} ADD COLUMN more TEXT DEFAULT 'x'",
    "ALTER TABLE {t} RENAME COLUMN {c} TO {c}_x",
    "ALTER TABLE {t} RENAME TO {t}_x; CREATE VIEW {t} AS SELECT * FROM {t}_x",
    "ALTER TABLE {t} RENAME TO {t}_x; CREATE VIEW {t} AS "
    "WITH RECURSIVE more(x) AS (SELECT 1 UNION ALL SELECT x FROM more) SELECT x AS {c} FROM more",
    "ALTER TABLE {t} RENAME TO {t}_x; CREATE TABLE {t} AS SELECT * FROM {t}_x",
    "ALTER TABLE {t} RENAME TO {t}_x; CREATE TABLE {t} (x)",
    "CREATE TRIGGER again AFTER INSERT ON events BEGIN DELETE FROM {t}; END",
    "CREATE TRIGGER stop BEFORE DELETE ON {t} BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TABLE {t}_more AS SELECT * FROM {t}",
    "CREATE INDEX more ON {t} ({c})",
    "PRAGMA writable_schema=ON; UPDATE sqlite_master SET sql = 'CREATE TABLE {t} ({c})' WHERE name = '{t}'",
    "PRAGMA writable_schema=ON; UPDATE sqlite_master SET rootpage = {n} WHERE name = '{t}'",
    "PRAGMA writable_schema=ON; DELETE FROM sqlite_master WHERE name = '{t}'",
    "PRAGMA user_version={n}",
    "PRAGMA application_id={n}",
    "PRAGMA schema_version={n}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA page_size=512; VACUUM",
    "PRAGMA page_size=65536; VACUUM",
    "PRAGMA auto_vacuum=FULL; VACUUM",
)


@contextlib.contextmanager
def editing(path: Path) -> Iterator[sqlite3.Connection]:
    """A log, open without any care."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        yield db


def _tables(db: sqlite3.Connection) -> list[str]:
    return [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]


def _changed(db: sqlite3.Connection, dice: random.Random, change: Callable[[list[list[Any]], list[str]], None]) -> None:
    """Change the rows of a table, and make most check sums right again."""
    tables = [name for name in _tables(db) if not name.startswith("sqlite")]
    table = dice.choice((*tables, *(name for name in MOST if name in tables)))
    found = db.execute(f"SELECT * FROM {table}")
    columns = [column[0] for column in found.description]
    rows = [list(row) for row in found]
    if not rows:
        return
    change(rows, columns)
    if "crc" in columns and dice.random() < 0.9:
        for row in rows:
            row[columns.index("crc")] = sum_of(row, columns)
    db.execute("BEGIN")
    try:
        db.execute(f"DELETE FROM {table}")
        db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", rows)
    except (sqlite3.Error, OverflowError, UnicodeError):
        db.execute("ROLLBACK")
        return
    db.execute("COMMIT")


def sum_of(row: list[Any], columns: list[str]) -> int:
    """The check sum that a row of a log should have."""
    return crc(*(value for name, value in zip(columns, row, strict=True) if name not in UNCHECKED))


def cell(db: sqlite3.Connection, dice: random.Random) -> None:
    """One cell of one row, or of all, is something else; or a blob of other length."""

    def change(rows: list[list[Any]], columns: list[str]) -> None:
        place, value = dice.randrange(len(columns)), dice.choice(CELLS)
        for row in rows if dice.random() < 0.2 else [dice.choice(rows)]:
            held = row[place]
            if isinstance(held, bytes) and dice.random() < 0.6:
                row[place] = flipped(held, dice) if dice.random() < 0.5 else held[: 4 * dice.randrange(len(held) + 1)]
            elif isinstance(held, int) and dice.random() < 0.5:
                row[place] = held + dice.choice((-1, 1, 2, 1000))
            else:
                row[place] = value

    _changed(db, dice, change)


def row(db: sqlite3.Connection, dice: random.Random) -> None:
    """A row goes, comes twice, or takes over a cell of another."""

    def change(rows: list[list[Any]], columns: list[str]) -> None:
        one, other, place = dice.randrange(len(rows)), dice.randrange(len(rows)), dice.randrange(len(columns))
        kind = dice.randrange(3)
        if kind == 0:
            del rows[one]
        elif kind == 1:
            rows.append(list(rows[one]))
            rows[-1][0] = dice.choice((None, len(rows), 10**6))
        else:
            rows[one][place] = rows[other][place]

    _changed(db, dice, change)


def leaf(db: sqlite3.Connection, dice: random.Random) -> None:
    """One value within a cell of JSON is something else, missing, or there under another name."""

    def change(rows: list[list[Any]], _columns: list[str]) -> None:
        cells = [(row, at) for row in rows for at, cell in enumerate(row) if isinstance(cell, str)]
        if not cells:
            return
        row, place = dice.choice(cells)
        with contextlib.suppress(ValueError):
            row[place] = json.dumps(_altered(json.loads(row[place]), dice))

    _changed(db, dice, change)


def _altered(value: Any, dice: random.Random) -> Any:
    """A JSON value with a leaf, or a branch, replaced, most by one of its kind."""
    if dice.random() < 0.05 or not value or not isinstance(value, dict | list):
        alike = [leaf for leaf in LEAVES if isinstance(leaf, int | float) == isinstance(value, int | float)]
        return dice.choice(alike if dice.random() < 0.7 else LEAVES)
    if isinstance(value, dict):
        key = dice.choice(sorted(value))
        changed = dict(value)
        if dice.random() < 0.05:
            changed[dice.choice(("", "x", "0", key + "x"))] = changed.pop(key)
        else:
            changed[key] = _altered(value[key], dice)
        return changed
    place = dice.randrange(len(value))
    if dice.random() < 0.05:
        return [*value[:place], *value[place + dice.randrange(2) :], dice.choice(LEAVES)]
    return [*value[:place], _altered(value[place], dice), *value[place + 1 :]]


def schema(db: sqlite3.Connection, dice: random.Random) -> None:
    """One statement about tables, views, triggers or pragmas."""
    tables = [name for name in _tables(db) if not name.startswith("sqlite")]
    if not tables:
        return
    table = dice.choice(tables)
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")] or ["x"]
    words = dice.choice(SCHEMAS).format(t=table, c=dice.choice(columns), n=dice.choice((0, 1, 2, 3, 7, 2**31 - 1)))
    with contextlib.suppress(sqlite3.Error):
        db.executescript(words)


def flipped(data: bytes, dice: random.Random) -> bytes:
    """The data with some bytes changed."""
    result = bytearray(data)
    for _ in range(int(2 ** dice.uniform(0, 3))):
        if result:
            result[dice.randrange(len(result))] = dice.choice((0, 1, 127, 255, dice.randrange(256)))
    return bytes(result)
