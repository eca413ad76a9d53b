"""A full disk: what could not be published can be, later, as far as the run log holds it; and it is said how far."""

from __future__ import annotations

import errno
import gc
import os
from pathlib import Path

import pytest

from vpx_identity_builder import recorder
from vpx_identity_builder.errors import RunLogError
from vpx_identity_builder.export.files import LocalFiles
from vpx_identity_builder.runlog.writer import RunLogWriter
from vpx_identity_builder.translation import Translation

from .test_command_line import call, photo_folder

NOBODY = 4
"""No face is on the photos."""


@pytest.mark.parametrize("logged", [True, False])
def test_a_full_disk_ends_with_the_way_back_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: bool
) -> None:
    photos, run = photo_folder(tmp_path), tmp_path / "out" / "photos"

    def full(_self: LocalFiles, path: Path, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as broken:
        broken.setattr(LocalFiles, "write", full)
        done = call("build", photos, "-o", tmp_path / "out", "--set", f"identity_builder.run_log={logged}")
    way = f"; what was seen is kept: once that is put right, `identity-builder recover {run}` publishes it"
    said = f"error: {photos}: cannot write {run / 'identity_builder'}: No space left on device"
    assert (done.exit_code, done.stderr) == (1, f"{said}{way if logged else ''}\n")
    gc.collect()  # the end of the process lets go of the log
    again = call("recover", run)
    if logged:
        assert again.stdout.startswith(f"{run}: published {run / 'identity_builder'}: 3 ")
    else:
        assert again.exit_code == 3


@pytest.mark.parametrize(
    ("logged", "way"),
    [
        (0, "the run log could not be written either, so nothing of what was seen is kept"),
        (2, "the run log could not be written to its end and holds 2 frames at most: once that is put right, "),
    ],
)
def test_a_disk_that_was_full_for_the_log_too_ends_with_what_is_left_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: int, way: str
) -> None:
    photos, frame, seen = photo_folder(tmp_path), RunLogWriter.frame, []

    def full(_self: LocalFiles, path: Path, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def soon_full(log: RunLogWriter, t_ns: int, translation: Translation) -> int:
        seen.append(t_ns)
        if len(seen) > logged:
            raise RunLogError(log.path, "database or disk is full")
        return frame(log, t_ns, translation)

    with monkeypatch.context() as broken:
        broken.setattr(LocalFiles, "write", full)
        broken.setattr(RunLogWriter, "frame", soon_full)
        done = call("build", photos, "-o", tmp_path / "out")
    assert (done.exit_code, f"No space left on device; {way}" in done.stderr) == (1, True), done.output
    assert len(seen) == logged + 1


@pytest.mark.parametrize("late", [False, True], ids=["while the run goes on", "after its end"])
def test_a_log_that_alone_could_not_be_written_is_told_beside_the_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    photos, run = photo_folder(tmp_path), tmp_path / "out" / "photos"

    def full(self: object, *_args: object) -> None:
        raise RunLogError(run / "run.sqlite", "database or disk is full")

    with monkeypatch.context() as broken:
        if late:
            broken.setattr(recorder, "finalize", full)
        else:
            broken.setattr(RunLogWriter, "frame", full)
        done = call("build", photos, "-o", tmp_path / "out")
    why = f"run log {run / 'run.sqlite'}: database or disk is full"
    said = "The set is complete, but there is no run log, so `rebuild` can do nothing with it until it is built anew"
    assert done.exit_code == NOBODY, done.output
    assert f"note: {photos}: {said}: {why}\n" in done.stderr
    assert (run / "identity_builder" / "result.json").is_file()
    assert not list(run.glob("*.sqlite*"))


@pytest.mark.parametrize("wanted", ["true", "false"])
def test_of_a_log_that_was_written_or_not_wanted_nothing_is_told(tmp_path: Path, wanted: str) -> None:
    done = call("build", photo_folder(tmp_path), "-o", tmp_path / "out", "--set", f"identity_builder.run_log={wanted}")
    assert (done.exit_code, "run log" in done.stderr) == (NOBODY, False)
    assert (tmp_path / "out" / "photos" / "run.sqlite").is_file() == (wanted == "true")
