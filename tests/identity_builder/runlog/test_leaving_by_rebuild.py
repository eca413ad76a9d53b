"""Whoever a rebuild does not publish any more leaves the log, unless it only looks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.ecosystem.upstream import FRIEND, RIDER, Person, identity, vision
from vpx_identity_builder.commands import rebuild as rebuild_command
from vpx_identity_builder.errors import RunLogError
from vpx_identity_builder.rebuilding import Rebuilt, rebuilt
from vpx_identity_builder.runlog import finalize
from vpx_identity_builder.runlog.reader import RunLog

from .rides import published, ride
from .test_rebuild import call

TIMES = [round(index * 1e8) for index in range(60)]
HEADER = 100
"""Bytes in which SQLite notes how it was opened."""
STRICTER = ("--set", "identity_builder.strict_face_px=900")
FEWER = ("--set", "identity_builder.max_persons=1")


def log_of(out: Path) -> Path:
    return out / "ride" / "run.sqlite"


def known(out: Path, person: Person) -> int:
    """How many embeddings of somebody the log's file holds."""
    data = log_of(out).read_bytes()
    return sum(vector.tobytes() in data for t in TIMES for vector in (identity(person, t), vision(person, t)))


def main_and_other(out: Path) -> tuple[Person, Person]:
    builder = ride(out)
    assert builder.result is not None
    first = builder.result.persons[0]
    return (RIDER, FRIEND) if float(first.prototype[0]) > 0.5 else (FRIEND, RIDER)


def test_who_is_not_published_any_more_leaves_the_log_for_good(tmp_path: Path) -> None:
    main, other = main_and_other(tmp_path)
    kept = known(tmp_path, main)
    assert known(tmp_path, other) > 100
    done = call("rebuild", tmp_path / "ride", *FEWER)
    assert done.exit_code == 0, done.output
    assert "1 person who was published is not published any more" in done.stderr
    assert (known(tmp_path, main), known(tmp_path, other)) == (kept, 0)
    assert sorted(path.name for path in (tmp_path / "ride").iterdir()) == ["identity_builder", "run.sqlite"]
    with RunLog(log_of(tmp_path)) as log:
        assert log.ending.ids
        assert list(log.ending.ids.values()) == [0]
    before = published(tmp_path)
    assert call("rebuild", tmp_path / "ride").exit_code == 0
    assert {name for name in published(tmp_path) if name.endswith(".jpg")} == {n for n in before if n.endswith(".jpg")}


@pytest.mark.parametrize("words", [("--dry-run",), ("--diff",), ("--diff", "--dry-run")], ids=" ".join)
def test_a_rebuild_that_looks_takes_nobody_out(tmp_path: Path, words: tuple[str, ...]) -> None:
    ride(tmp_path)
    before, data = published(tmp_path), log_of(tmp_path).read_bytes()[HEADER:]
    done = call("rebuild", tmp_path / "ride", *FEWER, *words)
    assert done.exit_code == 0, done.output
    assert "takes them out of the run log" in done.stderr
    assert log_of(tmp_path).read_bytes()[HEADER:] == data
    assert call("rebuild", tmp_path / "ride").exit_code == 0
    assert published(tmp_path) == before


def test_a_rebuild_that_publishes_as_many_takes_nobody_out(tmp_path: Path) -> None:
    ride(tmp_path)
    data = log_of(tmp_path).read_bytes()[HEADER:]
    done = call("rebuild", tmp_path / "ride", "--set", "identity_builder.anchors_max=3")
    assert (done.exit_code, done.stderr) == (0, "")
    assert log_of(tmp_path).read_bytes()[HEADER:] == data


def test_settings_that_publish_nobody_change_nothing(tmp_path: Path) -> None:
    ride(tmp_path)
    before, data = published(tmp_path), log_of(tmp_path).read_bytes()[HEADER:]
    done = call("rebuild", tmp_path / "ride", "--set", "identity_builder.loose_face_px=900", *STRICTER)
    assert (done.exit_code, "nobody would be published" in done.stderr) == (4, True), done.output
    assert published(tmp_path) == before
    assert log_of(tmp_path).read_bytes()[HEADER:] == data


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_choice_without_an_image_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    def bare(*asked: Any) -> Rebuilt:
        made = rebuilt(*asked)
        people = [replace(one, anchors=(), coverage_images=(), challenge=()) for one in made.result.persons]
        return replace(made, result=replace(made.result, persons=tuple(people)))

    ride(tmp_path)
    before, data = published(tmp_path), log_of(tmp_path).read_bytes()
    monkeypatch.setattr("vpx_identity_builder.commands.rebuild.rebuilt", bare)
    done = call("rebuild", tmp_path / "ride", *words)
    assert (done.exit_code, "no image would be published" in done.stderr) == (4, True), done.output
    assert published(tmp_path) == before
    assert log_of(tmp_path).read_bytes()[HEADER:] == data[HEADER:]
    assert not words or log_of(tmp_path).read_bytes() == data


def test_the_person_who_stays_can_be_erased(tmp_path: Path) -> None:
    main, _ = main_and_other(tmp_path)
    assert call("rebuild", tmp_path / "ride", *FEWER).exit_code == 0
    done = call("erase", tmp_path, "--video", "ride", "--person", "0")
    assert done.exit_code == 0, done.output
    assert not log_of(tmp_path).exists() or known(tmp_path, main) == 0


def test_a_log_that_cannot_be_changed_is_told_of_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, other = main_and_other(tmp_path)
    before = known(tmp_path, other)

    def failing(*_: object) -> None:
        raise RunLogError(log_of(tmp_path), "no space")

    monkeypatch.setattr(finalize, "prune", failing)
    done = call("rebuild", tmp_path / "ride", *FEWER)
    assert (done.exit_code, "no space" in done.stderr) == (3, True)
    assert known(tmp_path, other) == before
    monkeypatch.undo()
    assert call("rebuild", tmp_path / "ride", *FEWER).exit_code == 0
    assert known(tmp_path, other) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_publishing_waits_until_whoever_leaves_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    _, other = main_and_other(tmp_path)
    publish, before = rebuild_command.publish, signal.getsignal(number)

    def struck(*args: Any, **named: Any) -> Path:
        os.kill(os.getpid(), number)
        return publish(*args, **named)

    monkeypatch.setattr(rebuild_command, "publish", struck)
    done = call("rebuild", tmp_path / "ride", *FEWER)
    assert done.exit_code == 130
    assert done.stderr.endswith("error: interrupted; what had begun is done\n")
    assert known(tmp_path, other) == 0
    assert sorted(path.name for path in (tmp_path / "ride").iterdir()) == ["identity_builder", "run.sqlite"]
    assert signal.getsignal(number) is before


def test_a_second_signal_ends_a_rebuild_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, other = main_and_other(tmp_path)
    shown = published(tmp_path)

    def struck(*_: Any, **__: Any) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the second signal was not heeded")

    monkeypatch.setattr(rebuild_command, "publish", struck)
    done = call("rebuild", tmp_path / "ride", *FEWER)
    assert (done.exit_code, done.stderr) == (130, "error: interrupted\n")
    assert known(tmp_path, other) > 100
    assert published(tmp_path) == shown


def test_a_signal_waits_also_where_nobody_reads_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, other = main_and_other(tmp_path)
    publish = rebuild_command.publish
    reader, writer = os.pipe()
    os.close(reader)
    stderr = os.dup(2)

    def struck(*args: Any, **named: Any) -> Path:
        os.dup2(writer, 2)
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.dup2(stderr, 2)
        return publish(*args, **named)

    monkeypatch.setattr(rebuild_command, "publish", struck)
    done = call("rebuild", tmp_path / "ride", *FEWER)
    os.close(stderr)
    os.close(writer)
    assert done.exit_code == 130
    assert done.stderr.endswith("error: interrupted; what had begun is done\n")
    assert known(tmp_path, other) == 0


def test_whoever_leaves_has_left_also_where_nobody_reads_what_is_said(tmp_path: Path) -> None:
    _, other = main_and_other(tmp_path)
    reader, writer = os.pipe()
    os.close(reader)
    script = "from vpx_identity_builder.cli import main; main()"
    command = [sys.executable, "-c", script, "rebuild", str(tmp_path / "ride"), *FEWER]
    subprocess.run(command, stdout=writer, stderr=subprocess.DEVNULL, timeout=60)
    os.close(writer)
    assert len(list((tmp_path / "ride" / "identity_builder").glob("person_*"))) == 1
    assert known(tmp_path, other) == 0


def test_nothing_is_said_of_pairs_where_one_of_two_has_left(tmp_path: Path) -> None:
    main_and_other(tmp_path)
    assert call("rebuild", tmp_path / "ride", *FEWER).exit_code == 0
    done = call("rebuild", tmp_path / "ride", "--set", "identity_builder.anchors_max=4")
    assert done.exit_code == 0, done.output
    assert "pair image" not in done.output
    result = json.loads((tmp_path / "ride" / "identity_builder" / "result.json").read_text())
    assert len(result["persons"]) == 1
    assert not [note for note in result["notes"] if "pair" in note]
