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


@pytest.mark.parametrize("content", [None, b"", b'{"schema_version": ', b"{}", b"\xff\xfe"])
@pytest.mark.parametrize("name", ["result.json", "person_0/meta.json", "person_0/anchors/anchor_001_meta.json"])
def test_a_set_with_a_damaged_document_is_an_unreadable_input(tmp_path: Path, name: str, content: bytes | None) -> None:
    ride(tmp_path, 2.0)
    run = tmp_path / "ride"
    document = run / "identity_builder" / name
    if content is None:
        document.unlink()
    else:
        document.write_bytes(content)
    query, erasure = call("query", run), call("erase", tmp_path, "--video", "ride", "--person", 0, "--dry-run")
    one_of_many = content is None and "anchor" in name
    assert (query.exit_code, erasure.exit_code) == ((0, 0) if one_of_many else (3, 3)), query.output + erasure.output
    if not one_of_many:
        assert query.stderr.count("\n") == 1
        assert str(document) in erasure.stderr
    if content is not None or name != "result.json":
        assert ("`identity-builder rebuild` makes the set again" in erasure.stderr) == (not one_of_many)
        assert call("rebuild", run).exit_code == 0
        assert call("query", run).exit_code == 0


def test_a_comparison_with_a_damaged_set_names_the_document(tmp_path: Path) -> None:
    ride(tmp_path, 2.0)
    document = tmp_path / "ride" / "identity_builder" / "person_0" / "anchors" / "anchor_001_meta.json"
    document.write_bytes(b"{")
    done = call("rebuild", tmp_path / "ride", "--dry-run")
    assert done.exit_code == 3
    assert done.stderr.startswith(f"error: {document}: Invalid JSON")
