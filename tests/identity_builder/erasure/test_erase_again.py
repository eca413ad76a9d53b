"""Erasure after the set was chosen again or an erasure broke off, and what must not stop it."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.identity_builder.erasure.kept import call, embeddings, files, held
from vpx_identity_builder.errors import ExportError
from vpx_identity_builder.published import read_result


@pytest.mark.parametrize("changed", [[], ["anchors_max=3"], ["face_size_full=0.3"]])
def test_nobody_gets_the_number_of_somebody_who_was_erased(out: Path, changed: list[str]) -> None:
    stays = embeddings(out, 1)
    words = [word for setting in changed for word in ("--set", f"identity_builder.{setting}")]
    assert call("erase", out, "--video", "ride", "--person", 0).exit_code == 0
    for _ in range(2):
        assert call("rebuild", out / "ride", *words).exit_code == 0
        assert [person.person_id for person in read_result(out / "ride" / "identity_builder").persons] == [1]
    again = call("erase", out, "--video", "ride", "--person", 0)
    assert (again.exit_code, "it holds person 1" in again.stderr) == (2, True), again.output
    assert held(out, stays) == len(stays)
    assert call("erase", out, "--video", "ride", "--person", 1).exit_code == 0
    assert held(out, stays) == 0


def test_where_everybody_was_erased_a_rebuild_says_so_and_changes_nothing(out: Path) -> None:
    for person in (0, 1):
        assert call("erase", out, "--video", "ride", "--person", person).exit_code == 0
    before = files(out / "ride" / "identity_builder")
    done = call("rebuild", out / "ride", "--set", "identity_builder.anchors_max=3")
    assert (done.exit_code, "everybody who was published was erased" in done.stderr) == (3, True), done.output
    assert files(out / "ride" / "identity_builder") == before


@pytest.mark.parametrize("changed", [[], ["anchors_max=3"], ["face_size_full=0.3"]])
def test_after_a_rebuild_one_person_goes_and_the_rows_of_the_other_stay(out: Path, changed: list[str]) -> None:
    gone, stays = embeddings(out, 1), embeddings(out, 0)
    words = [word for setting in changed for word in ("--set", f"identity_builder.{setting}")]
    assert call("rebuild", out / "ride", *words).exit_code == 0
    assert call("rebuild", out / "ride", "--dry-run").exit_code == 0
    assert call("erase", out, "--video", "ride", "--person", 1).exit_code == 0
    assert (held(out, gone), held(out, stays)) == (0, len(stays))
    assert [person.person_id for person in read_result(out / "ride" / "identity_builder").persons] == [0]


def test_who_is_no_longer_published_leaves_the_log_all_the_same(out: Path) -> None:
    gone, stays = embeddings(out, 1), embeddings(out, 0)
    assert call("rebuild", out / "ride", "--set", "identity_builder.max_persons=1", "--diff").exit_code == 0
    assert call("erase", out, "--video", "ride", "--person", 1).exit_code == 0
    assert (held(out, gone), held(out, stays)) == (0, len(stays))


def test_an_erasure_that_broke_off_is_completed_by_the_next(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, stays = embeddings(out, 1), embeddings(out, 0)

    def full(folder: Path, person_id: int) -> None:
        raise ExportError(folder, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("vpx_identity_builder.erasure.published.remove_person", full)
        assert call("erase", out, "--video", "ride", "--person", 1).exit_code != 0
    assert call("erase", out, "--video", "ride", "--person", 1).exit_code == 0
    assert [person.person_id for person in read_result(out / "ride" / "identity_builder").persons] == [0]
    assert (held(out, gone), held(out, stays)) == (0, len(stays))


def test_people_of_a_log_that_are_not_those_of_the_set_are_not_guessed(out: Path) -> None:
    """Images whose faces the log does not know: nobody can say whose rows are whose."""
    for path in (out / "ride" / "identity_builder" / "person_1").rglob("*_meta.json"):
        document = json.loads(path.read_text())
        document["timestamp_ms"] += 1.0
        path.write_text(json.dumps(document))
    assert call("erase", out, "--video", "ride", "--person", 1).exit_code == 0
    assert not (out / "ride" / "run.sqlite").exists()


def test_a_dry_run_knows_who_is_not_there(out: Path) -> None:
    done = call("erase", out, "--video", "ride", "--person", 7, "--dry-run")
    assert (done.exit_code, "there is no person 7" in done.stderr) == (2, True)


def test_a_bank_that_cannot_be_read_is_named_and_stops_nothing(out: Path) -> None:
    bank = out / "people" / "ann" / "memory_bank.json"
    bank.parent.mkdir(parents=True)
    bank.write_text("{}")
    done = call("erase", out, "--video", "ride")
    assert done.exit_code == 1
    assert f"{bank}: is no memory_bank.json" in done.stderr
    assert sorted(files(out)) == ["people/ann/memory_bank.json", "ride/erased.json"]


def test_the_search_is_done_with_small_files_and_long_numbers(out: Path) -> None:
    (out / "tiny").write_bytes(b"1")
    (out / "digits.txt").write_bytes(b"7" * 2_000_000)
    assert call("erase", out, "--video", "ride").exit_code == 0


def test_choosing_again_does_not_make_a_log_younger(out: Path) -> None:
    connection = sqlite3.connect(out / "ride" / "run.sqlite")
    moment = (datetime.now(UTC) - timedelta(days=31)).isoformat(timespec="seconds")
    connection.execute("UPDATE meta SET value = ? WHERE key = 'created_at'", (json.dumps(moment),))
    connection.commit()
    connection.close()
    assert call("rebuild", out / "ride").exit_code == 0
    assert call("erase", out, "--expired").exit_code == 0
    assert not (out / "ride" / "run.sqlite").exists()
