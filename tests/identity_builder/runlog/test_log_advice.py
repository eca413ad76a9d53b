"""Who is told that a log is of no use is told what to do in the same line, and that works."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from vpx_identity_builder.runlog.reader import RunLog

from .rides import published, ride
from .test_rebuild import call

ADVICE = "; `identity-builder build` the video anew, which replaces it, or remove it: images need no log\n"


def scribbled(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def without_faces(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE faces SET crc = 1")
    connection.execute("DELETE FROM outcome")
    connection.commit()
    connection.close()


def without_table(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE fates")
    connection.commit()
    connection.close()


def with_view(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE VIEW more AS SELECT 1")
    connection.commit()
    connection.close()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("spoil", [scribbled, cut, without_faces, without_table, with_view, emptied])
def test_what_to_do_is_said_and_either_way_works(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    ride(tmp_path, 1.0)
    path, before = tmp_path / "ride" / "run.sqlite", published(tmp_path)
    spoil(path)
    done = call("rebuild", tmp_path / "ride")
    assert (done.exit_code, done.stderr.count("\n"), done.stderr.endswith(ADVICE)) == (3, 1, True), done.stderr
    assert str(path) in done.stderr
    assert published(tmp_path) == before
    del done
    gc.collect()  # the end of the process lets go of the log
    ride(tmp_path, 1.0)
    assert published(tmp_path) == before
    with RunLog(path) as log:
        assert log.ending.published
    assert call("rebuild", tmp_path / "ride").exit_code == 0
    path.unlink()
    assert call("query", tmp_path / "ride").exit_code == 0


def test_a_log_of_a_later_program_is_not_called_useless(tmp_path: Path) -> None:
    ride(tmp_path, 1.0)
    connection = sqlite3.connect(tmp_path / "ride" / "run.sqlite")
    connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    connection.commit()
    connection.close()
    said = call("rebuild", tmp_path / "ride").stderr
    assert said.endswith("take the program that wrote it, or `identity-builder build` the video anew\n")
    assert "remove it" not in said
