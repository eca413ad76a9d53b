"""An erasure that broke off after the set had gone: known as such, completed by the next call, and by nobody undone."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.identity_builder.erasure.kept import call, embeddings, files, held
from tests.identity_builder.runlog.rides import ride
from vpx_identity_builder.erasure import unfinished
from vpx_identity_builder.erasure.note import read_note
from vpx_identity_builder.erasure.plan import EMPTY
from vpx_identity_builder.errors import RunLogError
from vpx_identity_builder.export.files import LocalFiles
from vpx_identity_builder.published import read_result


def broken_off(out: Path, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    """Erase with a log that cannot be written."""

    def full(path: Path, *_: object) -> None:
        raise RunLogError(path, "database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("vpx_identity_builder.erasure.log.erase_person", full)
        broken.setattr("vpx_identity_builder.erasure.log.erase_log", full)
        done = call("erase", out, "--video", "ride", *words)
    assert (done.exit_code, "disk is full" in done.stderr) == (3, True), done.output
    assert (out / "ride" / "erasing.json").is_file()
    assert not (out / "ride" / "erased.json").exists()


def people(out: Path) -> list[int]:
    return [person.person_id for person in read_result(out / "ride" / "identity_builder").persons]


def test_the_log_of_a_person_goes_by_its_own_number(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set of an older program numbers people anew after person 0 had gone; the log does not."""
    gone = embeddings(out)
    assert call("erase", out, "--video", "ride", "--person", 0).exit_code == 0
    (out / "ride" / "erased.json").unlink()
    with sqlite3.connect(out / "ride" / "run.sqlite") as db:
        db.execute("DELETE FROM events WHERE kind = 'erased'")
    db.close()
    assert call("rebuild", out / "ride", "--set", "identity_builder.anchors_max=3").exit_code == 0
    assert people(out) == [0]
    broken_off(out, monkeypatch, "--person", 0)
    assert people(out) == []
    done = call("erase", out, "--video", "ride", "--person", 0)
    assert done.exit_code == 0, done.output
    assert held(out, gone) == 0
    (erasure,) = json.loads((out / "ride" / "erased.json").read_text())["erasures"]
    assert (erasure["images"] > 5, erasure["embeddings_sought"] > 50) == (True, True)
    assert not (out / "ride" / "erasing.json").exists()


def test_a_log_that_cannot_tell_people_apart_goes_as_a_whole_also_by_the_second_call(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = embeddings(out, 1)
    for path in (out / "ride" / "identity_builder" / "person_1").rglob("*_meta.json"):
        document = json.loads(path.read_text())
        document["timestamp_ms"] += 1.0
        path.write_text(json.dumps(document))
    broken_off(out, monkeypatch, "--person", 1)
    assert (people(out), held(out, gone)) == ([0], len(gone))
    assert call("erase", out, "--video", "ride", "--person", 1).exit_code == 0
    assert not (out / "ride" / "run.sqlite").exists()


@pytest.mark.parametrize("command", [("rebuild", "ride"), ("recover", "."), ("rebuild", "ride", "--dry-run")])
def test_nobody_comes_back_before_it_is_complete(
    out: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    broken_off(out, monkeypatch, "--person", 1)
    before = files(out)
    name, where, *more = command
    done = call(name, out / where, *more)
    again = f"identity-builder erase {out} --video ride --person 1"
    assert (done.exit_code, again in done.stderr, done.stderr.count("\n")) == (3, True, 1), done.output
    assert files(out) == before


def test_somebody_else_waits_for_it_and_the_whole_video_does_not(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = embeddings(out)
    broken_off(out, monkeypatch, "--person", 1)
    done = call("erase", out, "--video", "ride", "--person", 0)
    assert (done.exit_code, "an erasure of person 1 broke off" in done.stderr) == (3, True)
    assert people(out) == [0]
    assert call("erase", out, "--video", "ride").exit_code == 0
    assert (list(files(out)), held(out, vectors)) == (["ride/erased.json"], 0)


@pytest.mark.parametrize("words", [(), ("--person", 1)])
def test_what_is_run_every_day_completes_it(
    out: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[object, ...]
) -> None:
    gone, stays = embeddings(out, 1), embeddings(out, 0)
    broken_off(out, monkeypatch, *words)
    assert call("erase", out, "--expired").exit_code == 0
    assert (held(out, gone), held(out, stays)) == (0, len(stays) if words else 0)
    assert "erasing.json" not in {path.name for path in (out / "ride").iterdir()}
    assert call("erase", out, "--expired").stdout == "nothing to erase\n"


def test_a_video_that_was_built_again_has_no_unfinished_erasure(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_off(out, monkeypatch, "--person", 1)
    path = out / "ride" / "erasing.json"
    document = json.loads(path.read_text())
    document["runs"] = ["2020-01-01T00:00:00+00:00"]
    path.write_text(json.dumps(document))
    ride(out)
    assert people(out) == [0, 1]
    assert call("rebuild", out / "ride").exit_code == 0
    assert call("erase", out, "--video", "ride", "--person", 0).exit_code == 0
    assert not path.exists()


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b"[" * 5000])
def test_a_note_of_the_beginning_that_cannot_be_read_stops_nothing(
    out: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    vectors = embeddings(out)
    broken_off(out, monkeypatch)
    (out / "ride" / "erasing.json").write_bytes(damage)
    assert call("erase", out, "--video", "ride").exit_code == 0
    assert (list(files(out)), held(out, vectors)) == (["ride/erased.json"], 0)


def test_a_video_goes_from_a_full_disk_and_is_searched_for(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room for a note of the beginning, nor for what SQLite writes when it opens a log."""
    vectors, write = embeddings(out), LocalFiles.write

    def full(self: LocalFiles, path: Path, data: bytes) -> None:
        if (out / "ride" / "run.sqlite").exists():
            path.touch()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(self, path, data)

    def locked(path: Path) -> sqlite3.Connection:
        raise RunLogError(path, "database or disk is full")

    monkeypatch.setattr(LocalFiles, "write", full)
    monkeypatch.setattr("vpx_identity_builder.runlog.reader.open_log", locked)
    before = files(out)
    assert call("erase", out, "--video", "ride", "--person", 1).exit_code == 1
    assert files(out) == before
    done = call("erase", out, "--video", "ride")
    assert (done.exit_code, f"for {len(vectors)} embeddings" in done.stdout) == (0, True), done.output
    assert (list(files(out)), held(out, vectors)) == (["ride/erased.json"], 0)


def test_what_went_without_room_for_its_note_is_noted_by_the_next_call(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = embeddings(out)

    def full(_self: LocalFiles, path: Path, _data: bytes) -> None:
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(LocalFiles, "write", full)
        done = call("erase", out, "--video", "ride")
    assert (done.exit_code, "No space left" in done.output) == (1, True), done.output
    assert (files(out), held(out, vectors)) == ({}, 0)
    assert call("erase", out, "--video", "ride", "--dry-run").exit_code == 0
    assert files(out) == {}
    assert call("erase", out, "--video", "ride").exit_code == 0
    assert list(files(out)) == ["ride/erased.json"]
    note = read_note(out / "ride" / "erased.json")
    assert note is not None
    assert note.erasures[-1].reason == f"on request; {EMPTY}"
    assert call("erase", out, "--video", "ride").exit_code == 3
    assert call("erase", out, "--video", "other").exit_code == 3


def test_a_killed_build_beside_the_old_log_ends_no_erasure(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_off(out, monkeypatch, "--person", 0)
    ride(out.parent / "other", 2.0)
    shutil.copy(out.parent / "other" / "ride" / "run.sqlite", out / "ride" / "run-next.sqlite")
    with sqlite3.connect(out / "ride" / "run-next.sqlite") as db:
        db.execute("UPDATE meta SET value = '\"2026-01-01T00:00:00+00:00\"' WHERE key = 'created_at'")
    assert unfinished.begun(out / "ride").erasure is not None
    assert call("rebuild", out / "ride").exit_code == 3
