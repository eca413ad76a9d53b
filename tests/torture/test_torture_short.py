"""A short, seeded piece of `make torture`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.checks import Violation
from tests.torture.fuzz import run as fuzz

ROOT = Path(__file__).parents[2]


def test_a_round_of_deaths_is_survived(tmp_path: Path) -> None:
    """In a process of its own: it forks, which a test runner with threads should not."""
    words = [sys.executable, "-W", "ignore", "-m", "tests.torture.kills", "--rounds", "1", "--seed", "11"]
    done = subprocess.run([*words, "--folder", str(tmp_path / "arena")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 deaths survived" in done.stdout


def test_deaths_of_all_else_are_survived() -> None:
    words = [sys.executable, "-W", "ignore", "-m", "tests.torture.deaths", "--every", "61", "--start", "13"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("times killed") == 7


def test_damaged_input_is_refused_or_read(tmp_path: Path) -> None:
    done = fuzz(6.0, 5, tmp_path)
    assert len(done.tried) == 7
    assert min(done.tried.values()) >= 1
    assert done.accepted["observation"] >= 1
    assert done.kept["value"] >= 1


def test_a_broken_promise_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.torture.fuzz.Fuzz.toml", lambda *_: 1 // 0)
    with pytest.raises(Violation, match=r"ZeroDivisionError: .*; see it by --again 'toml:'"):
        fuzz(5.0, 1, tmp_path)
