"""A real face through all modules: as JSON and JPEG between processes the answers stay those of a direct run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from visualbase import FileSource, Frame
from vpx.body_pose import PoseAnalyzer
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.face_expression import ExpressionAnalyzer
from vpx.sdk import Module

from vpx_identity_builder import IdentityBuilder
from vpx_vision_embed import VisionEmbedAnalyzer

from .behaviours import DIRECT
from .hosts import HOSTS, HostRun

VIDEO = (
    Path(os.environ.get("IDENTITY_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "videos" / "turns.mp4"
)
BOX = 0.03
DEGREES = 2.0
SAME_FACE = 0.98
SAME_LOOK = 0.97
RATIO = 0.12


def frames(every: int = 12, count: int = 5) -> list[Frame]:
    source = FileSource(str(VIDEO))
    source.open()
    try:
        found = [frame for frame in (source.read() for _ in range(every * count)) if frame is not None]
    finally:
        source.close()
    return found[::every]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[HostRun, HostRun]:
    """(through JSON and JPEG, direct)."""
    if not VIDEO.exists():
        pytest.skip(f"no test video at {VIDEO}")

    def build() -> list[Module]:
        folder = tmp_path_factory.mktemp("sets")
        embed = VisionEmbedAnalyzer(face_model="bundled", body_model="bundled")
        return [
            FaceDetectionAnalyzer(),
            ExpressionAnalyzer(),
            PoseAnalyzer(),
            embed,
            IdentityBuilder({"output_dir": folder, "min_frames": 1}),
        ]

    worker = next(host for host in HOSTS if host.json)
    clip = frames()
    return worker.run(build, [clip]), DIRECT.run(build, [clip])


def data(run: HostRun, name: str) -> list[Any]:
    return [found[name].data for found in run.clips[0]]


@pytest.mark.real
def test_faces_and_embeddings_survive(runs: tuple[HostRun, HostRun]) -> None:
    shipped, direct = runs
    assert (shipped.lost, direct.lost) == (0, 0)
    for there, here in zip(data(shipped, "face.detect"), data(direct, "face.detect"), strict=True):
        (one,), (other,) = there.faces, here.faces
        assert one.bbox == pytest.approx(other.bbox, abs=BOX)
        assert (one.yaw, one.pitch, one.roll) == pytest.approx((other.yaw, other.pitch, other.roll), abs=DEGREES)
        assert float(np.dot(one.embedding, other.embedding)) > SAME_FACE
    for there, here in zip(data(shipped, "vision.embed"), data(direct, "vision.embed"), strict=True):
        assert float(np.dot(there.faces[0].e_face, here.faces[0].e_face)) > SAME_LOOK


@pytest.mark.real
def test_expressions_survive(runs: tuple[HostRun, HostRun]) -> None:
    for there, here in zip(*(data(run, "face.expression") for run in runs), strict=True):
        assert there.faces[0].signals.keys() == here.faces[0].signals.keys()
        for name in ("mouth_open_ratio", "eye_open_ratio", "smile_intensity"):
            assert there.faces[0].signals[name] == pytest.approx(here.faces[0].signals[name], abs=RATIO)


@pytest.mark.real
def test_the_builder_sees_the_same_person(runs: tuple[HostRun, HostRun]) -> None:
    there, here = (run.module("identity_builder").result for run in runs)
    assert there.fates == here.fates
    assert len(there.persons) == len(here.persons)
    assert there.faults == here.faults == {}
