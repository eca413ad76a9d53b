"""What is wrong is told once, and with where it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.identity_builder.erasure.kept import call
from tests.identity_builder.runlog.rides import ride
from vpx_identity_builder.settings import resolve
from vpx_identity_builder.settings_sources import Found

from .test_command_line import photo_folder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["anchors_max=x"], "anchors_max = 'x': must be a whole number from 1 to 50 (images) [--set]"),
        (["anchor_max=3"], "did you mean anchors_max, anchors_min or anchor_gap_ms? [--set]"),
        (["anchors_max=1"], "must be at least anchors_min (3); lower anchors_min too if you mean it [--set]"),
        (["video_id=../up"], "cannot name a folder: it holds '/' [--set]"),
    ],
)
@pytest.mark.parametrize("command", ["build", "rebuild", "config"])
def test_a_wrong_setting_of_set_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, words: list[str], said: str
) -> None:
    if command == "rebuild":
        ride(tmp_path, 0.5)
    monkeypatch.chdir(tmp_path)
    where = {"build": [photo_folder(tmp_path)], "rebuild": [tmp_path / "ride"], "config": []}[command]
    assigned = [part for word in words for part in ("--set", f"identity_builder.{word}")]
    done = call(command, *where, *assigned)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert "[argument]" not in done.stderr


def test_values_that_were_found_elsewhere_keep_their_origin(tmp_path: Path) -> None:
    given = {"anchors_max": Found("4", "--set"), "anchors_min": 2}
    settings = resolve(given, {}, tmp_path)
    assert (settings.config.selection.anchors_max, settings.config.selection.anchors_min) == (4, 2)
    assert (settings.origins["anchors_max"], settings.origins["anchors_min"]) == ("--set", "argument")


def test_a_photo_that_cannot_be_read_is_told_once_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    photos = photo_folder(tmp_path)
    (photos / "broken.png").write_bytes(b"no picture")
    done = call("build", photos, "-o", tmp_path / "out")
    told = [record.getMessage() for record in caplog.records if "broken.png" in record.getMessage()]
    assert len(told) == 1
    assert told[0].endswith("it is left out")
    assert "could not be read" not in done.output
    assert "1 photo could not be read and is left out." in (
        tmp_path / "out" / "photos" / "identity_builder" / "result.json"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize("isolated", [0, 1])
@pytest.mark.parametrize("name", ["text.mp4", "sub/../text.mp4", "sub/link.mp4"])
def test_a_file_that_is_no_video_is_named_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, isolated: int
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("text.mp4").write_text("no video")
    Path("sub/link.mp4").symlink_to(tmp_path / "text.mp4")
    done = call("build", name, "--set", f"decode.isolated={isolated}")
    assert done.exit_code == 3
    wrong = "is not a video file, or its end is missing (Invalid data found when processing input)"
    assert done.stderr == f"error: {name}: {wrong}\n"
