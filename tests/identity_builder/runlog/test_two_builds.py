"""Two builds of one video at the same time: the second leaves the first one's log and set alone."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.ecosystem.behaviours import pipeline
from tests.ecosystem.upstream import Script, clip
from vpx_identity_builder import recovery
from vpx_identity_builder.claim import NAME, Claim
from vpx_identity_builder.errors import BusyError, ExportError

from .rides import BOTH, builder_of, feed, killed, published, ride, started
from .test_rebuild import call


def test_the_second_is_refused_and_the_first_is_untouched(tmp_path: Path) -> None:
    ride(tmp_path / "alone", 2.0)
    first = started(tmp_path / "out")
    frames = clip(2.0, BOTH)
    feed(first, frames[:10])
    second = started(tmp_path / "out")
    with pytest.raises(BusyError, match=f"another build of this video is running in {tmp_path / 'out' / 'ride'}"):
        feed(second, frames)
    assert builder_of(second).finish() is None
    assert builder_of(second).output_path is None
    feed(first, frames[10:])
    builder_of(first).finish()
    assert (tmp_path / "out" / "ride" / "run.sqlite").is_file()
    assert published(tmp_path / "out") == published(tmp_path / "alone")


def test_in_a_host_that_says_nothing_the_second_goes_on_without_a_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = started(tmp_path)
    frames = clip(2.0, BOTH)
    feed(first, frames)
    second = pipeline(tmp_path, Script(BOTH), video_id="ride")
    with caplog.at_level(logging.WARNING):
        feed(second, frames)
    assert "no run log is kept" in caplog.text
    builder_of(first).finish()
    log = (tmp_path / "ride" / "run.sqlite").read_bytes()
    result = builder_of(second).finish()
    assert result is not None
    assert result.faults["run_log_lost"] == 1
    assert (tmp_path / "ride" / "run.sqlite").read_bytes() == log


@pytest.mark.parametrize("logs", [(False, False), (True, False), (False, True)], ids=str)
def test_the_second_is_refused_also_where_no_log_is_kept(tmp_path: Path, logs: tuple[bool, bool]) -> None:
    frames = clip(2.0, BOTH)
    first = started(tmp_path, run_log=logs[0])
    feed(first, frames[:10])
    second = started(tmp_path, run_log=logs[1])
    with pytest.raises(BusyError):
        feed(second, frames)
    feed(first, frames[10:])
    builder_of(first).finish()
    before = published(tmp_path)
    assert before
    assert sorted(path.name for path in (tmp_path / "ride").iterdir())[:1] == ["identity_builder"]
    ride(tmp_path, 2.0, run_log=logs[1])
    assert published(tmp_path) == before


def test_another_video_of_the_same_name_gets_a_folder_of_its_own_at_once(tmp_path: Path) -> None:
    frames = clip(3.0, BOTH)
    first, second = started(tmp_path, run_log=False), started(tmp_path, run_log=False)
    feed(first, frames[:10])
    feed(second, frames[10:])
    feed(first, frames[10:])
    folders = [builder_of(modules).finish() and builder_of(modules).output_path for modules in (first, second)]
    assert folders[0] == tmp_path / "ride" / "identity_builder"
    assert folders[1] is not None
    assert folders[1].parent.name.startswith("ride-")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ride", folders[1].parent.name]


def test_what_a_killed_build_left_of_its_hold_stops_nobody(tmp_path: Path) -> None:
    modules = started(tmp_path, run_log=False)
    feed(modules, clip(1.0, BOTH))
    run = builder_of(modules)._run
    assert run is not None
    run.recorder._claim.abandon()
    assert (tmp_path / "ride" / NAME).stat().st_mode & 0o777 == 0o600
    ride(tmp_path, 2.0, run_log=False)
    assert [path.name for path in (tmp_path / "ride").iterdir()] == ["identity_builder"]


def onlooker(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Let somebody look at a folder in the instant when it is first to be held; returns the folders looked at."""
    take, looked = Claim.take, list[Path]()

    def while_somebody_looks(claim: Claim, folder: Path, content_sha256: str) -> bool:
        if looked:
            return take(claim, folder, content_sha256)
        looked.append(folder)
        onlooker = Claim()
        assert take(onlooker, folder, "")
        refused = not take(claim, folder, content_sha256)
        onlooker.release()
        assert refused
        return False

    monkeypatch.setattr(Claim, "take", while_somebody_looks)
    return looked


def test_whoever_only_looks_at_a_folder_stops_no_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = onlooker(monkeypatch)
    ride(tmp_path, 2.0)
    assert looked == [tmp_path / "ride"]
    assert (tmp_path / "ride" / "run.sqlite").is_file()


@pytest.mark.parametrize("command", ["rebuild", "recover"])
def test_whoever_only_looks_at_a_folder_stops_no_rebuild_and_no_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (ride if command == "rebuild" else killed)(tmp_path, 2.0)
    looked = onlooker(monkeypatch)
    done = call(command, tmp_path / "ride")
    assert (done.exit_code, looked) == (0, [tmp_path / "ride"]), done.output


def test_a_video_that_is_being_built_is_not_erased(tmp_path: Path) -> None:
    ride(tmp_path, 2.0)
    modules = started(tmp_path, run_log=False)
    feed(modules, clip(1.0, BOTH))
    before = published(tmp_path)
    done = call("erase", tmp_path, "--video", "ride")
    assert (done.exit_code, "another build of this video is running" in done.stderr) == (1, True)
    assert published(tmp_path) == before


def test_recover_clears_up_after_a_build_without_a_log_that_was_killed(tmp_path: Path) -> None:
    modules = started(tmp_path, run_log=False)
    feed(modules, clip(1.0, BOTH))
    assert call("recover", tmp_path).exit_code == 3
    assert (tmp_path / "ride" / NAME).exists()
    run = builder_of(modules)._run
    assert run is not None
    run.recorder._claim.abandon()
    assert call("recover", tmp_path).exit_code == 3
    assert not (tmp_path / "ride").exists()


@pytest.mark.parametrize("words", [(), ("--diff",), ("--set", "identity_builder.anchors_max=3")], ids=str)
@pytest.mark.parametrize("keeps_log", [True, False])
def test_a_video_that_is_being_built_is_not_rebuilt(tmp_path: Path, words: tuple[str, ...], keeps_log: bool) -> None:
    ride(tmp_path, 2.0)
    modules = started(tmp_path, run_log=keeps_log)
    frames = clip(2.0, BOTH)
    feed(modules, frames[:10])
    before = published(tmp_path)
    done = call("rebuild", tmp_path / "ride", *words)
    assert (done.exit_code, "another build of this video is running" in done.stderr, done.stdout) == (1, True, "")
    assert published(tmp_path) == before
    assert call("rebuild", tmp_path / "ride", "--diff", "--dry-run").exit_code == 0
    feed(modules, frames[10:])
    builder_of(modules).finish()
    assert published(tmp_path) == before
    assert not (tmp_path / "ride" / NAME).exists()


def test_the_first_build_of_a_video_is_not_rebuilt_while_it_runs(tmp_path: Path) -> None:
    feed(started(tmp_path), clip(1.0, BOTH))
    done = call("rebuild", tmp_path / "ride")
    assert (done.exit_code, "another build of this video is running" in done.stderr) == (1, True)


def test_what_a_killed_build_left_is_not_recovered_while_one_without_a_log_runs(tmp_path: Path) -> None:
    killed(tmp_path, 2.0)
    modules = started(tmp_path, run_log=False)
    feed(modules, clip(1.0, BOTH))
    done = call("recover", tmp_path)
    assert (done.exit_code, "another build of this video is running" in done.stderr) == (1, True)
    assert not (tmp_path / "ride" / "identity_builder").exists()


@pytest.mark.parametrize("command", ["rebuild", "recover"])
def test_a_video_that_is_rebuilt_or_recovered_is_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (ride if command == "rebuild" else killed)(tmp_path, 2.0)
    refused = list[bool]()

    def meanwhile(*_: object, **__: object) -> None:
        with pytest.raises(BusyError):
            feed(started(tmp_path, run_log=False), clip(1.0, BOTH))
        refused.append(True)
        raise ExportError(tmp_path, "enough")

    where = "commands.rebuild" if command == "rebuild" else "recovery"
    monkeypatch.setattr(f"vpx_identity_builder.{where}.publish", meanwhile)
    assert call(command, tmp_path / "ride").exit_code == 1
    assert refused == [True]
    assert not (tmp_path / "ride" / NAME).exists()


def test_a_signal_while_a_recovery_publishes_waits_for_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(tmp_path, 2.0)
    publish = recovery.publish

    def struck(*args: Any, **named: Any) -> Path:
        os.kill(os.getpid(), signal.SIGTERM)
        return publish(*args, **named)

    monkeypatch.setattr(recovery, "publish", struck)
    done = call("recover", tmp_path / "ride")
    assert (done.exit_code, done.stderr) == (130, "error: interrupted; what had begun is done\n")
    assert sorted(path.name for path in (tmp_path / "ride").iterdir()) == ["identity_builder", "run.sqlite"]
    monkeypatch.undo()
    assert "nothing to recover" in call("recover", tmp_path / "ride").stdout


def test_a_hold_that_cannot_be_written_down_stops_no_rebuild(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ride(tmp_path, 2.0)

    def full(*_: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Claim, "take", full)
    assert call("rebuild", tmp_path / "ride").exit_code == 0
