"""Reading a run log back. Whatever is wrong with the file is one `RunLogError`."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from vpx_identity_builder.core.results import StopReason
from vpx_identity_builder.core.types import Box, FaceSample, IntBox
from vpx_identity_builder.errors import RunLogError
from vpx_identity_builder.runlog.codec import Array, MalformedError, array_from, dumps, loads, plain, restored
from vpx_identity_builder.runlog.rows import NOTHING_TOLD, LoggedFrame, Told, read_face, read_frame, read_told
from vpx_identity_builder.runlog.schema import (
    COLUMNS,
    READABLE_VERSIONS,
    TABLES,
    TOLD,
    TOLD_SINCE,
    Header,
    crc,
    look_at,
    open_log,
    translated,
)

OWN_PARTS = (b"table", b"index")
"""What a log is made of. A view may never end, a trigger does something else than it is told."""
EMPTY = "it is empty: the run died before it wrote anything"
_FACES = COLUMNS["faces"][0]


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of the end of a run; nothing before it.

    `stands_for`: person number → the one that stands for it in the end. `ids`: such a number → published person id; a
    set that was made again since may number people otherwise. `erased`: person ids of the set whose people were erased.
    """

    reason: StopReason | None = None
    published: bool = False
    stands_for: Mapping[int, int] = field(default_factory=dict)
    ids: Mapping[int, int] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)
    erased: frozenset[int] = frozenset()


class RunLog:
    """A log open for reading (and for `pruning`). Use it in a `with` block.

    `look_only`: nothing is to be changed, not even by opening it; a log that was not closed cannot be read so.
    Raises `RunLogError` from everything: no log, unknown version, damage, a build that is writing it.
    """

    def __init__(self, path: Path, look_only: bool = False) -> None:
        self.path = path
        self.connection = look_at(path) if look_only else open_log(path)
        self.ending = Ending()
        self.version = 0
        try:
            self._check()
            self.header = self._header()
            self.read_ending()
        except BaseException:
            self.connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def read_ending(self) -> None:
        """Learn how the run ended; again after the log was told otherwise."""
        self.ending = self._ending()

    def frame_count(self) -> int:
        """Frames in the log."""
        return int(self._one("SELECT count(*) FROM frames"))

    def anonymous_count(self) -> int:
        """Faces that are stand-ins."""
        return int(self._one("SELECT count(*) FROM faces WHERE anonymous"))

    def told(self) -> Told:
        """What was told of faces while the video ran, by the program that the header names."""
        if self.version < TOLD_SINCE:
            return NOTHING_TOLD
        with self._reading():
            return dict(map(read_told, self.connection.execute(f"SELECT {COLUMNS[TOLD][0]} FROM {TOLD}")))

    def frames(self, told: Told = NOTHING_TOLD) -> Iterator[LoggedFrame]:
        """Every frame in order of arrival, its faces with what was told of them."""
        with self._reading():
            faces = self.connection.execute(f"SELECT {_FACES} FROM faces ORDER BY frame, face")
            pending = next(faces, None)
            expected = 1
            for row in self.connection.execute("SELECT seq, data, faces, crc FROM frames ORDER BY seq"):
                if row[0] != expected:
                    raise MalformedError(f"frame {expected} is missing")
                mine = []
                while pending is not None and pending[0] == row[0]:
                    mine.append(pending)
                    pending = next(faces, None)
                yield read_frame(row, mine, told)
                expected += 1
            if pending is not None:
                raise MalformedError("a face belongs to no frame")

    def face(self, frame: int, face: int) -> FaceSample:
        """One face."""
        with self._reading():
            row = self.connection.execute(
                f"SELECT {_FACES} FROM faces WHERE frame = ? AND face = ?", (frame, face)
            ).fetchone()
            return read_face(row)[0]

    def stand_ins(self) -> dict[int, Array]:
        """Embedding length → stand-ins `(n, length)`, unit rows."""
        found: dict[int, list[Array]] = {}
        with self._reading():
            for (data,) in self.connection.execute("SELECT e_id FROM faces WHERE anonymous AND e_id IS NOT NULL"):
                vector = array_from(data, None, "e_id")
                found.setdefault(vector.size, []).append(vector)
        return {size: np.stack(vectors) for size, vectors in found.items()}

    def person_numbers(self) -> dict[tuple[int, int], int]:
        """(frame, face) → the person number it was taken for, by the one that stands for it in the end."""
        last = self.ending.stands_for
        with self._reading():
            rows = self.connection.execute("SELECT frame, face, person FROM fates").fetchall()
            checked = (_whole(row) for row in rows)
            return {(frame, face): last.get(person, person) for frame, face, person in checked}

    def crop_keys(self) -> set[tuple[int, IntBox]]:
        """Frame and box of every crop."""
        with self._reading():
            rows = self.connection.execute("SELECT frame, x1, y1, x2, y2 FROM crops").fetchall()
            return {(frame, (x1, y1, x2, y2)) for frame, x1, y1, x2, y2 in map(_whole, rows)}

    def crop(self, frame: int, box: IntBox) -> bytes | None:
        """An encoded crop; None where the log does not hold it."""
        with self._reading():
            row = self.connection.execute(
                "SELECT image, crc FROM crops WHERE frame = ? AND x1 = ? AND y1 = ? AND x2 = ? AND y2 = ?",
                (frame, *box),
            ).fetchone()
            if row is None:
                return None
            if not isinstance(row[0], bytes) or crc(frame, *box, row[0]) != row[1]:
                raise MalformedError(f"a crop of frame {frame} is not what was written")
            return row[0]

    def times(self, frames: Collection[int]) -> dict[int, int]:
        """Frame → its time in ns."""
        with self._reading():
            rows = self.connection.execute("SELECT seq, data FROM frames").fetchall()
            return {seq: _whole([loads(data)["t_ns"]])[0] for seq, data in rows if seq in frames}

    def drop_unfinished(self) -> None:
        """Take out the last frame where the run died before it looked at its faces: their crops were never cut."""
        with self._reading():
            self.connection.execute("BEGIN")
            query = (
                "SELECT seq FROM frames WHERE seq = (SELECT max(seq) FROM frames) AND faces > 0 "
                "AND NOT EXISTS (SELECT 1 FROM fates WHERE frame = seq)"
            )
            for (seq,) in self.connection.execute(query).fetchall():
                for table, column in (("faces", "frame"), ("crops", "frame"), ("frames", "seq")):
                    self.connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (seq,))
            self.connection.execute("COMMIT")

    def complete(
        self, fates: Iterable[tuple[int, int, int, str]], people: Mapping[str, Any], reason: StopReason
    ) -> None:
        """Write what a killed run could not: (frame, face, person number, code), the event `people`, and `end`."""
        with translated(self.path):
            self.connection.execute("BEGIN")
            self.connection.executemany("INSERT OR REPLACE INTO fates VALUES (?, ?, ?, ?)", fates)
            for kind, data in (("people", people), ("end", {"reason": reason})):
                self.connection.execute("INSERT INTO events (kind, data) VALUES (?, ?)", (kind, dumps(plain(data))))
            self.connection.execute("COMMIT")

    def codes(self) -> dict[tuple[int, int], str]:
        """(frame, face) → reason code while the video ran."""
        with self._reading():
            rows = self.connection.execute("SELECT frame, face, code FROM fates").fetchall()
            return {
                (frame, face): code.decode("utf-8", "replace")
                for *place, code in rows
                for frame, face in [_whole(place)]
            }

    def boxes(self) -> dict[tuple[int, int], tuple[int, Box]]:
        """(frame, face) → its time in ns and its face box."""
        with self._reading():
            rows = self.connection.execute("SELECT frame, face, signals FROM faces").fetchall()
            said = {(frame, face): loads(signals) for frame, face, signals in rows}
            return {key: (int(face["t_ns"]), tuple(face["bbox"])) for key, face in said.items()}

    def outcome(self) -> Any | None:
        """The JSON value of the recorded result, None where there is none."""
        with self._reading():
            row = self.connection.execute("SELECT data, crc FROM outcome").fetchone()
            if row is None:
                return None
            if not isinstance(row[0], bytes) or crc(row[0].decode("utf-8", "replace")) != row[1]:
                raise MalformedError("the recorded result is not what was written")
            return loads(row[0])

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        with translated(self.path):
            try:
                yield
            except RunLogError:
                raise
            except (ValueError, LookupError, AttributeError, TypeError, OverflowError, RecursionError) as error:
                raise RunLogError(self.path, f"it is damaged: {error}", useless=True) from error

    def _one(self, query: str) -> Any:
        with self._reading():
            return self.connection.execute(query).fetchone()[0]

    def _check(self) -> None:
        with self._reading():
            parts = self.connection.execute("SELECT type, name FROM sqlite_master").fetchall()
            found = {name.decode("utf-8", "replace") for _, name in parts}
            if not found:
                raise RunLogError(self.path, EMPTY, empty=True)
            if any(kind not in OWN_PARTS for kind, _ in parts):
                reason = "it is no run log: it holds views or triggers, which no build makes"
                raise RunLogError(self.path, reason, useless=True)
            missing = sorted(set(TABLES) - found)
            if missing:
                raise RunLogError(self.path, f"it is no run log: it has no table {missing[0]}", useless=True)
            for table, (columns, keys) in COLUMNS.items():
                if table not in found:
                    continue
                there = self.connection.execute(f"PRAGMA table_info({table})").fetchall()
                if [row[1].decode() for row in there] != columns.split(", "):
                    raise MalformedError(f"the table {table} has other columns than a build gives it")
                if sum(row[5] > 0 for row in there) != keys:
                    raise MalformedError(f"the table {table} has another key than a build gives it")
            answer = self.connection.execute("PRAGMA quick_check(1)").fetchone()
            if answer != (b"ok",):
                raise MalformedError("SQLite finds its pages in disorder")

    def _header(self) -> Header:
        with self._reading():
            rows = {key.decode(): loads(value) for key, value in self.connection.execute("SELECT key, value FROM meta")}
            if not rows and not self.frame_count():  # killed while an older program wrote the tables first
                raise RunLogError(self.path, EMPTY, empty=True)
            version = rows.pop("schema_version", None)
            if version not in READABLE_VERSIONS:
                known = ", ".join(str(number) for number in READABLE_VERSIONS)
                told = f"its schema version is {version!r}; this program reads {known}; take the program that wrote it"
                raise RunLogError(self.path, f"{told}, or `identity-builder build` the video anew")
            self.version = int(version)
            return restored(Header, rows)

    def _ending(self) -> Ending:
        """The events, put together."""
        reason: StopReason | None = None
        published, faults, erased = False, Counter[str](), set[int]()
        names: dict[str, dict[int, int]] = {}
        with self._reading():
            for kind, data in self.connection.execute("SELECT kind, data FROM events ORDER BY seq"):
                said = loads(data)
                if kind == b"fault":
                    faults[str(said["name"])] += int(said["count"])
                elif kind == b"end":
                    reason = restored(_End, said).reason
                elif kind == b"people":
                    names = {
                        key: {int(number): int(other) for number, other in said[key].items()}
                        for key in ("stands_for", "ids")
                    }
                elif kind == b"published":
                    published = True
                elif kind == b"erased":
                    erased.add(restored(_Erased, said).id)
        return Ending(reason, published, **names, faults=dict(faults), erased=frozenset(erased))


def _whole(values: Sequence[Any]) -> Sequence[int]:
    """The values, checked to be whole numbers. Raises `MalformedError`."""
    if any(type(value) is not int for value in values):
        raise MalformedError("a number is none")
    return values


@dataclass(frozen=True, slots=True)
class _End:
    reason: StopReason


@dataclass(frozen=True, slots=True)
class _Erased:
    id: int


def opened_to_read(path: Path, look_only: bool = False) -> RunLog:
    """A log to read, by looking alone where that will do: so it is left as it is, and read on a full disk.

    `look_only`: not otherwise. Raises `RunLogError`.
    """
    try:
        return RunLog(path, look_only=True)
    except RunLogError:
        if look_only:
            raise
    return RunLog(path)


def content_of(path: Path) -> str | None:
    """The content hash that a log says it is of; None where there is no log, or none that can be read."""
    if not path.is_file() or path.is_symlink():
        return None
    try:
        with closing(RunLog(path)) as log:
            return log.header.content_sha256
    except RunLogError:
        return None
