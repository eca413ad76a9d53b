"""What an erasure cannot look into is named; what only motion tells of a face does not keep its looks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.identity_builder.commandline.test_no_permission import NOBODY_UID, without_rights
from tests.identity_builder.erasure.kept import Vector, call, held
from tests.identity_builder.runlog.rides import ride
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.runlog.rows import face_row
from vpx_identity_builder.runlog.schema import LOG_NAME


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An output folder that everybody may enter and write, with a folder of another user's in it."""
    base = tmp_path_factory.mktemp("shared")
    for folder in (base, base.parent, base.parent.parent):
        folder.chmod(0o755)
    ride(base / "out", 2.0)
    if os.geteuid() == 0:
        for path in [base / "out", *(base / "out").rglob("*")]:
            os.chown(path, NOBODY_UID, NOBODY_UID)
    closed = base / "out" / "closed"
    closed.mkdir()
    (closed / "copy.bin").write_bytes(b"who knows")
    closed.chmod(0)
    yield base / "out"
    closed.chmod(0o700)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_folder_that_may_not_be_read_is_named_and_the_exit_code_is_1(shared: Path) -> None:
    with without_rights():
        done = call("erase", shared, "--video", "ride")
    assert (done.exit_code, f"{shared / 'closed'}: it cannot be looked into" in done.stderr) == (1, True), done.output
    assert not (shared / "ride" / "identity_builder").exists()
    with without_rights():
        done = call("erase", shared, "--expired")
    assert (done.exit_code, "closed: it cannot be looked into, and may hold a video" in done.stderr) == (1, True)


def without_face_id(path: Path, person_id: int, count: int) -> list[Vector]:
    """Take the Face-ID of a person's first faces out of a log; their looks that stay."""
    looks: list[Vector] = []
    with RunLog(path) as log:
        ids, numbers = log.ending.ids, log.person_numbers()
        mine = [key for key, number in sorted(numbers.items()) if ids.get(number) == person_id][:count]
        log.connection.execute("BEGIN")
        for frame, face in mine:
            sample = replace(log.face(frame, face), e_id=None)
            marks = "INSERT OR REPLACE INTO faces VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            log.connection.execute(marks, face_row(frame, face, sample))
            looks += [vector for vector in (sample.e_vis_face, sample.e_vis_body) if vector is not None]
        log.connection.execute("COMMIT")
    return looks


def test_a_face_that_only_motion_gave_to_who_stays_keeps_no_looks(out: Path) -> None:
    looks = without_face_id(out / "ride" / LOG_NAME, 0, 5)
    assert held(out, looks) == len(looks) >= 5
    done = call("erase", out, "--video", "ride", "--person", 1)
    assert done.exit_code == 0, done.output
    assert held(out, looks) == 0
    assert call("rebuild", out / "ride").exit_code == 0
