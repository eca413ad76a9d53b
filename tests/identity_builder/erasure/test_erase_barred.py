"""An erasure that folders stand in the way of removes nothing; one that breaks off can be completed and proven."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.identity_builder.commandline.test_no_permission import NOBODY_UID, without_rights
from tests.identity_builder.erasure.kept import call, embeddings, files, held
from tests.identity_builder.erasure.test_erase import aged
from tests.identity_builder.runlog.rides import ride
from vpx_identity_builder.errors import MemoryBankError

UNSEEN = "it cannot be looked into; nothing of ride is erased"
UNWRITTEN = "it cannot be written to; nothing of ride is erased"
no_permissions = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")


@pytest.fixture
def owned(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The output folder of a ride of two, of a user who is not root, below folders that everybody may enter."""
    base = tmp_path_factory.mktemp("owned")
    for folder in (base, base.parent, base.parent.parent):
        folder.chmod(0o755)
    out = Path(shutil.copytree(original, base / "out"))
    give(out)
    yield out
    for parent, _, _ in os.walk(out):
        Path(parent).chmod(0o700)


def give(folder: Path) -> None:
    if os.geteuid() == 0:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY_UID, NOBODY_UID)


def closed(folder: Path, mode: int, action: Callable[[], None]) -> None:
    """Do something as the owner while a folder has this mode."""
    folder.chmod(mode)
    with without_rights():
        action()
    folder.chmod(0o700)


@no_permissions
@pytest.mark.parametrize("words", [(), ("--dry-run",), ("--person", "1")])
@pytest.mark.parametrize(
    ("name", "mode", "reason"),
    [
        ("identity_builder/person_0", 0o000, UNSEEN),
        ("identity_builder/person_0", 0o400, UNSEEN),
        ("identity_builder/person_0/anchors", 0o500, UNWRITTEN),
        (".", 0o500, UNWRITTEN),
    ],
)
def test_a_folder_in_the_way_is_named_and_nothing_goes(
    owned: Path, name: str, mode: int, reason: str, words: tuple[str, ...]
) -> None:
    vectors, folder = embeddings(owned), owned / "ride" / name
    before = files(owned)

    def refused() -> None:
        done = call("erase", owned, "--video", "ride", *words)
        assert (done.exit_code, done.stderr, done.stdout) == (1, f"error: {folder}: {reason}\n", "")

    closed(folder, mode, refused)
    assert files(owned) == before
    assert call("erase", owned, "--video", "ride").exit_code == 0
    (erasure,) = json.loads((owned / "ride" / "erased.json").read_text())["erasures"]
    assert (erasure["embeddings_sought"], held(owned, vectors)) == (len(vectors), 0)


@no_permissions
def test_each_folder_in_the_way_has_its_line(owned: Path) -> None:
    closed_one = owned / "ride" / "identity_builder" / "person_0"
    unwritten = owned / "ride" / "identity_builder" / "person_1" / "anchors"
    aged(owned, 40)
    unwritten.chmod(0o500)

    def refused() -> None:
        done = call("erase", owned, "--older-than", "30d")
        lines = [f"error: {closed_one}: {UNSEEN}", f"error: {unwritten}: {UNWRITTEN}"]
        assert (done.exit_code, done.stderr.splitlines()) == (1, lines)

    closed(closed_one, 0, refused)


@no_permissions
def test_what_a_killed_run_left_stays_too(owned: Path) -> None:
    left = owned / "ride" / ".identity_builder.new"
    shutil.copytree(owned / "ride" / "identity_builder", left)
    give(left)
    before = files(owned)

    def refused() -> None:
        assert call("erase", owned, "--video", "ride").exit_code == 1

    closed(owned / "ride" / "identity_builder" / "person_0", 0o500, refused)
    assert files(owned) == before


@no_permissions
def test_a_folder_whose_copies_cannot_go_is_named_once(owned: Path) -> None:
    training = owned / "training"
    training.mkdir()
    for index, image in enumerate(sorted((owned / "ride").rglob("person_0/anchors/*.jpg"))):
        shutil.copy(image, training / f"{index}.jpg")
    give(training)
    before = files(owned)
    assert len(list(training.iterdir())) > 1

    def refused() -> None:
        done = call("erase", owned, "--video", "ride")
        assert (done.exit_code, done.stderr) == (1, f"error: {training}: {UNWRITTEN}\n")

    closed(training, 0o500, refused)
    assert files(owned).keys() == before.keys()


def test_a_video_whose_images_would_not_go_keeps_its_log_for_the_next_call(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, image = embeddings(out), next((out / "ride").rglob("person_0/anchors/*.jpg"))
    remove = os.unlink

    def stuck(path: str | Path, *, dir_fd: int | None = None) -> None:
        if Path(path).name == image.name:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
        remove(path, dir_fd=dir_fd)

    with monkeypatch.context() as broken:
        broken.setattr("os.unlink", stuck)
        done = call("erase", out, "--video", "ride")
    assert done.exit_code == 1
    assert f"{image.name} cannot be removed: Operation not permitted" in done.stderr
    assert not (out / "ride" / "identity_builder").exists()
    assert [path.name for path in out.rglob("*.jpg")] != []
    assert held(out, vectors) == len(vectors)
    done = call("erase", out, "--video", "ride")
    assert (done.exit_code, f"searched for {len(vectors)} embeddings" in done.stdout) == (0, True), done.output
    assert list(files(out)) == ["ride/erased.json"]


def test_a_video_whose_bank_would_not_forget_keeps_its_log_and_its_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, bank = tmp_path / "out", tmp_path / "bank"
    ride(out, memory_bank=bank)
    vectors = embeddings(out)

    def full(path: Path, video_id: str, person: int | None) -> None:
        raise MemoryBankError(path, f"cannot be written: No space left for {video_id} and {person}")

    with monkeypatch.context() as broken:
        broken.setattr("vpx_identity_builder.erasure.banks.forget", full)
        assert call("erase", out, "--video", "ride", "--bank", bank).exit_code == 1
    assert list(files(out)) == ["ride/erasing.json", "ride/remembered", "ride/run.sqlite"]
    assert held(out, vectors) == len(vectors)
    assert call("erase", out, "--video", "ride", "--bank", bank).exit_code == 0
    assert list(files(out)) == ["ride/erased.json"]
    (erasure,) = json.loads((out / "ride" / "erased.json").read_text())["erasures"]
    assert erasure["embeddings_sought"] > len(vectors)
