"""Erasure where links lie about: nothing outside goes, and nothing is called erased that a link keeps."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.identity_builder.erasure.kept import call, files


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious.txt").write_text("precious")
    (folder / "a.jpg").write_bytes(b"a picture")
    return folder


@pytest.mark.parametrize("place", ["ride", "ride/identity_builder", "ride/identity_builder/person_0/anchors", "."])
@pytest.mark.parametrize("words", [(), ("--person", "0")])
def test_a_link_is_not_followed(out: Path, outside: Path, place: str, words: tuple[str, ...]) -> None:
    (out / place / "link").symlink_to(outside)
    (out / place / "link.jpg").symlink_to(outside / "a.jpg")
    before = files(outside)
    assert call("erase", out, "--video", "ride", *words).exit_code == 0
    assert files(outside) == before


@pytest.mark.parametrize("name", ["erased.json", ".erased.json.new", "erasing.json", ".erasing.json.new", ".building"])
@pytest.mark.parametrize("words", [(), ("--person", "0")])
def test_a_note_is_not_written_through_a_link(out: Path, outside: Path, name: str, words: tuple[str, ...]) -> None:
    (out / "ride" / name).symlink_to(outside / "precious.txt")
    before, mode = files(outside), (outside / "precious.txt").stat().st_mode
    assert call("erase", out, "--video", "ride", *words).exit_code == 0
    assert (files(outside), (outside / "precious.txt").stat().st_mode) == (before, mode)


@pytest.mark.parametrize("name", ["identity_builder", "run.sqlite"])
@pytest.mark.parametrize("words", [("--video", "ride"), ("--video", "ride", "--person", "0"), ("--older-than", "0h")])
def test_a_set_or_log_that_is_a_link_is_not_called_erased(
    out: Path, outside: Path, name: str, words: tuple[str, ...]
) -> None:
    path = out / "ride" / name
    shutil.move(path, outside / name)
    path.symlink_to(outside / name)
    before = files(out), files(outside)
    done = call("erase", out, *words)
    assert done.exit_code == 1
    assert f"{path}: it is a link, and what it leads to would stay; nothing of ride is erased" in done.stderr
    assert (files(out), files(outside)) == before


def test_other_names_of_a_file_are_looked_for(out: Path, outside: Path) -> None:
    images = sorted((out / "ride").rglob("*.jpg"))
    (out / "copies").mkdir()
    for index, path in enumerate(images):
        os.link(path, out / "copies" / f"{index}.jpg")
    os.link(images[0], outside / "kept.jpg")
    done = call("erase", out, "--video", "ride")
    assert done.exit_code == 1
    assert f"{images[0]}: it has another name somewhere (a hard link), under which it is still there" in done.stderr
    assert done.stderr.count("hard link") == 1
    assert sorted(files(outside)) == ["a.jpg", "kept.jpg", "precious.txt"]
    assert list((out / "copies").iterdir()) == []


def test_an_output_folder_that_is_a_link_is_that_folder(out: Path) -> None:
    link = out.with_name("link")
    link.symlink_to(out)
    assert call("erase", link, "--video", "ride").exit_code == 0
    assert list(files(out)) == ["ride/erased.json"]
