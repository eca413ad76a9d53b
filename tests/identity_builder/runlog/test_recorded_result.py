"""A rebuild that takes the recorded result gives what choosing again gives, and takes it only where it may."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.ecosystem.upstream import RIDER
from vpx_identity_builder import program, rebuilding
from vpx_identity_builder.core.policy import Policy
from vpx_identity_builder.core.results import RunResult
from vpx_identity_builder.documents import RunContext
from vpx_identity_builder.export.builtin import own_files
from vpx_identity_builder.export.bundle import bundle
from vpx_identity_builder.rebuilding import Rebuilt, rebuilt
from vpx_identity_builder.runlog.reader import RunLog

from .rides import published, ride
from .test_rebuild import call

OTHERS = [{}, {"anchors_max": 4}, {"loose_roll_deg": 30}, {"novelty_threshold": 0.3}, {"max_persons": 1}]


def files(result: RunResult) -> dict[str, bytes]:
    return dict(own_files(bundle(result, RunContext("ride", "1", "2026-01-01T00:00:00Z"))))


def both_ways(path: Path, changes: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> tuple[Rebuilt, Rebuilt]:
    """With what the log holds of earlier choices, and by a program that is another."""
    with RunLog(path) as log:
        first = rebuilt(log, changes)
        with monkeypatch.context() as patch:
            patch.setattr(rebuilding, "program_of", lambda _: "another program")
            return first, rebuilt(log, changes)


@pytest.mark.parametrize("changes", OTHERS, ids=str)
def test_it_is_what_choosing_again_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    ride(tmp_path)
    path = tmp_path / "ride" / "run.sqlite"
    quick, again = both_ways(path, changes, monkeypatch)
    assert (bool(quick.fates), bool(again.fates)) == (bool(changes), True)
    assert files(quick.result) == files(again.result)


def test_after_people_left_it_is_taken_by_any_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ride(tmp_path, max_persons=1)
    quick, again = both_ways(tmp_path / "ride" / "run.sqlite", {}, monkeypatch)
    assert (quick.fates, again.fates) == ((), ())
    assert files(quick.result) == files(again.result)


def test_where_plugins_have_a_say_nothing_recorded_is_taken(tmp_path: Path) -> None:
    ride(tmp_path, 2.0, (RIDER,), memory_bank=str(tmp_path / "bank"))
    with RunLog(tmp_path / "ride" / "run.sqlite") as log:
        assert log.outcome()["of"]["program"] is None
        assert rebuilt(log, {}).fates
    assert program.program_of(Policy()) is not None
    assert program.program_of(Policy(quality=lambda *_: 1.0)) is None


def test_the_difference_to_a_set_of_other_settings_is_told_in_full(tmp_path: Path) -> None:
    ride(tmp_path)
    before = published(tmp_path)
    assert (
        call(
            "rebuild",
            tmp_path / "ride",
            "--set",
            "identity_builder.loose_face_px=80",
            "--set",
            "identity_builder.strict_face_px=84",
        ).exit_code
        == 0
    )
    lines = call("rebuild", tmp_path / "ride", "--diff").stdout.splitlines()
    assert any(
        line.startswith("+ person_") and "before: chosen by the build, but not in this set" in line for line in lines
    )
    assert not any("not looked at" in line for line in lines)
    assert published(tmp_path) == before


def test_a_log_whose_people_left_by_a_rebuild_gives_that_set_again(tmp_path: Path) -> None:
    ride(tmp_path)
    assert call("rebuild", tmp_path / "ride", "--set", "identity_builder.max_persons=1").exit_code == 0
    before = published(tmp_path)
    shutil.rmtree(tmp_path / "ride" / "identity_builder")
    done = call("rebuild", tmp_path / "ride", "--set", "identity_builder.max_persons=1")
    more = "1 more person was seen: max_persons is 1, the most prominent are published."
    assert (done.exit_code, done.stderr) == (0, f"note: ride: {more}\n")
    assert published(tmp_path) == before
