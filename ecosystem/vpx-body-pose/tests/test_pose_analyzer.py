"""The module: its contract without a model, and its poses with the real one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from visualbase import Frame
from vpx.body_pose import KeypointIndex, PoseAnalyzer, PoseOutput
from vpx.sdk import KeypointsMark, Observation
from vpx.sdk.settings import ModuleSettingsError
from vpx.sdk.weights import WeightsError, load_weights

DATA = Path(os.environ.get("IDENTITY_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))


def _detections(*boxes: tuple[float, ...]) -> dict[str, Observation]:
    data = SimpleNamespace(detected_faces=[SimpleNamespace(bbox=b) for b in boxes], faces=[])
    return {"face.detect": Observation(source="face.detect", frame_id=0, t_ns=0, data=data)}


def _frame_at(name: str, seconds: float) -> Frame:
    path = DATA / "videos" / name
    if not path.exists():
        pytest.skip(f"test material is not here: {path.name}")
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_POS_MSEC, seconds * 1000)
    picture = capture.read()[1]
    capture.release()
    return Frame.from_array(picture, frame_id=3, t_src_ns=int(seconds * 1e9))


@pytest.fixture(scope="module")
def analyzer() -> Iterator[PoseAnalyzer]:
    try:
        load_weights("movenet-lightning.bin")
    except WeightsError as error:
        pytest.skip(str(error))
    with PoseAnalyzer() as module:
        yield module


def test_declares_what_it_is() -> None:
    module = PoseAnalyzer()
    assert (module.name, module.depends, module.optional_depends) == ("body.pose", [], ["face.detect"])
    assert not module.stateful
    assert module.port_schema.output_signals == {"person_count"}
    assert len(KeypointIndex) == 17
    assert KeypointIndex.RIGHT_ANKLE == 16


def test_wrong_settings_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VPX_BODY_POSE__THREADS", "0")
    with pytest.raises(ModuleSettingsError) as caught:
        PoseAnalyzer(min_keypoint_confidence=1.5)
    assert len(caught.value.problems) == 2


def test_process_before_initialize_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="before initialize"):
        PoseAnalyzer().process(Frame.from_array(np.zeros((32, 32, 3), np.uint8)))


def test_missing_weights_name_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VPX_MODELS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match=r"vpx\.sdk\.weights pull"):
        PoseAnalyzer().initialize()


def test_annotate_leaves_out_undetected_points() -> None:
    keypoints = [[50.0, 20.0, 0.9]] + [[0.0, 0.0, 0.1]] * 16
    person = {"person_id": 0, "keypoints": keypoints, "image_size": (100, 40)}
    data = PoseOutput(keypoints=[person], person_count=1)
    (mark,) = PoseAnalyzer().annotate(Observation(source="body.pose", frame_id=0, t_ns=0, data=data))
    assert isinstance(mark, KeypointsMark)
    assert mark.points == ((0.5, 0.5), *[None] * 16)
    assert PoseAnalyzer().annotate(Observation(source="body.pose", frame_id=0, t_ns=0, data=None)) == []


@pytest.mark.real
@pytest.mark.parametrize("deps", [None, {}, _detections(), {"face.detect": Observation("face.detect", 0, 0)}])
def test_empty_picture_has_nobody(analyzer: PoseAnalyzer, deps: dict[str, Observation] | None) -> None:
    found = analyzer.process(Frame.from_array(np.full((120, 160, 3), 90, np.uint8)), deps)
    assert found.data == PoseOutput(keypoints=[], person_count=0)
    assert found.signals == {"person_count": 0}
    assert "pose_whole_frame" in found.timing


@pytest.mark.real
def test_two_riders_each_get_their_own_head(analyzer: PoseAnalyzer) -> None:
    frame = _frame_at("two_riders_120s.mp4", 5.0)
    boxes = ((160.0, 81.0, 171.0, 221.0), (635.0, 128.0, 120.0, 156.0))
    found = analyzer.process(frame, _detections(*boxes))
    assert found.signals["person_count"] == found.data.person_count == 2
    assert (found.frame_id, found.t_ns) == (3, 5_000_000_000)
    for (x, y, w, h), person in zip(boxes, found.data.keypoints, strict=True):
        nose_x, nose_y, confidence = person["keypoints"][KeypointIndex.NOSE]
        assert x < nose_x < x + w
        assert y < nose_y < y + h
        assert confidence > 0.3
        left, right = (person["keypoints"][i] for i in (KeypointIndex.LEFT_SHOULDER, KeypointIndex.RIGHT_SHOULDER))
        assert right[0] < nose_x < left[0], "the person's left is on the image's right"
        assert person["image_size"] == (930, 360)
    assert [p["person_id"] for p in found.data.keypoints] == [0, 1]
    json.dumps([found.data.keypoints, found.signals, found.metadata])


@pytest.mark.real
def test_whole_frame_finds_a_single_person(analyzer: PoseAnalyzer) -> None:
    found = analyzer.process(_frame_at("carphone.mp4", 1.0))
    assert found.data.person_count == 1


@pytest.mark.real
def test_no_person_after_the_hand_in_the_foreman_clip(analyzer: PoseAnalyzer) -> None:
    assert analyzer.process(_frame_at("foreman.mp4", 10.0)).data.person_count == 0


@pytest.mark.real
def test_same_frame_same_pose(analyzer: PoseAnalyzer) -> None:
    frame = _frame_at("franck.mp4", 5.0)
    assert analyzer.process(frame).data == analyzer.process(frame).data
