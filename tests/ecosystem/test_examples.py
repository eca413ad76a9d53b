"""Every example runs, and does what it shows."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from visualbase import FileSource
from vpx.body_pose import PoseOutput
from vpx.sdk import Module, Observation

from vpx_identity_builder import IdentityBuilder
from vpx_identity_builder.core.results import RunResult

from .behaviours import DIRECT
from .upstream import HEIGHT, RIDER, WIDTH, FakeDetect, FakeExpression, FakeVision, clip, look

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SHARED = Path(os.environ.get("IDENTITY_TEST_DATA", EXAMPLES.parents[1] / "shared" / "data"))


def script(name: str, *words: object, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run an example as a script, in this process."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return runpy.run_path(str(EXAMPLES / name), run_name="__main__")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Six frames without a face."""
    path = tmp_path / "ride.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (160, 120))
    for shade in range(6):
        writer.write(np.full((120, 160, 3), 100 + 5 * shade, np.uint8))
    writer.release()
    return path


@pytest.mark.real
@pytest.mark.parametrize("name", ["pipeline_era_a.py", "pipeline_era_b.py"])
def test_pipelines_of_both_eras_write_the_result(
    name: str, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in ("OUTPUT_DIR", "VIDEO_ID"):
        monkeypatch.setenv(f"VPX_IDENTITY_BUILDER__{key}", "")
    script(name, video, tmp_path / "out", monkeypatch=monkeypatch)
    folder = tmp_path / "out" / "ride" / "identity_builder"
    assert capsys.readouterr().out == f"{folder}\n"
    document = json.loads((folder / "result.json").read_text())
    assert (document["video"]["frames"], document["notes"]) == (6, ["No face was found in 6 frames."])


@pytest.mark.real
def test_vpx_run_brings_all_that_the_builder_needs(video: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [str(EXAMPLES / "vpx_run.sh"), str(video), str(tmp_path / "out")]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "modules: " in line]
    modules = line.split("modules: ")[1].split(", ")
    assert {"face.detect", "face.expression", "body.pose", "vision.embed", "identity_builder"} <= set(modules)
    assert (tmp_path / "out/ride/identity_builder/result.json").is_file()


@pytest.mark.real
def test_the_highlight_consumer_runs_on_a_video_of_a_face(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    turns = SHARED / "videos" / "turns.mp4"
    if not turns.exists():
        pytest.skip(f"no test videos under {SHARED}")
    source = FileSource(str(turns))
    source.open()
    writer = cv2.VideoWriter(
        str(tmp_path / "short.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (source.width, source.height)
    )
    for _ in range(8):
        frame = source.read()
        assert frame is not None
        writer.write(frame.data)
    writer.release()
    source.close()
    script("highlight_delta.py", tmp_path / "short.mp4", monkeypatch=monkeypatch)
    assert capsys.readouterr().out.splitlines()[-1] == "8 frames with a face"


def test_a_delta_peaks_where_the_face_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    example = import_module("highlight_delta")
    done = DIRECT.run(lambda: [FakeDetect(), FakeVision(), example.TemporalDelta()], [clip(4.0)])
    found = {obs["highlight.delta"].t_ns: obs["highlight.delta"].signals["delta"] for obs in done.clips[0]}
    assert found[0] == 0.0
    first, *others = example.moments(found, count=3)
    assert found[first] > np.median(list(found.values()))
    assert all(later - earlier >= 10**9 for earlier, later in zip([first, *others], others, strict=False))


class HandBefore(Module):
    """body.pose by script: from 1 s on an arm whose hand lies on the rider's face."""

    name = "body.pose"

    def process(self, frame: Any, deps: Any = None) -> Observation:
        x, y, w, h = look(RIDER, frame.t_src_ns).box
        points = np.zeros((17, 3))
        if frame.t_src_ns >= 10**9:
            points[9] = (x + w / 2, y + h, 0.9)
            points[7] = (x + w / 2, y + 2 * h, 0.9)
        person = {"person_id": 0, "keypoints": points.tolist(), "image_size": (WIDTH, HEIGHT)}
        return Observation(self.name, frame.frame_id, frame.t_src_ns, {}, PoseOutput([person], 1))


def ride(tmp_path: Path, *extra: Module) -> RunResult:
    builder = IdentityBuilder({"output_dir": tmp_path, "stop_when_covered": False})
    modules = [FakeDetect(), FakeExpression(), FakeVision(), *extra, builder]
    DIRECT.run(lambda: modules, [clip(3.0)])
    assert builder.result is not None
    return builder.result


def bins(result: RunResult) -> set[tuple[bool, str]]:
    """(hand before the face, occlusion bin) of all published images."""
    images = [image.candidate for person in result.persons for image in person.images]
    return {(candidate.sample.t_ns >= 10**9, candidate.buckets.occlusion) for candidate in images}


def test_a_third_party_module_feeds_occlusion_to_the_builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = EXAMPLES / "hands_occlusion"
    monkeypatch.syspath_prepend(str(package))
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    ((key, target),) = project["entry-points"]["visualpath.modules"].items()
    module_name, class_name = target.split(":")
    module = getattr(import_module(module_name), class_name)()
    assert key == module.name
    assert key in IdentityBuilder().optional_depends
    with_hands = bins(ride(tmp_path / "with", HandBefore(), module))
    assert (False, "none") in with_hands
    assert {where for hand, where in with_hands if hand} <= {"partial", "heavy"}
    assert {where for hand, where in with_hands if hand}
    without = bins(ride(tmp_path / "without"))
    assert (True, "partial") not in without
