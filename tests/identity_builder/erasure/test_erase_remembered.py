"""Erasure of a video that a memory bank learnt from: clean only once that bank was searched."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.identity_builder.erasure.kept import call
from tests.identity_builder.runlog.rides import ride

ASKED_FOR = "this video was remembered in a memory bank: give it with --bank DIR"
SETTING = "VPX_IDENTITY_BUILDER__MEMORY_BANK"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The output folder of a ride that the bank beside it remembers."""
    ride(tmp_path / "out", memory_bank=tmp_path / "bank")
    assert len(remembered(tmp_path / "out")) == 2
    return tmp_path / "out"


def remembered(out: Path) -> list[Path]:
    return sorted((out.parent / "bank").glob("*/memory_bank.json"))


def test_without_its_bank_an_erasure_is_not_complete_until_it_is_given(out: Path) -> None:
    for _ in range(2):
        done = call("erase", out, "--video", "ride")
        assert done.exit_code == 1
        assert ASKED_FOR in done.stderr
        assert "nothing remains\n" not in done.stdout
        assert len(remembered(out)) == 2
    assert not (out / "ride" / "identity_builder").exists()
    done = call("erase", out, "--video", "ride", "--bank", out.parent / "bank")
    assert done.exit_code == 0, done.output
    assert remembered(out) == []
    assert [path.name for path in (out / "ride").iterdir()] == ["erased.json"]
    erasures = json.loads((out / "ride" / "erased.json").read_text())["erasures"]
    assert [erasure["bank_shares"] > 0 for erasure in erasures] == [False, False, True]


@pytest.mark.parametrize("erased_before", [False, True])
def test_a_bank_that_is_gone_is_given_up_on_request_and_the_note_says_so(out: Path, erased_before: bool) -> None:
    shutil.rmtree(out.parent / "bank")
    if erased_before:
        assert call("erase", out, "--video", "ride").exit_code == 1
    dry = call("erase", out, "--video", "ride", "--bank-gone", "--dry-run")
    assert (dry.exit_code, dry.stderr) == (0, ""), dry.output
    assert "or --bank-gone if there is none any more" in call("erase", out, "--video", "ride", "--dry-run").stderr
    done = call("erase", out, "--video", "ride", "--bank-gone")
    assert (done.exit_code, "nothing remains\n" in done.stdout) == (0, True), done.output
    assert [path.name for path in (out / "ride").iterdir()] == ["erased.json"]
    last = json.loads((out / "ride" / "erased.json").read_text())["erasures"][-1]
    assert last["reason"] == "on request; a memory bank that learnt from it is said to be gone"
    assert call("erase", out, "--video", "ride", "--bank-gone").exit_code == 3


def test_a_bank_at_hand_is_searched_whatever_is_said_of_it(out: Path) -> None:
    done = call("erase", out, "--video", "ride", "--bank", out.parent / "bank", "--bank-gone")
    assert (done.exit_code, remembered(out)) == (0, []), done.output
    last = json.loads((out / "ride" / "erased.json").read_text())["erasures"][-1]
    assert last["reason"] == "on request"


def test_a_dry_run_and_the_erasure_of_a_person_ask_for_the_bank_too(out: Path) -> None:
    for words in (("--dry-run",), ("--person", "1")):
        done = call("erase", out, "--video", "ride", *words)
        assert done.exit_code == 1
        assert ASKED_FOR in done.stderr


def test_somebody_who_never_was_is_refused_whatever_the_bank_knows(out: Path) -> None:
    for words in ((), ("--bank", out.parent / "bank")):
        done = call("erase", out, "--video", "ride", "--person", 7, *words)
        assert (done.exit_code, done.stdout) == (2, ""), done.output
        assert "there is no person 7" in done.stderr
    assert not (out / "ride" / "erased.json").exists()


def test_a_set_made_again_without_memory_still_asks_for_the_bank(out: Path) -> None:
    ride(out)
    done = call("erase", out, "--video", "ride")
    assert done.exit_code == 1
    assert ASKED_FOR in done.stderr


def test_a_configured_bank_counts_only_where_it_knows_the_video(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = out.parent / "other"
    other.mkdir()
    monkeypatch.setenv(SETTING, str(other))
    assert call("erase", out, "--video", "ride").exit_code == 1
    monkeypatch.setenv(SETTING, str(out.parent / "bank"))
    assert call("erase", out, "--video", "ride").exit_code == 0
    assert remembered(out) == []


def test_after_an_erasure_a_bank_that_knows_nothing_is_searched_too(out: Path) -> None:
    bank = out.parent / "bank"
    for _ in range(2):
        done = call("erase", out, "--video", "ride", "--bank", bank)
        assert done.exit_code == 0, done.output
        assert "nothing remains" in done.stdout
    assert call("erase", out, "--video", "ride").exit_code == 3


def test_a_bank_folder_that_is_not_there_is_named(out: Path) -> None:
    before = sorted(out.rglob("*"))
    done = call("erase", out, "--video", "ride", "--bank", out.parent / "bnak")
    assert (done.exit_code, "bnak: no such folder" in done.stderr) == (3, True), done.stderr
    assert sorted(out.rglob("*")) == before


@pytest.mark.parametrize("kind", ["empty", "files"])
def test_a_folder_that_is_no_bank_is_refused_before_anything_goes(out: Path, kind: str) -> None:
    wrong = out.parent / "wrong"
    wrong.mkdir()
    if kind == "files":
        (wrong / "memory_bank.txt").write_text("none")
    before = sorted(out.rglob("*"))
    done = call("erase", out, "--video", "ride", "--bank", out.parent / "bank", "--bank", wrong)
    assert (done.exit_code, "wrong: there is no memory bank in it" in done.stderr) == (3, True), done.stderr
    assert (sorted(out.rglob("*")), len(remembered(out))) == (before, 2)


def test_another_bank_does_not_complete_an_erasure(out: Path) -> None:
    ride(out.parent / "another", memory_bank=out.parent / "second")
    done = call("erase", out, "--video", "ride", "--bank", out.parent / "second")
    assert (done.exit_code, "in another memory bank than those searched" in done.stderr) == (1, True), done.output
    assert len(remembered(out)) == 2
    assert call("erase", out, "--video", "ride", "--bank", out.parent / "bank").exit_code == 0
    assert remembered(out) == []


def test_every_bank_that_learnt_must_be_searched(out: Path) -> None:
    second = out.parent / "second"
    ride(out, memory_bank=second)
    assert call("erase", out, "--video", "ride", "--bank", second).exit_code == 1
    assert call("erase", out, "--video", "ride", "--bank", second, "--bank", out.parent / "bank").exit_code == 0


@pytest.mark.parametrize("known_by", ["an empty mark", "the log", "a summary"])
def test_videos_remembered_before_banks_had_ids_ask_for_their_bank(out: Path, known_by: str) -> None:
    mark, folder = out / "ride" / "remembered", out / "ride"
    (out.parent / "bank" / "memory_bank.id").unlink()
    if known_by == "an empty mark":
        mark.write_bytes(b"")
    else:
        mark.unlink()
    if known_by == "the log":
        with closing(sqlite3.connect(folder / "run.sqlite")) as log, log:
            log.execute("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
    if known_by == "a summary":
        path = folder / "identity_builder" / "person_0" / "meta.json"
        path.write_bytes(path.read_bytes().replace(b'"medoid"', b'"memory_bank"'))
    for _ in range(2):
        done = call("erase", out, "--video", "ride")
        assert (done.exit_code, ASKED_FOR in done.stderr) == (1, True), done.output
    done = call("erase", out, "--video", "ride", "--bank", out.parent / "bank")
    assert done.exit_code == 0, done.output
    assert remembered(out) == []


def test_the_mark_names_neither_bank_nor_person(out: Path) -> None:
    assert re.fullmatch(rb"[0-9a-f]{32}\n", (out / "ride" / "remembered").read_bytes())
    assert (out / "ride" / "remembered").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "error: nothing says what to erase: give one of --video ID, --older-than AGE and --expired\n"),
        (("--person", "0"), "error: --person needs --video ID\n"),
        (
            ("--video", "ride", "--expired"),
            "error: --video and --expired were given together: "
            "give one of --video ID, --older-than AGE and --expired\n",
        ),
    ],
)
def test_wrong_usage_is_one_plain_sentence(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = call("erase", tmp_path, *words)
    assert (done.exit_code, done.stderr) == (2, said)
