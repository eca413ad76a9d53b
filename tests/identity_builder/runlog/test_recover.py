"""A run that was killed is published from its log, and never in place of something better."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vpx_identity_builder.core.results import RunResult
from vpx_identity_builder.errors import RunLogError
from vpx_identity_builder.recorder import Recorder
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.runlog.schema import create

from .rides import BOTH, clip, feed, killed, published, ride, started
from .test_rebuild import call


def result_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "ride" / "identity_builder" / "result.json").read_text())
    return found


def names(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "ride").iterdir())


@pytest.mark.parametrize("where", [".", "ride"])
def test_what_was_seen_is_published_as_interrupted(tmp_path: Path, where: str) -> None:
    killed(tmp_path)
    assert names(tmp_path) == [".building", "run.sqlite", "run.sqlite-wal"]
    done = call("recover", tmp_path / where)
    assert done.exit_code == 0, done.output
    assert "2 persons" in done.stdout
    result = result_of(tmp_path)
    assert result["stop_reason"] == "interrupted"
    assert 30 <= result["video"]["frames"] <= 40
    assert f" {result['video']['frames']} frames," in done.stdout
    assert all(person["coverage_count"] > 10 for person in result["persons"])
    assert names(tmp_path) == ["identity_builder", "run.sqlite"]
    assert call("recover", tmp_path / where).stdout.endswith("nothing to recover\n")


class Dying(dict[str, str]):
    """Says what it holds, and dies before the last of it."""

    def items(self) -> Any:
        yield from list(super().items())[:-1]
        raise KeyboardInterrupt


def test_a_death_while_a_log_is_made_leaves_no_tables_without_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    with pytest.raises(KeyboardInterrupt):
        create(path, Dying(schema_version="3", video_id='"ride"'))
    with pytest.raises(RunLogError) as caught:
        RunLog(path)
    assert caught.value.empty


def test_tables_that_a_killed_run_left_without_saying_what_they_are_are_an_empty_log(tmp_path: Path) -> None:
    path = tmp_path / "ride" / "run.sqlite"
    path.parent.mkdir()
    create(path, {}).close()
    done = call("recover", tmp_path)
    assert "it is empty" in f"{done.stdout}{done.stderr}" or "nothing to recover" in done.stdout, done.output
    ride(tmp_path)
    assert names(tmp_path) == ["identity_builder", "run.sqlite"]


def test_a_journal_that_is_over_goes_with_the_next_look_at_the_log(tmp_path: Path) -> None:
    ride(tmp_path, 1.5)
    before = published(tmp_path)
    journal = tmp_path / "ride" / "run.sqlite-journal"
    journal.write_bytes(bytes(4616))
    assert call("recover", tmp_path).exit_code == 0
    assert names(tmp_path) == ["identity_builder", "run.sqlite"]
    assert call("rebuild", tmp_path / "ride").exit_code == 0
    assert published(tmp_path) == before


def test_a_journal_that_is_not_over_is_rolled_back(tmp_path: Path) -> None:
    ride(tmp_path, 1.5)
    log = tmp_path / "ride" / "run.sqlite"
    whole = log.read_bytes()
    script = f"""
import os, sqlite3
db = sqlite3.connect({str(log)!r}, isolation_level=None)
db.execute("PRAGMA journal_mode=DELETE")
db.execute("PRAGMA cache_size=1")
db.execute("BEGIN")
db.execute("DELETE FROM faces")
db.execute("DELETE FROM crops")
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    assert names(tmp_path) == ["identity_builder", "run.sqlite", "run.sqlite-journal"]
    assert log.read_bytes() != whole
    assert call("recover", tmp_path).exit_code == 0
    assert names(tmp_path) == ["identity_builder", "run.sqlite"]
    with RunLog(log) as opened:
        assert opened.frame_count() == 15
        assert len(list(opened.frames())) == 15


@pytest.mark.parametrize("crops_mb", [24, 0])
def test_a_recovered_run_can_be_rebuilt(tmp_path: Path, crops_mb: float) -> None:
    killed(tmp_path, run_log_crops_mb=crops_mb)
    call("recover", tmp_path)
    before = published(tmp_path)
    assert call("rebuild", tmp_path / "ride").exit_code == 0
    assert published(tmp_path) == before


@pytest.mark.parametrize("crops_mb", [24, 0])
def test_a_recovered_set_is_that_of_a_run_interrupted_there(tmp_path: Path, crops_mb: float) -> None:
    """Also where the log let go of crops that the pools had let go of before."""
    killed(tmp_path / "killed", 4.0, run_log_crops_mb=crops_mb)
    call("recover", tmp_path / "killed")
    frames = result_of(tmp_path / "killed")["video"]["frames"]
    builder = feed(started(tmp_path / "stopped"), clip(frames / 10, BOTH))
    builder.end_run("interrupted")
    builder.finish()
    assert frames >= 30
    assert published(tmp_path / "killed") == published(tmp_path / "stopped")


def test_a_finished_set_stays(tmp_path: Path) -> None:
    ride(tmp_path)
    before = published(tmp_path)
    killed(tmp_path, 3.0)
    assert names(tmp_path) == [".building", "identity_builder", "run-next.sqlite", "run-next.sqlite-wal", "run.sqlite"]
    assert call("recover", tmp_path).stdout.endswith("nothing to recover: the finished set of an earlier run is kept\n")
    assert published(tmp_path) == before
    assert names(tmp_path) == ["identity_builder", "run.sqlite"]
    assert call("rebuild", tmp_path / "ride").exit_code == 0
    assert published(tmp_path) == before


def test_the_next_build_publishes_first_what_was_seen(tmp_path: Path) -> None:
    killed(tmp_path, 5.0)
    feed(started(tmp_path), clip(0.5, BOTH))
    assert result_of(tmp_path)["stop_reason"] == "interrupted"
    assert result_of(tmp_path)["video"]["frames"] >= 40


@pytest.mark.parametrize(("first", "second", "frames"), [(5.0, 3.0, 50), (3.0, 5.0, 50)])
def test_of_two_killed_runs_the_longer_is_published(tmp_path: Path, first: float, second: float, frames: int) -> None:
    killed(tmp_path, first)
    killed(tmp_path, second)
    call("recover", tmp_path)
    assert frames - 10 <= result_of(tmp_path)["video"]["frames"] <= frames
    assert names(tmp_path) == ["identity_builder", "run.sqlite"]


def interrupted(out: Path, seconds: float, **settings: object) -> str:
    """A ride that is interrupted; what it says where an earlier set is kept."""
    builder = feed(started(out, **settings), clip(seconds, BOTH))
    builder.end_run("interrupted")
    builder.finish()
    return builder.kept_earlier


def stays(out: Path, before: dict[str, bytes]) -> None:
    """The set is the one of before, with a log that gives it again."""
    assert published(out) == before
    assert names(out) == ["identity_builder", "run.sqlite"]
    assert call("rebuild", out / "ride").exit_code == 0
    assert published(out) == before


def test_a_recovered_set_stays_where_the_next_build_is_interrupted_earlier(tmp_path: Path) -> None:
    killed(tmp_path, 4.0)
    call("recover", tmp_path)
    before, frames = published(tmp_path), result_of(tmp_path)["video"]["frames"]
    assert interrupted(tmp_path, 0.5) == f"the earlier set, which saw {frames} frames, is kept"
    stays(tmp_path, before)


def test_a_killed_run_is_not_published_over_an_interrupted_one_that_saw_more(tmp_path: Path) -> None:
    interrupted(tmp_path, 4.0)
    before = published(tmp_path)
    killed(tmp_path, 2.0)
    said = f"the earlier set, which saw {result_of(tmp_path)['video']['frames']} frames, is kept"
    assert call("recover", tmp_path).stdout.endswith(f"nothing to recover: {said}\n")
    stays(tmp_path, before)


def test_a_killed_run_that_found_nobody_is_not_published_over_people(tmp_path: Path) -> None:
    interrupted(tmp_path, 3.0)
    before = published(tmp_path)
    killed(tmp_path, 5.0, min_frames=1000)
    done = call("recover", tmp_path)
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith("nothing to recover: the earlier set, which saw 30 frames, is kept\n")
    stays(tmp_path, before)


def test_a_killed_run_is_not_published_over_a_longer_one_without_a_log(tmp_path: Path) -> None:
    interrupted(tmp_path, 4.0, run_log=False)
    before = published(tmp_path)
    killed(tmp_path, 2.0)
    assert "which saw 40 frames, is kept" in call("recover", tmp_path).stdout
    assert published(tmp_path) == before
    assert names(tmp_path) == ["identity_builder"]


def test_the_next_build_replaces_what_was_recovered(tmp_path: Path) -> None:
    killed(tmp_path)
    ride(tmp_path)
    assert result_of(tmp_path)["stop_reason"] == "end_of_video"
    assert names(tmp_path) == ["identity_builder", "run.sqlite"]


def test_a_log_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    modules = started(tmp_path)
    feed(modules, clip(2.0, BOTH))
    done = call("recover", tmp_path / "ride")
    assert (done.exit_code, "a build is writing it at this moment" in done.stderr) == (3, True)
    builder = feed(modules, clip(2.0, BOTH, start=20))
    assert builder.finish() is not None
    assert result_of(tmp_path)["video"]["frames"] == 40


def test_nothing_seen_is_nothing_to_recover(tmp_path: Path) -> None:
    (tmp_path / "ride").mkdir()
    (tmp_path / "ride" / "run.sqlite").touch()
    assert call("recover", tmp_path).exit_code == 0
    assert names(tmp_path) == []
    assert call("recover", tmp_path).exit_code == 3


def test_a_run_without_a_log_leaves_none(tmp_path: Path) -> None:
    ride(tmp_path, run_log=False)
    assert names(tmp_path) == ["identity_builder"]


def test_a_power_cut_right_after_publishing_leaves_the_log_of_what_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the write-ahead log holds then may never have reached the disk."""
    ride(tmp_path / "out", anchors_max=3)
    earlier = published(tmp_path / "out")
    settle = Recorder.published

    def cut(self: Recorder, result: RunResult, tau_split: float, program: str | None) -> None:
        shutil.copytree(tmp_path / "out", tmp_path / "cut")
        settle(self, result, tau_split, program)

    monkeypatch.setattr(Recorder, "published", cut)
    ride(tmp_path / "out")
    for log in (tmp_path / "cut").rglob("*-wal"):
        log.write_bytes(b"")
    new = published(tmp_path / "out")
    assert published(tmp_path / "cut") == new != earlier
    call("recover", tmp_path / "cut")
    assert call("rebuild", tmp_path / "cut" / "ride").exit_code == 0
    assert published(tmp_path / "cut") == new


def test_all_are_recovered_also_where_nobody_reads_what_is_said(tmp_path: Path) -> None:
    killed(tmp_path, 2.0)
    shutil.copytree(tmp_path / "ride", tmp_path / "still")
    reader, writer = os.pipe()
    os.close(reader)
    script = "from vpx_identity_builder.cli import main; main()"
    subprocess.run([sys.executable, "-c", script, "recover", str(tmp_path)], stdout=writer, timeout=60, check=True)
    os.close(writer)
    for name in ("ride", "still"):
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["identity_builder", "run.sqlite"]
