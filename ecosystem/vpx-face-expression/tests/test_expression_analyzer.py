"""The module: its contract, what stays unknown, and its judgement with the real models."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from visualbase import Frame
from vpx.face_detect import DetectedFace, FaceDetectionAnalyzer, FaceDetectOutput, FaceObservation
from vpx.face_expression import ExpressionAnalyzer, ExpressionOutput, FaceExpression
from vpx.face_expression.calibration import CUT
from vpx.sdk import BarMark, Observation
from vpx.sdk.settings import ModuleSettingsError
from vpx.sdk.weights import WeightsError, load_weights

DATA = Path(os.environ.get("IDENTITY_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
RATIOS = {"mouth_open_ratio", "smile_intensity", "eye_open_ratio"}
BLANK = Frame.from_array(np.full((200, 200, 3), 90, np.uint8), frame_id=7, t_src_ns=11)


@pytest.fixture(scope="module")
def analyzer() -> Iterator[ExpressionAnalyzer]:
    try:
        load_weights("iris_landmark.tflite")
        load_weights("face_landmark.tflite")
    except WeightsError as error:
        pytest.skip(str(error))
    with ExpressionAnalyzer() as module:
        yield module


@pytest.fixture(scope="module")
def detector() -> Iterator[FaceDetectionAnalyzer]:
    try:
        with FaceDetectionAnalyzer() as module:
            yield module
    except WeightsError as error:
        pytest.skip(str(error))


def _face(**changes: object) -> FaceObservation:
    face = FaceObservation(face_id=4, confidence=0.9, bbox=(0.1, 0.1, 0.5, 0.6), signals={"mesh_score": 1.0})
    return replace(face, embedding=np.ones(128, np.float32), **changes)


def _deps(faces: list[FaceObservation], detected: list[DetectedFace]) -> dict[str, Observation]:
    data = FaceDetectOutput(faces=faces, detected_faces=detected, image_size=(200, 200))
    return {"face.detect": Observation("face.detect", 7, 11, data=data)}


def _observe(detector: FaceDetectionAnalyzer, picture: np.ndarray) -> tuple[Frame, Observation]:
    detector.reset()
    frame = Frame.from_array(picture)
    found = detector.process(frame)
    assert found is not None
    return frame, found


def _portrait(name: str) -> np.ndarray:
    path = DATA / "photos" / "expression" / f"{name}.gif"
    if not path.exists():
        pytest.skip(f"test material is not here: {path.name}")
    return cv2.VideoCapture(str(path)).read()[1]


def test_declares_what_it_is() -> None:
    module = ExpressionAnalyzer()
    assert (module.name, module.depends, module.optional_depends) == ("face.expression", ["face.detect"], [])
    assert not module.stateful
    assert module.port_schema.output_data_type == "ExpressionOutput"


def test_wrong_settings_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VPX_FACE_EXPRESSION__THREADS", "none")
    with pytest.raises(ModuleSettingsError) as caught:
        ExpressionAnalyzer(max_yaw_deg=200)
    assert len(caught.value.problems) == 2


def test_process_before_initialize_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="before initialize"):
        ExpressionAnalyzer().process(BLANK, _deps([], []))


def test_missing_weights_name_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VPX_MODELS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match=r"vpx\.sdk\.weights pull"):
        ExpressionAnalyzer().initialize()


def test_annotate_draws_known_ratios_and_marks_what_holds() -> None:
    signals = {"smile_intensity": 0.8, "eye_open_ratio": 0.1, "mesh_score": 1.0}
    face = FaceExpression(face_id=0, confidence=1.0, bbox=(0.2, 0.2, 0.4, 0.4), signals=signals)
    calm = FaceExpression(face_id=1, confidence=1.0, bbox=(0.6, 0.2, 0.4, 0.4), signals={"eye_open_ratio": 0.8})
    obs = Observation("face.expression", 0, 0, data=ExpressionOutput(faces=[face, calm]))
    marks = ExpressionAnalyzer().annotate(obs)
    assert [(m.label, m.value) for m in marks if isinstance(m, BarMark)] == [
        ("smile", 0.8),
        ("eyes", 0.1),
        ("eyes", 0.8),
    ]
    assert marks[0].style == marks[1].style != marks[2].style
    assert ExpressionAnalyzer().annotate(Observation("face.expression", 0, 0)) == []


@pytest.mark.real
@pytest.mark.parametrize("deps", [None, {}, {"face.detect": Observation("face.detect", 7, 11)}])
def test_no_dependency_no_output(analyzer: ExpressionAnalyzer, deps: dict[str, Observation] | None) -> None:
    assert analyzer.process(BLANK, deps) is None


@pytest.mark.real
def test_no_face_is_an_empty_output(analyzer: ExpressionAnalyzer) -> None:
    found = analyzer.process(BLANK, _deps([], []))
    assert found is not None
    assert (found.frame_id, found.t_ns, found.data) == (7, 11, ExpressionOutput(faces=[]))
    assert found.signals == {"face_count": 0, "measured_count": 0}


def _unusable() -> dict[str, tuple[FaceObservation, list[DetectedFace]]]:
    box = (20.0, 20.0, 100.0, 120.0)
    same_place = np.full((5, 2), 50, np.float32)
    return {
        "nothing detected": (_face(), []),
        "another box": (_face(), [DetectedFace(bbox=(150, 150, 40, 40), confidence=0.9)]),
        "no mesh, no landmarks": (_face(), [DetectedFace(bbox=box, confidence=0.9)]),
        "landmarks in one place": (_face(), [DetectedFace(bbox=box, confidence=0.9, landmarks=same_place)]),
        "NaN landmarks": (_face(), [DetectedFace(bbox=box, confidence=0.9, landmarks=same_place * np.nan)]),
        "NaN mesh": (_face(), [DetectedFace(bbox=box, confidence=0.9, mesh=np.full((468, 3), np.nan, np.float32))]),
        "mesh in one place": (_face(), [DetectedFace(bbox=box, confidence=0.9, mesh=np.zeros((468, 3), np.float32))]),
        "NaN box": (_face(bbox=(np.nan, 0.1, 0.5, 0.6)), [DetectedFace(bbox=box, confidence=0.9)]),
    }


@pytest.mark.real
@pytest.mark.parametrize("case", _unusable())
def test_unknown_stays_unknown(analyzer: ExpressionAnalyzer, case: str) -> None:
    face, detected = _unusable()[case]
    found = analyzer.process(BLANK, _deps([face], detected))
    assert found is not None
    (copy,) = found.data.faces
    assert copy.signals == {"mesh_score": 1.0}
    assert copy.expression is None
    assert copy.embedding is None
    assert copy.face_id == 4
    assert found.signals == {"face_count": 1, "measured_count": 0}
    assert face.signals == {"mesh_score": 1.0}, "the dependency's own face is left alone"


@pytest.mark.real
def test_signals_are_plain_and_bounded(analyzer: ExpressionAnalyzer, detector: FaceDetectionAnalyzer) -> None:
    frame, detection = _observe(detector, _portrait("subject01.happy"))
    found = analyzer.process(frame, {"face.detect": detection})
    (face,) = found.data.faces
    assert set(face.signals) >= RATIOS
    assert all(type(value) is float for key, value in face.signals.items() if key in RATIOS)
    assert all(0.0 <= face.signals[key] <= 1.0 for key in RATIOS)
    assert face.expression == max(face.signals["smile_intensity"], face.signals["mouth_open_ratio"])
    assert set(found.timing) == {"mesh", "measure"}
    json.dumps([found.signals, face.signals, found.metadata])


@pytest.mark.real
def test_small_turned_and_unsure_faces_are_left_out(
    analyzer: ExpressionAnalyzer, detector: FaceDetectionAnalyzer
) -> None:
    frame, detection = _observe(detector, _portrait("subject01.happy"))
    (seen,) = detection.data.faces
    for changes in ({"yaw": 60.0}, {"yaw": -60.0}, {"signals": {"mesh_score": 0.1}}):
        data = replace(detection.data, faces=[replace(seen, **changes)])
        (face,) = analyzer.process(frame, {"face.detect": replace(detection, data=data)}).data.faces
        assert not RATIOS & set(face.signals), changes
    with ExpressionAnalyzer(min_eye_span_px=500) as strict:
        (face,) = strict.process(frame, {"face.detect": detection}).data.faces
    assert not RATIOS & set(face.signals)


@pytest.mark.real
def test_a_face_without_mesh_is_measured_from_its_landmarks(
    analyzer: ExpressionAnalyzer, detector: FaceDetectionAnalyzer
) -> None:
    frame, detection = _observe(detector, _portrait("subject01.surprised"))
    (with_mesh,) = analyzer.process(frame, {"face.detect": detection}).data.faces
    bare = [replace(face, mesh=None) for face in detection.data.detected_faces]
    data = replace(detection.data, detected_faces=bare)
    (without,) = analyzer.process(frame, {"face.detect": replace(detection, data=data)}).data.faces
    assert without.signals["mouth_open_raw"] == pytest.approx(with_mesh.signals["mouth_open_raw"], abs=0.02)
    assert without.signals["mouth_width_raw"] == pytest.approx(with_mesh.signals["mouth_width_raw"], abs=0.02)


@pytest.mark.real
@pytest.mark.parametrize("subject", ["01", "04", "08", "11"])
def test_portraits_are_judged_as_their_names_say(
    analyzer: ExpressionAnalyzer, detector: FaceDetectionAnalyzer, subject: str
) -> None:
    held = {}
    for kind in ("normal", "happy", "surprised", "wink"):
        frame, detection = _observe(detector, _portrait(f"subject{subject}.{kind}"))
        (face,) = analyzer.process(frame, {"face.detect": detection}).data.faces
        s = face.signals
        held[kind] = (s["smile_intensity"] >= CUT, s["mouth_open_ratio"] >= CUT, s["eye_open_ratio"] < CUT)
        assert (s["eye_open_ratio_least"] < CUT) == (kind == "wink" and subject != "01"), "01 hardly lowers the lid"
    assert held["normal"] == (False, False, False)
    assert held["happy"] == (True, False, False)
    assert held["surprised"] == (False, True, False)
    assert not held["wink"][2], "one closed eye is not closed eyes"


@pytest.mark.real
@pytest.mark.parametrize(("seconds", "closed"), [(10.5, True), (51.5, True), (2.0, False), (164.5, False)])
def test_closed_eyes_and_open_eyed_laughing(
    analyzer: ExpressionAnalyzer, detector: FaceDetectionAnalyzer, seconds: float, closed: bool
) -> None:
    path = DATA / "videos" / "franck.mp4"
    if not path.exists():
        pytest.skip(f"test material is not here: {path.name}")
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_POS_MSEC, seconds * 1000)
    frame, detection = _observe(detector, capture.read()[1])
    (face,) = analyzer.process(frame, {"face.detect": detection}).data.faces
    assert (face.signals["eye_open_ratio"] < CUT) == closed
