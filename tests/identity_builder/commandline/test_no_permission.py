"""What another user may not read or write is one line, in every command."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.identity_builder.runlog.rides import ride
from vpx_identity_builder.cli import app

NOBODY_UID = 65534

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def out() -> Iterator[Path]:
    """An output folder with the run `ride`, below folders that everybody may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        ride(Path(name) / "out", 2.0)
        (Path(name) / "out").chmod(0o755)
        yield Path(name) / "out"


@contextmanager
def without_rights() -> Iterator[None]:
    """As a user who may read only what everybody may: root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY_UID, NOBODY_UID, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def published_anew(out: Path) -> list[object]:
    return ["rebuild", out / "ride"]


def query(out: Path) -> list[object]:
    return ["query", out / "ride"]


def rebuild(out: Path) -> list[object]:
    return ["rebuild", out / "ride", "--dry-run"]


def recover(out: Path) -> list[object]:
    return ["recover", out / "ride"]


def erase(out: Path) -> list[object]:
    return ["erase", out, "--video", "ride", "--dry-run"]


@pytest.mark.parametrize("words", [query, rebuild, recover, erase])
def test_a_folder_of_somebody_else_is_one_line_and_code_3(out: Path, words: Callable[[Path], list[object]]) -> None:
    assert call(*words(out)).exit_code == 0
    (out / "ride").chmod(0)
    try:
        with without_rights():
            done = call(*words(out))
    finally:
        (out / "ride").chmod(0o700)
    assert done.exit_code == 3, done.output
    assert done.stderr.startswith("error: ")
    assert str(out / "ride") in done.stderr
    assert done.stderr.endswith("cannot read it: permission denied\n" if words is rebuild else ": permission denied\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("folder", ["out", "out/x", "out/ride"])
def test_a_build_into_a_folder_of_somebody_else_is_refused_at_once(out: Path, folder: str) -> None:
    photo = out.parent / "ride.png"
    cv2.imwrite(str(photo), np.zeros((40, 40, 3), np.uint8))
    photo.chmod(0o644)
    (out / "ride").chmod(0o755)
    (out / "ride" / "identity_builder").chmod(0o755)
    (out.parent / "file").touch()
    assert call("build", photo, "-o", out.parent / "file").exit_code == 2  # imports what is imported late
    there = sorted(out.rglob("*"))
    with without_rights():
        done = call("build", photo, "-o", out.parent / folder)
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    assert "no permission to write in " in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(out.rglob("*")) == there


@pytest.mark.parametrize(("words", "name"), [(query, "identity_builder/result.json"), (rebuild, "run.sqlite")])
def test_a_file_of_somebody_else_is_one_line_and_code_3(
    out: Path, words: Callable[[Path], list[object]], name: str
) -> None:
    assert call(*words(out)).exit_code == 0
    for folder in (out / "ride", out / "ride" / "identity_builder"):
        folder.chmod(0o755)
    (out / "ride" / name).chmod(0)
    with without_rights():
        done = call(*words(out))
    assert done.exit_code == 3, done.output
    assert done.stderr.count("\n") == 1
    assert str(out / "ride" / name) in done.stderr
    assert "permission denied" in done.stderr.lower()


@pytest.mark.parametrize("words", [published_anew, recover])
def test_a_run_that_can_be_read_but_not_written_is_one_line_and_code_2(
    out: Path, words: Callable[[Path], list[object]]
) -> None:
    run = out / "ride"
    assert call(*words(out)).exit_code == 0
    for path in (run, *run.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    there = {path: path.stat().st_mtime_ns for path in sorted(run.rglob("*"))}
    with without_rights():
        done = call(*words(out))
        looked = call(*rebuild(out))
    for path in (run, *run.rglob("*")):
        path.chmod(0o700)
    assert (done.exit_code, looked.exit_code) == (2, 0), done.output
    advice = "copy it to where you may write, or only look: `identity-builder rebuild RUN --dry-run`"
    assert done.stderr == f"error: cannot write into {run} (RUN): no permission to write in {run}; {advice}\n"
    assert {path: path.stat().st_mtime_ns for path in sorted(run.rglob("*"))} == there


@pytest.mark.parametrize("words", [published_anew, recover])
def test_a_log_that_can_be_read_but_not_written_is_one_line_and_code_3(
    out: Path, words: Callable[[Path], list[object]]
) -> None:
    assert call(*words(out)).exit_code == 0
    (out / "ride").chmod(0o777)
    (out / "ride" / "run.sqlite").chmod(0o444)
    with without_rights():
        done = call(*words(out))
    said = "cannot write it: permission denied, or a disk that is read-only"
    assert (done.exit_code, done.stderr) == (3, f"error: run log {out / 'ride' / 'run.sqlite'}: {said}\n")


def test_an_erasure_names_a_closed_folder_once(out: Path) -> None:
    for path in (out / "ride", *(path for path in (out / "ride").rglob("*") if path.is_dir())):
        path.chmod(0o755)
    (out / "ride").chmod(0o555)
    with without_rights():
        done = call("erase", out, "--video", "ride")
    (out / "ride").chmod(0o700)
    said = f"error: {out / 'ride'}: it cannot be written to; nothing of ride is erased\n"
    assert (done.exit_code, done.stderr.count(said)) == (1, 1), done.output


def test_a_recovery_names_a_folder_that_it_may_not_look_into_and_recovers_the_others(out: Path) -> None:
    shutil.copytree(out / "ride", out / "other")
    for path in (out / "ride", *(out / "ride").rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    (out / "other").chmod(0)
    with without_rights():
        done = call("recover", out)
    (out / "other").chmod(0o700)
    said = f"error: {out / 'other'}: it cannot be looked into, and may hold a run that was killed\n"
    assert (done.exit_code, done.stderr) == (5, said), done.output
    assert f"{out / 'ride'}: nothing to recover" in done.stdout
