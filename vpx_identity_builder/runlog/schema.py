"""The schema of the run log, version 3, and how its file is opened.

One SQLite file in WAL mode, for its owner only (0600). While a run writes it, it holds an exclusive lock.

`crc` is the CRC-32 of the row's other columns. Times in ns, boxes `x1, y1, x2, y2` in source pixels.

* `meta` (key, value): `schema_version` and the fields of `Header`; values are JSON.
* `frames` (seq, data, faces, crc): `seq` 1, 2, 3, … in order of arrival; `data` is JSON, `t_ns` and what
  `observations.Translation` says beside the faces; `faces` is the number of rows in `faces`.
* `faces` (frame, face, signals, e_id, e_vis_face, e_vis_body, appearance, anonymous, crc): `frame` is `frames.seq`,
  `face` the place in it. `signals` is JSON, every field of `FaceSample` that is no array, and `appearance_shape`. The
  arrays are little-endian float32 or NULL; the vision embeddings of a face whose crop was kept are its own, others may
  be those of an earlier frame. `anonymous` 1: somebody who is not published; `e_id` is a stand-in, the
  other arrays are gone. 2: somebody who was erased; only time, frame and box are theirs, `confidence` is 1 or 0 (by
  whether it spoils a crop), there is no array and no fate, and `frames.data` has no hint of their pose.
* `told` (frame, face, beside, ratio, eyes, mouth, guess, crc): what was told of a face's occlusion while the video ran,
  see `ToldOcclusion`; `eyes` and `mouth` are NULL together. Only the code that `Header` names takes it again. Since
  version 3.
* `fates` (frame, face, person, code): the person number a face was taken for while the video ran; its reason code.
* `crops` (id, frame, x1, y1, x2, y2, image, crc): an encoded crop and its box.
* `events` (seq, kind, data): `fault` {name, count}. Once the run ended: `people` {stands_for: {number: the number that
  stands for it in the end}, ids: {such a number: published person id}}, `end` {reason}. Once published: `published` {}.
  `erased` {id}: the published person id of somebody who was erased since; nobody else gets it.
* `outcome` (id, data, crc): JSON of the published result without pictures, and `of` {settings, program}: how it was
  chosen; at most one row. Version 1 has it only where people left the log, and without `of`.

Who erases a person makes `anonymous` 2 of `faces` with `ids[stands_for[fates.person]]` of that person and deletes their
`told`, `fates`, and hints, the `crops` that show them, what `people` says of them, and them from `outcome`; then
`secure_delete` and VACUUM.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vpx_identity_builder.errors import RunLogError

LOG_NAME = "run.sqlite"
NEXT_NAME = "run-next.sqlite"
"""The log of a run for whose video there is one already; takes its place when the run has published."""
SCHEMA_VERSION = 3
READABLE_VERSIONS = (1, 2, 3)
SIDECARS = ("-wal", "-shm", "-journal")
ARRAYS = ("e_id", "e_vis_face", "e_vis_body", "appearance")
TABLES = ("meta", "frames", "faces", "fates", "crops", "events", "outcome")
TOLD, TOLD_SINCE = "told", 3
"""A table, and the version that it came with."""
COLUMNS = {
    "meta": ("key, value", 1),
    "frames": ("seq, data, faces, crc", 1),
    "faces": ("frame, face, signals, e_id, e_vis_face, e_vis_body, appearance, anonymous, crc", 2),
    "fates": ("frame, face, person, code", 2),
    "crops": ("id, frame, x1, y1, x2, y2, image, crc", 1),
    "events": ("seq, kind, data", 1),
    "outcome": ("id, data, crc", 1),
    TOLD: ("frame, face, beside, ratio, eyes, mouth, guess, crc", 2),
}
"""Columns of each table, and how many of them are its key."""

_CREATE = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE frames (seq INTEGER PRIMARY KEY, data TEXT NOT NULL, faces INTEGER NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE faces (
    frame INTEGER NOT NULL, face INTEGER NOT NULL, signals TEXT NOT NULL,
    e_id BLOB, e_vis_face BLOB, e_vis_body BLOB, appearance BLOB,
    anonymous INTEGER NOT NULL DEFAULT 0, crc INTEGER NOT NULL, PRIMARY KEY (frame, face)
);
CREATE TABLE told (
    frame INTEGER NOT NULL, face INTEGER NOT NULL, beside BLOB NOT NULL, ratio REAL, eyes REAL, mouth REAL, guess REAL,
    crc INTEGER NOT NULL, PRIMARY KEY (frame, face)
) WITHOUT ROWID;
CREATE TABLE fates (
    frame INTEGER NOT NULL, face INTEGER NOT NULL, person INTEGER NOT NULL, code TEXT NOT NULL,
    PRIMARY KEY (frame, face)
) WITHOUT ROWID;
CREATE TABLE crops (
    id INTEGER PRIMARY KEY, frame INTEGER NOT NULL, x1 INTEGER NOT NULL, y1 INTEGER NOT NULL, x2 INTEGER NOT NULL,
    y2 INTEGER NOT NULL, image BLOB NOT NULL, crc INTEGER NOT NULL, UNIQUE (frame, x1, y1, x2, y2)
);
CREATE TABLE events (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE outcome (id INTEGER PRIMARY KEY, data TEXT NOT NULL, crc INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Header:
    """What a log says of its run. `settings`: key → value of every setting in effect.

    `source_path` is relative to the log's folder and known only where the source lies near it. `told_by` is the
    fingerprint of the code that told of occlusion.
    """

    app_version: str
    created_at: str
    video_id: str
    content_sha256: str
    first_frame: str
    settings: Mapping[str, str | int | float | bool | None]
    source_name: str | None = None
    source_path: str | None = None
    fps: float | None = None
    source_fps: float | None = None
    source_files: tuple[str, ...] = ()
    told_by: str | None = None


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into a `RunLogError` that names the log."""
    try:
        yield
    except sqlite3.OperationalError as error:
        busy, lacking = "locked" in str(error), "no such" in str(error)
        raise RunLogError(path, _operational(str(error)), busy=busy, useless=lacking) from error
    except (sqlite3.Error, UnicodeError) as error:  # SQLite quotes damaged text, which Python then cannot read
        reason = f"it is damaged: SQLite cannot read it ({type(error).__name__})"
        raise RunLogError(path, reason, useless=True) from error
    except PermissionError as error:
        raise RunLogError(path, "cannot read it: permission denied") from error
    except OSError as error:
        raise RunLogError(path, error.strerror or type(error).__name__) from error


def _operational(text: str) -> str:
    if "locked" in text:
        return "a build is writing it at this moment; try again when that has ended"
    return "it is damaged (a table or column is missing)" if "no such" in text else text


def create(path: Path, meta: Mapping[str, str]) -> sqlite3.Connection:
    """A new log without frames, open for writing; its tables and `meta` come to be at once, so that no death leaves the
    ones without the other. Raises `RunLogError`, also where a file of that name exists."""
    with translated(path), contextlib.ExitStack() as undo:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        os.close(os.open(path, flags, 0o600))
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        undo.callback(connection.close)
        _prepare(connection)
        connection.executescript(f"BEGIN; {_CREATE}")
        connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        connection.execute("COMMIT")
        undo.pop_all()
    return connection


def open_log(path: Path) -> sqlite3.Connection:
    """An existing log, for reading and writing by this process alone; what a dead process left is taken in.

    Raises `RunLogError` for what is no log, is of an unknown version, damaged, or being written by another process.
    """
    with translated(path), contextlib.ExitStack() as undo:
        if path.is_symlink() or not path.is_file():
            raise RunLogError(path, "there is no run log")
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        if not os.access(path, os.W_OK):
            raise RunLogError(path, "cannot write it: permission denied, or a disk that is read-only")
        uri = f"{path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
        undo.callback(connection.close)
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.text_factory = bytes
        _prepare(connection)
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        _drop_stale_journal(path, connection)
        undo.pop_all()
    return connection


def look_at(path: Path) -> sqlite3.Connection:
    """An existing log for reading alone, which leaves no trace: not a byte, time or file changes.

    Raises `RunLogError` as `open_log`, and for one whose run did not close it.
    """
    with translated(path):
        if path.is_symlink() or not path.is_file():
            raise RunLogError(path, "there is no run log")
        if any(side.exists() for side in sidecars(path)):
            raise RunLogError(path, "its run did not close it")
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.text_factory = bytes
    return connection


def is_busy(path: Path) -> bool:
    """True while another process is writing the log."""
    try:
        open_log(path).close()
    except RunLogError as error:
        return error.busy
    return False


def _prepare(connection: sqlite3.Connection) -> None:
    """One process at a time, crash-safe; what is deleted is overwritten, and no temporary file holds any of it."""
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _drop_stale_journal(path: Path, connection: sqlite3.Connection) -> None:
    """Remove what a process left that was killed just before it closed the log: a rollback journal that is over.

    One that is not over was rolled back when the log was opened; with a write-ahead log none is used.
    """
    mode = str(connection.execute("PRAGMA journal_mode").fetchone()[0], "ascii")
    if mode == "wal":
        with contextlib.suppress(OSError):
            path.with_name(path.name + "-journal").unlink()


def crc(*parts: bytes | str | float | None) -> int:
    """CRC-32 of a row's columns, told apart by kind and length."""
    check = 0
    for part in parts:
        if isinstance(part, bytes):
            check = zlib.crc32(part, zlib.crc32(b"b%d:" % len(part), check))
        else:
            data = str(part).encode("utf-8", "surrogatepass")
            check = zlib.crc32(b"%b%d:%b" % (b"n" if part is None else b"t", len(data), data), check)
    return check


def remove(path: Path) -> None:
    """Remove a log with what SQLite keeps beside it. Raises `RunLogError`."""
    with translated(path):
        for name in (path, *sidecars(path)):
            name.unlink(missing_ok=True)


def sidecars(path: Path) -> Iterable[Path]:
    """Files that SQLite may keep beside the log."""
    return (path.with_name(path.name + suffix) for suffix in SIDECARS)
