"""What is said where nobody reads it, or where it cannot be written, by the scripts in processes of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.identity_builder.runlog.rides import ride

from .test_command_line import photo_folder

ROOT = Path(__file__).parents[3]
SCRIPT = """
import sys
import vpx_identity_builder_start as start
getattr(start, sys.argv.pop(1))()
"""
FAKES = """
from tests.ecosystem.upstream import FakeDetect, FakeExpression, FakeVision
from vpx.runner import LiteRunner
from vpx_identity_builder.commands import build

def runner(module, asked, on_frame):
    return LiteRunner([FakeDetect(), FakeExpression(), FakeVision(), module], on_frame=on_frame)

build._runner = runner
"""

CHATTER = """
import os
from vpx.sdk.notices import logged_instead

with logged_instead("known"):
    os.write(2, b"unknown chatter\\n")
print("went on")
"""


@contextmanager
def closed_pipe() -> Iterator[int]:
    """A pipe that nobody reads from any more."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


def called(
    script: str, *words: object, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """One of the scripts, run to its end. `before`: what is executed first."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", before + SCRIPT, script, *map(str, words)],
        stdout=stdout,
        stderr=stderr,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": paths},
    )


def test_a_build_goes_on_with_the_next_input_where_nobody_reads_what_is_wrong_with_one(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with closed_pipe() as nobody:
        done = called(
            "identity_builder",
            *("build", broken, photo_folder(tmp_path), "-o", tmp_path / "out"),
            stdout=nobody,
            stderr=nobody,
            before=FAKES,
        )
    assert (tmp_path / "out" / "photos" / "identity_builder" / "result.json").is_file(), done.returncode


def test_messages_that_cannot_be_written_leave_the_exit_code_what_it_is(tmp_path: Path) -> None:
    with closed_pipe() as nobody:
        done = called("identity_builder", "query", tmp_path / "nothing", stderr=nobody)
        listed = called("vision_embed", "embed", tmp_path / "nothing.jpg", stderr=nobody)
    assert (done.returncode, done.stdout) == (3, "")
    assert (listed.returncode, listed.stdout) == (3, "")


def test_chatter_of_a_library_that_nobody_reads_ends_nothing() -> None:
    with closed_pipe() as nobody:
        done = subprocess.run([sys.executable, "-c", CHATTER], stdout=subprocess.PIPE, stderr=nobody, text=True)
    assert (done.returncode, done.stdout) == (0, "went on\n")


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("identity_builder", ["plugins"]),
        ("identity_builder", ["config", "--show"]),
        ("identity_builder", ["schema"]),
        ("identity_builder", ["build", "--help"]),
        ("vision_embed", ["models"]),
        ("vision_embed", ["--help"]),
    ],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_cannot_be_written_is_one_line_and_1(
    monkeypatch: pytest.MonkeyPatch, script: str, words: list[str], unbuffered: str
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with FULL.open("w") as full:
        done = called(script, *words, stdout=full.fileno())
    before = {"identity_builder": "error", "vision_embed": "vision-embed"}[script]
    said = f"{before}: the output could not be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_an_erasure_goes_on_where_what_it_says_cannot_be_written(tmp_path: Path) -> None:
    ride(tmp_path, 0.5)
    shutil.copytree(tmp_path / "ride", tmp_path / "again")
    with FULL.open("w") as full:
        done = called("identity_builder", "erase", tmp_path, "--older-than", "0h", stdout=full.fileno())
    assert done.stderr == "error: the output could not be written: No space left on device\n"
    assert done.returncode != 0
    assert list(tmp_path.glob("*/identity_builder")) == []


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    with closed_pipe() as nobody:
        done = called("identity_builder", "schema", stdout=nobody)
    assert (done.returncode, done.stderr) == (0, "")
