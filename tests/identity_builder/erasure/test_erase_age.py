"""Erasure by age where clocks, dates and notes are wrong: nothing goes by mistake, and nothing stays without a word."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.identity_builder.erasure.kept import call, files
from vpx_identity_builder.claim import held
from vpx_identity_builder.commands import erase as erase_command
from vpx_identity_builder.erasure.age import age_of, days
from vpx_identity_builder.erasure.plan import Outcome

NOW = datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


def dated(out: Path, moment: object, **settings: object) -> None:
    """A set without a log that says when it was made."""
    folder = out / "ride"
    for path in folder.glob("run.sqlite*"):
        path.unlink()
    path = folder / "identity_builder" / "result.json"
    document = json.loads(path.read_text())
    document["_version"]["created_at"] = moment
    document["settings"] |= settings
    path.write_text(json.dumps(document))


def touched(out: Path, moment: datetime) -> None:
    for path in (out / "ride" / "identity_builder" / "result.json", out / "ride"):
        os.utime(path, (moment.timestamp(), moment.timestamp()))


@pytest.mark.parametrize(
    ("said", "hours"),
    [
        ("2027-03-28T01:00:00+00:00", 0.5),
        ("2027-03-28T01:00:00Z", 0.5),
        ("2027-03-28T01:00:00", 0.5),
        ("2027-03-28T10:00:00+09:00", 0.5),
        ("2027-03-27T15:30:00-10:00", 0),
        ("2027-03-28T03:00:00+00:00", -1.5),
    ],
)
def test_zones_count_and_a_clock_may_be_a_little_ahead(out: Path, said: str, hours: float) -> None:
    dated(out, said)
    assert age_of(out / "ride", NOW) == timedelta(hours=hours)


IMPOSSIBLE: tuple[Any, ...] = (
    *("1970-01-01T00:00:12+00:00", "2099-01-01T00:00:00+00:00", "0001-01-01", "0001-01-01T00:00:00+14:00"),
    *("9999-12-31T23:59:59-14:00", "yesterday", "", None, 0, ["2027-01-01"], {}),
)


@pytest.mark.parametrize("said", IMPOSSIBLE)
def test_where_a_date_cannot_be_the_files_tell(out: Path, said: object) -> None:
    dated(out, said)
    touched(out, NOW - timedelta(days=3))
    assert age_of(out / "ride", NOW) == timedelta(days=3)


@pytest.mark.parametrize("said", ["1970-01-01T00:00:12+00:00", "2099-01-01T00:00:00+00:00"])
@pytest.mark.parametrize("words", [("--expired",), ("--older-than", "0h"), ("--expired", "--dry-run")])
def test_what_has_no_age_stays_and_is_named(out: Path, said: str, words: tuple[str, ...]) -> None:
    dated(out, said, keep_days=1)
    touched(out, datetime.fromisoformat(said))
    before = files(out)
    done = call("erase", out, *words)
    assert done.exit_code == 1
    assert f"{out / 'ride'}: no date in it can be right, so it is kept; erase it with --video ride" in done.stderr
    assert files(out) == before


def test_it_is_not_said_of_an_erasure_that_is_completed_that_it_is_kept(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = "2099-01-01T00:00:00+00:00"
    dated(out, moment)
    with monkeypatch.context() as broken:
        broken.setattr("vpx_identity_builder.erase.withdraw", no_room)
        assert call("erase", out, "--video", "ride").exit_code == 1
    assert (out / "ride" / "erasing.json").is_file()
    touched(out, datetime.fromisoformat(moment))
    done = call("erase", out, "--expired")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("erased ride: ")
    assert not (out / "ride" / "identity_builder").exists()


def no_room(path: Path) -> None:
    raise OSError(errno.EIO, "Input/output error", str(path))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, -1e300, 1e300, True, "1", [1], None])
def test_days_that_are_none_are_not_counted(value: object) -> None:
    assert days({"keep_days": value}, "keep_days", 7.0) == 7.0


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "1e300", '"soon"'])
def test_a_set_that_says_nonsense_of_its_days_is_kept_as_the_settings_say(out: Path, value: str) -> None:
    dated(out, (datetime.now(UTC) - timedelta(days=2)).isoformat(), keep_days="@", keep_log_days="@")
    path = out / "ride" / "identity_builder" / "result.json"
    path.write_text(path.read_text().replace('"@"', value))
    before = files(out)
    assert call("erase", out, "--expired").exit_code == 0
    assert files(out) == before


@pytest.mark.parametrize("note", [b"", b"{}", b"[" * 5000, b"\xff\xfe", None])
def test_a_note_that_is_gone_or_damaged_stops_no_erasure(out: Path, note: bytes | None) -> None:
    assert call("erase", out, "--video", "ride", "--person", "1").exit_code == 0
    path = out / "ride" / "erased.json"
    if note is None:
        path.unlink()
    else:
        path.write_bytes(note)
    dated(out, (datetime.now(UTC) - timedelta(days=2)).isoformat(), keep_days=1)
    assert call("erase", out, "--expired").exit_code == 0
    assert [erasure["what"] for erasure in json.loads(path.read_text())["erasures"]] == ["video"]
    again = call("erase", out, "--expired")
    assert (again.exit_code, again.stdout) == (0, "nothing to erase\n")


def test_notes_alone_are_no_video(out: Path) -> None:
    assert call("erase", out, "--video", "ride").exit_code == 0
    before = files(out)
    assert call("erase", out, "--older-than", "0h").exit_code == 0
    assert files(out) == before


def test_what_is_gone_has_no_age(tmp_path: Path) -> None:
    assert age_of(tmp_path / "gone", NOW) is None


def test_the_same_video_under_two_names_goes_in_one_call_and_nothing_remains(out: Path) -> None:
    shutil.copytree(out / "ride", out / "again")
    dry = call("erase", out, "--older-than", "0h", "--dry-run")
    assert dry.exit_code == 0, dry.output
    done = call("erase", out, "--older-than", "0h")
    assert done.exit_code == 0, done.output
    for name in ("again", "ride"):
        assert [path.name for path in (out / name).iterdir()] == ["erased.json"]
        note = json.loads((out / name / "erased.json").read_text())
        assert [erasure["remaining"] for erasure in note["erasures"]] == [0]


def remaining(folder: Path) -> list[int]:
    note = json.loads((folder / "erased.json").read_text())
    return [erasure["remaining"] for erasure in note["erasures"]]


def test_a_copy_that_was_to_go_next_and_did_not_remains(out: Path) -> None:
    shutil.copytree(out / "ride", out / "still")
    with held(out / "still", "a" * 64):
        done = call("erase", out, "--older-than", "0h")
    assert done.exit_code == 5
    assert "nothing remains but in what goes next" in done.stdout
    assert f"error: {out / 'still' / 'run.sqlite'}: " in done.stderr
    (left,) = remaining(out / "ride")
    assert f"error: ride: {left} still hold something" in done.stderr
    assert left > 80
    assert call("erase", out, "--older-than", "0h").exit_code == 0
    assert remaining(out / "still") == [0]


def test_a_copy_that_a_signal_left_remains(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(out / "ride", out / "still")
    carry_out = erase_command.carry_out

    def struck(*args: Any, **named: Any) -> Outcome:
        os.kill(os.getpid(), signal.SIGTERM)
        return carry_out(*args, **named)

    monkeypatch.setattr(erase_command, "carry_out", struck)
    done = call("erase", out, "--older-than", "0h")
    assert done.exit_code == 130
    assert f"error: {out / 'still' / 'run.sqlite'}: " in done.stderr
    assert remaining(out / "ride")[0] > 80


def test_all_go_also_where_nobody_reads_what_is_said(out: Path) -> None:
    shutil.copytree(out / "ride", out / "still")
    reader, writer = os.pipe()
    os.close(reader)
    script = "from vpx_identity_builder.cli import main; main()"
    command = [sys.executable, "-c", script, "erase", str(out), "--older-than", "0h"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
    assert [remaining(out / name) for name in ("ride", "still")] == [[0], [0]]
    assert not list(out.rglob("*.jpg"))


def test_what_another_video_keeps_still_remains(out: Path) -> None:
    shutil.copytree(out / "ride", out / "again")
    done = call("erase", out, "--video", "again")
    assert done.exit_code == 1
    assert f"error: {out / 'ride' / 'run.sqlite'}" in done.stderr
