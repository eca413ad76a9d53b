"""`erase --dry-run` looks, and touches nothing: no byte, no time, no file beside a log."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.identity_builder.erasure.kept import call
from tests.identity_builder.runlog.rides import killed, ride

Seen = dict[str, tuple[int, int, bytes]]


def seen(folder: Path) -> Seen:
    """Relative path → mode, time of change in ns, and content of everything below a folder."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in [folder, *sorted(folder.rglob("*"))]
    }


WORDS = (
    ("--video", "ride"),
    ("--video", "ride", "--person", "1"),
    ("--older-than", "0h"),
    ("--expired",),
)


@pytest.mark.parametrize("words", WORDS)
def test_of_a_finished_run(out: Path, words: tuple[str, ...]) -> None:
    before = seen(out)
    assert call("erase", out, *words, "--dry-run").exit_code == 0
    assert seen(out) == before


@pytest.mark.parametrize("words", [WORDS[0], WORDS[2]])
def test_of_a_killed_run(tmp_path: Path, words: tuple[str, ...]) -> None:
    killed(tmp_path / "out")
    before = seen(tmp_path / "out")
    done = call("erase", tmp_path / "out", *words, "--dry-run")
    assert (done.exit_code, "would erase ride" in done.stdout) == (0, True), done.output
    assert seen(tmp_path / "out") == before


@pytest.mark.parametrize("aside", [".identity_builder.old", ".identity_builder.new"])
@pytest.mark.parametrize("words", WORDS[:2])
def test_of_a_run_that_died_while_it_published(out: Path, words: tuple[str, ...], aside: str) -> None:
    target = out / "ride" / "identity_builder"
    if aside.endswith("old"):
        target.rename(target.with_name(aside))
    else:
        shutil.copytree(target, target.with_name(aside))
    before = seen(out)
    done = call("erase", out, *words, "--dry-run")
    assert (done.exit_code, "would erase" in done.stdout) == (0, True), done.output
    assert seen(out) == before


def test_with_a_memory_bank(tmp_path: Path) -> None:
    ride(tmp_path / "out", memory_bank=tmp_path / "bank")
    before = seen(tmp_path)
    done = call("erase", tmp_path / "out", "--video", "ride", "--bank", tmp_path / "bank", "--dry-run")
    assert (done.exit_code, "would erase ride" in done.stdout) == (0, True), done.output
    assert seen(tmp_path) == before
