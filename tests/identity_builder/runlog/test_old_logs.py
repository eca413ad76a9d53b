"""What earlier versions wrote stays readable. The files are made by `make_log.py`, once for each version."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vpx_identity_builder.rebuilding import rebuilt
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.runlog.schema import READABLE_VERSIONS

from .make_log import DATA, main, path_of

BOXES = (
    (61.917702154416816, 72.63274768567112, 119.72110215441681, 141.99682768567112),
    (61.917702154416816, 72.63274768567112, 121.52450215441681, 144.1609076856711),
)
"""The scripted face of that moment when the first and when the second version was written."""


@pytest.fixture(params=READABLE_VERSIONS)
def old(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return Path(shutil.copyfile(path_of(request.param), tmp_path / "run.sqlite"))


def test_every_value_is_read_as_it_was_written(old: Path) -> None:
    with RunLog(old) as log:
        frames = list(log.frames())
        assert (log.header.video_id, log.header.fps, log.header.settings["jpeg_quality"]) == ("ride", 10.0, 95)
        assert (log.ending.reason, log.ending.published, log.ending.ids) == ("end_of_video", True, {0: 0})
        assert len(log.crop_keys()) == 10
    sample = frames[5].translation.samples[0]
    assert [frame.seq for frame in frames] == list(range(1, 13))
    assert (frames[5].t_ns, sample.pose.yaw_deg, sample.pose.pitch_deg) == (500_000_000, 27.737, 21.565)
    assert sample.bbox in BOXES
    assert sample.e_id is not None
    assert (sample.e_id.shape, round(float(sample.e_id[0]), 6)) == ((512,), 0.8)
    assert sample.e_vis_face is not None
    assert sample.e_vis_face.shape == (48,)
    assert frames[5].translation.vision_face.name == "scripted-48"


def test_it_can_be_rebuilt(old: Path) -> None:
    with RunLog(old) as log:
        made = rebuilt(log, {})
    assert len(made.result.persons) == 1
    images = made.result.persons[0].images
    assert images
    assert all(image.candidate.image.startswith(b"\xff\xd8\xff") for image in images)


def test_every_readable_version_has_its_file() -> None:
    assert sorted(path.name for path in DATA.glob("*.sqlite")) == [
        f"run-log-v{version}.sqlite" for version in READABLE_VERSIONS
    ]
    assert main() == 1
