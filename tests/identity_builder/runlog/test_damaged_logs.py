"""Logs that are damaged, hostile, old or new: one clear error, never a crash, never a wrong set."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from vpx_identity_builder.errors import RunLogError
from vpx_identity_builder.rebuilding import settings_for
from vpx_identity_builder.replay import replay
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.runlog.schema import crc

from .rides import published, ride
from .test_rebuild import call


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    ride(out, 1.5)
    return out / "ride" / "run.sqlite"


@pytest.fixture
def log(whole: Path, tmp_path: Path) -> Path:
    path = tmp_path / "run.sqlite"
    path.write_bytes(whole.read_bytes())
    return path


@contextmanager
def changed(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as db, db:
        yield db


def read_all(path: Path) -> None:
    with RunLog(path) as log:
        replay(log, settings_for(log, {}))
        for key in log.crop_keys():
            log.crop(*key)


def reason(path: Path) -> str:
    with pytest.raises(RunLogError) as caught:
        read_all(path)
    return caught.value.reason


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE faces SET e_id = zeroblob(512) WHERE frame = 3", "face 0 of frame 3 is not what was written"),
        ("UPDATE faces SET signals = '{}' WHERE frame = 2", "face 0 of frame 2 is not what was written"),
        ("UPDATE frames SET data = '[]' WHERE seq = 4", "frame 4 is not what was written"),
        ("DELETE FROM frames WHERE seq = 4", "frame 4 is missing"),
        ("DELETE FROM faces WHERE frame = 4 AND face = 0", "frame 4 is not what was written"),
        (
            "INSERT INTO faces SELECT 99, face, signals, NULL, NULL, NULL, NULL, 0, 0 FROM faces WHERE frame = 1",
            "no frame",
        ),
        ("DROP TABLE told", "a table or column is missing"),
        ("UPDATE crops SET image = x'00' WHERE frame = 2", "a crop of frame 2 is not what was written"),
        ("UPDATE crops SET x1 = 'left' WHERE id = 1", "a number is none"),
        (
            "UPDATE meta SET value = '4' WHERE key = 'schema_version'",
            "its schema version is 4; this program reads 1, 2, 3",
        ),
        ("DELETE FROM meta WHERE key = 'video_id'", "video_id is missing"),
        ("UPDATE events SET data = 'x'", "not JSON"),
        ("DROP TABLE fates", "it has no table fates"),
        ("CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM faces; END", "it holds views or triggers"),
        ("ALTER TABLE fates ADD COLUMN more", "the table fates has other columns"),
        (
            "ALTER TABLE fates RENAME TO fates_once; CREATE TABLE fates AS SELECT * FROM fates_once",
            "the table fates has another key",
        ),
        ("ALTER TABLE events RENAME COLUMN data TO date", "the table events has other columns"),
    ],
)
def test_what_was_not_written_so_is_said(log: Path, statement: str, words: str) -> None:
    with changed(log) as db:
        db.executescript(statement)
    assert words in reason(log)


def test_a_view_that_never_ends_is_not_read(log: Path) -> None:
    """Found by fuzzing: a log that kept its reader busy for ever."""
    with changed(log) as db:
        db.execute("ALTER TABLE fates RENAME TO fates_once")
        more = "WITH RECURSIVE more(x) AS (SELECT 1 UNION ALL SELECT x FROM more)"
        db.execute(f"CREATE VIEW fates AS {more} SELECT x AS frame, x AS face, x AS person, 'x' AS code FROM more")
    assert "it holds views or triggers" in reason(log)


def with_sums(db: sqlite3.Connection, table: str, columns: str) -> None:
    """Make the check sums of a table right again."""
    for key, *row in db.execute(f"SELECT rowid, {columns} FROM {table}").fetchall():
        db.execute(f"UPDATE {table} SET crc = ? WHERE rowid = ?", (crc(*row), key))


@pytest.mark.parametrize("number", ["1e300", "1" + "0" * 400, "NaN", "-Infinity"])
@pytest.mark.parametrize("field", ["confidence", "measures.face_px", "bbox[2]", "frame_size_px[0]"])
def test_numbers_that_cannot_be_reckoned_with_are_damage(log: Path, field: str, number: str) -> None:
    """Found by fuzzing: with check sums that are right, they broke the choice of images itself."""
    with changed(log) as db:
        db.execute(f"UPDATE faces SET signals = json_set(signals, '$.{field}', '@') WHERE frame = 3")
        db.execute("UPDATE faces SET signals = replace(signals, '\"@\"', ?)", (number,))
        with_sums(db, "faces", "frame, face, signals, e_id, e_vis_face, e_vis_body, appearance, anonymous")
    assert re.search("a number is (too large|NaN|-Infinity)", reason(log))


def test_a_frame_of_more_faces_than_can_be_is_damage(log: Path) -> None:
    """Found by fuzzing: all memory was asked for."""
    with changed(log) as db:
        db.execute("UPDATE frames SET faces = ? WHERE seq = 2", (2**60,))
        with_sums(db, "frames", "seq, data, faces")
    assert "frame 2 is not what was written" in reason(log)


@pytest.mark.parametrize("data", [b"", b"SQLite format 3\0", b"no log at all" * 100])
def test_no_log_at_all(log: Path, data: bytes) -> None:
    log.write_bytes(data)
    with pytest.raises(RunLogError):
        RunLog(log)


def test_a_damaged_table_name_that_sqlite_quotes(log: Path) -> None:
    """Found by fuzzing: the message itself could not be read."""
    log.write_bytes(log.read_bytes().replace(b"CREATE TABLE crops (", b"CREATE TABLE \xdaro\xda("))
    with pytest.raises(RunLogError):
        RunLog(log)


def test_a_link_is_no_log(log: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to(log)
    with pytest.raises(RunLogError, match="there is no run log"):
        RunLog(link)


@pytest.mark.parametrize(
    ("damage", "settings", "said"),
    [
        (
            "UPDATE faces SET signals = '{}' WHERE frame = 2",
            (),
            "it is damaged: face 0 of frame 2 is not what was written",
        ),
        (
            "UPDATE fates SET person = 'x' WHERE frame = 2",
            ("--set", "identity_builder.anchors_max=3"),
            "a number is none",
        ),
    ],
    ids=["before the replay", "after it"],
)
def test_a_damaged_log_changes_nothing_that_is_published(
    tmp_path: Path, damage: str, settings: tuple[str, ...], said: str
) -> None:
    """Found by fuzzing: another set was there before the log proved to be damaged."""
    ride(tmp_path, 1.5)
    before = published(tmp_path)
    with changed(tmp_path / "ride" / "run.sqlite") as db:
        db.execute(damage)
    done = call("rebuild", tmp_path / "ride", *settings)
    assert (done.exit_code, done.stderr.count("\n")) == (3, 1)
    assert said in done.stderr
    assert published(tmp_path) == before


def test_a_crop_of_no_frame_is_not_looked_for(tmp_path: Path) -> None:
    """Found by fuzzing: an error without words."""
    ride(tmp_path, 1.5)
    before = published(tmp_path)
    with changed(tmp_path / "ride" / "run.sqlite") as db:
        db.execute("INSERT INTO crops SELECT NULL, 999, x1, y1, x2, y2, image, crc FROM crops LIMIT 1")
    assert call("rebuild", tmp_path / "ride").exit_code == 0
    assert published(tmp_path) == before


def test_a_build_beside_a_damaged_log_starts_clean(tmp_path: Path) -> None:
    ride(tmp_path, 1.5)
    before = published(tmp_path)
    (tmp_path / "ride" / "run.sqlite").write_bytes(b"nonsense" * 999)
    ride(tmp_path, 1.5)
    assert published(tmp_path) == before
    assert call("rebuild", tmp_path / "ride").exit_code == 0
    assert published(tmp_path) == before
