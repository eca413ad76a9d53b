"""Real decoding, real models, real faces: a video in, an identity set out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("IDENTITY_TEST_DATA", ROOT.parent / "shared" / "data"))
MIDDLE_X = 450
"""In two_riders_120s.mp4 one man is always left of this, the other always right."""

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no test material at {DATA}; set IDENTITY_TEST_DATA"),
]


def command(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).parent / name
    return subprocess.run([str(script), *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False)


def documents(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("*_meta.json"))]


@pytest.fixture(scope="module")
def two_riders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    video = DATA / "videos" / "two_riders_120s.mp4"
    done = command("vpx", "run", "--plugins", "identity_builder", "--input", video, "--output", out, "--fps", 2)
    assert done.returncode == 0, done.stderr
    return out / "two_riders_120s" / "identity_builder"


def test_two_riders_are_two_persons_and_never_mixed(two_riders: Path) -> None:
    assert sorted(path.name for path in two_riders.iterdir() if path.is_dir()) == ["pair", "person_0", "person_1"]
    sides = []
    for person in ("person_0", "person_1"):
        centres = [(m["face_bbox"][0] + m["face_bbox"][2]) / 2 for m in documents(two_riders / person)]
        sides.append({x < MIDDLE_X for x in centres})
    assert sides in ([{True}, {False}], [{False}, {True}])


def test_each_rider_has_anchors_that_are_frontal_strict_and_whole(two_riders: Path) -> None:
    for person in ("person_0", "person_1"):
        anchors = documents(two_riders / person / "anchors")
        assert 3 <= len(anchors) <= 5
        for anchor in anchors:
            assert abs(anchor["details"]["pose"]["yaw_deg"]) <= 15
            assert anchor["details"]["gates"]["strict"]["passed"]
            x1, y1, x2, y2 = anchor["face_bbox"]
            cx1, cy1, cx2, cy2 = anchor["crop_box"]
            assert cx1 <= x1 < x2 <= cx2
            assert cy1 <= y1 < y2 <= cy2


def test_the_same_video_gives_the_same_bytes(tmp_path: Path) -> None:
    """Apart from `created_at`, which says when."""
    video = DATA / "videos" / "carphone.mp4"
    for name in ("first", "second"):
        assert command("identity-builder", "build", video, "-o", tmp_path / name).returncode == 0

    def content(name: str) -> dict[str, bytes]:
        root = tmp_path / name
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.suffix in (".jpg", ".png")
        }

    first = content("first")
    assert len(first) >= 3
    assert content("second") == first


def test_a_folder_of_photos_is_one_person(tmp_path: Path) -> None:
    photos = DATA / "photos" / "identity" / "Colin_Powell"
    done = command("identity-builder", "build", photos, "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "Colin_Powell" / "identity_builder" / "result.json").read_text())
    assert len(result["persons"]) == 1
    assert result["persons"][0]["frames_seen"] >= 8


@pytest.mark.parametrize("damage", ["missing", "folder", "empty", "text", "sound"])
def test_unreadable_input_is_one_line_and_leaves_nothing(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "ride.mp4"
    if damage == "folder":
        path.mkdir()
    elif damage == "empty":
        path.touch()
    elif damage == "text":
        path.write_text("not a video")
    elif damage == "sound":
        write_sound(path)
    done = command("identity-builder", "build", path, "-o", tmp_path / "out")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert str(path) in done.stderr
    assert not (tmp_path / "out").exists()


def write_sound(path: Path) -> None:
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), format="flt", layout="mono")
        frame.sample_rate = 44100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def test_a_cut_off_file_gives_what_it_holds_and_says_so(tmp_path: Path) -> None:
    whole = (DATA / "videos" / "cap13.mp4").read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) // 4])
    done = command("identity-builder", "build", path, "-o", tmp_path / "out", "--fps", 3)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out" / "cut" / "identity_builder" / "result.json").read_text())
    assert result["faults"] == {"source_truncated": 1, "source_unreadable_part": 1}
    assert "cut off" in done.stderr
    assert done.stderr.count("\n") == 1


def test_nobody_in_the_picture_is_an_explained_empty_result(tmp_path: Path) -> None:
    video = DATA / "videos" / "foreman.mp4"
    setting = "identity_builder.min_frames=100000"
    done = command("identity-builder", "build", video, "-o", tmp_path, "--fps", 2, "--set", setting)
    assert done.returncode == 4
    result = json.loads((tmp_path / "foreman" / "identity_builder" / "result.json").read_text())
    assert result["persons"] == []
    assert "too_few_frames" in result["unpublished"][0]["reason"]
    assert not list(tmp_path.rglob("*.jpg"))


def test_an_output_that_cannot_be_a_folder_is_told_before_the_video_is_read(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    done = command("identity-builder", "build", DATA / "videos" / "carphone.mp4", "-o", tmp_path / "taken" / "sets")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "is not a folder" in done.stderr
    assert done.stdout == ""
