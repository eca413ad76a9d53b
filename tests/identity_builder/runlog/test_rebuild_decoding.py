"""A rebuild opens the source with the limits that a build would have."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from visualbase import SourceUnreadable

from tests.ecosystem.upstream import RIDER
from vpx_identity_builder.commands.rebuild import _opener

from .rides import published, ride
from .test_rebuild import call


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    assert cv2.imwrite(str(path), np.full((40, 60, 3), 90, np.uint8))
    return path


def is_read(photo: Path, **decode: str) -> bool:
    try:
        with _opener({f"decode.{key}": value for key, value in decode.items()})(photo) as source:
            return source.read() is not None
    except SourceUnreadable:
        return False


def test_limits_come_from_the_command_line_the_environment_and_the_file(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_read(photo)
    assert not is_read(photo, max_photo_pixels="100")
    Path("identity_builder.toml").write_text("[decode]\nmax_photo_pixels = 100\n")
    assert not is_read(photo)
    monkeypatch.setenv("VPX_DECODE__MAX_PHOTO_PIXELS", "5000")
    assert is_read(photo)
    assert not is_read(photo, max_photo_pixels="100")


@pytest.mark.parametrize("wrong", ["decode.stall_s=0", "decode.stal_s=1", "decode.memory_mb=much"])
def test_wrong_ones_are_named_before_anything_is_chosen(tmp_path: Path, wrong: str) -> None:
    ride(tmp_path, 2.0, (RIDER,))
    before = published(tmp_path)
    done = call("rebuild", tmp_path / "ride", "--set", wrong, "--set", "identity_builder.anchors_max=1")
    assert (done.exit_code, "decode" in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.output
    assert published(tmp_path) == before


@pytest.mark.parametrize("wanted", ["image_format=png", "jpeg_quality=99"])
@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_other_pictures_need_the_source(tmp_path: Path, wanted: str, words: tuple[str, ...]) -> None:
    ride(tmp_path, 2.0, (RIDER,))
    before = published(tmp_path)
    done = call("rebuild", tmp_path / "ride", "--set", f"identity_builder.{wanted}", *words)
    assert (done.exit_code, done.stderr.count("\n")) == (3, 1), done.output
    assert f"{wanted.partition('=')[0]}: these settings want pictures" in done.stderr
    assert "--source" in done.stderr
    assert published(tmp_path) == before
    assert call("rebuild", tmp_path / "ride").exit_code == 0
    assert published(tmp_path) == before
