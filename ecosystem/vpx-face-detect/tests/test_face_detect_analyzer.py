"""The analyzer around a backend and a mesh that are fakes with known answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from visualbase import Frame
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.face_detect.backend import Detections, FoundFace
from vpx.face_detect.canonical import CANONICAL, POSE_POINTS
from vpx.face_detect.mesh import MeshResult, ShapelessFaceError
from vpx.sdk import BBoxMark, KeypointsMark, Observation

FIVE = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
WIDTH, HEIGHT = 640, 360


def face(x: float, y: float, w: float, h: float, score: float = 0.9) -> FoundFace:
    return FoundFace(np.array([x, y, x + w, y + h]), np.array([x, y]) + FIVE * [w, h], score)


class FakeBackend:
    """Answers with the faces it was given; the embedding points along the face's order."""

    embed_model = "fake-4"

    def __init__(self, faces: Sequence[FoundFace], nonfinite: int = 0) -> None:
        self.faces = list(faces)
        self.nonfinite = nonfinite
        self.unusable: set[int] = set()

    def detect(self, frame_bgr: NDArray[np.uint8]) -> Detections:
        return Detections(self.faces, self.nonfinite)

    def embed(
        self, frame_bgr: NDArray[np.uint8], landmarks: Sequence[NDArray[np.floating]]
    ) -> list[NDArray[np.float32] | None]:
        rows = np.eye(4, dtype=np.float32)
        return [None if index in self.unusable else rows[index] for index in range(len(landmarks))]


class FakeMesh:
    """A frontal canonical mesh at the face's place; not finite for faces left of `bad_left_of`."""

    bad_left_of = -1.0

    def run(self, frame_bgr: NDArray[np.uint8], start: NDArray[np.floating]) -> MeshResult:
        center = start.mean(axis=0)
        if np.ptp(start) == 0:
            raise ShapelessFaceError("no extent")
        points = np.zeros((468, 3), np.float32)
        points[POSE_POINTS] = CANONICAL * [5, -5, -5] + [*center, 0]
        if center[0] < self.bad_left_of:
            points[0] = np.nan
        return MeshResult(points, 0.75)


def analyzer(backend: FakeBackend, mesh: FakeMesh | None = None, **settings: object) -> FaceDetectionAnalyzer:
    module = FaceDetectionAnalyzer.from_settings(settings)
    module._backend = backend
    module._mesh = mesh or FakeMesh()  # type: ignore[assignment]
    return module


def run(module: FaceDetectionAnalyzer, index: int = 0) -> Observation:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return module.process(Frame.from_array(picture, frame_id=index, t_src_ns=index * 40_000_000))


def test_both_lists_describe_the_same_faces_in_their_own_units() -> None:
    data = run(analyzer(FakeBackend([face(64, 36, 128, 72), face(400, 100, 50, 60, 0.6)]))).data
    first, pixel = data.faces[0], data.detected_faces[0]
    assert data.image_size == (WIDTH, HEIGHT)
    assert data.embed_model == "fake-4"
    assert first.bbox == pytest.approx((0.1, 0.1, 0.2, 0.2))
    assert pixel.bbox == pytest.approx((64, 36, 128, 72))
    assert (first.face_id, first.confidence, first.inside_frame) == (0, 0.9, True)
    assert first.area_ratio == pytest.approx(0.04)
    assert first.center_distance == pytest.approx(0.6)
    assert first.signals == {"mesh_score": 0.75}
    assert [item.face_id for item in data.faces] == [item.face_id for item in data.detected_faces] == [0, 1]
    assert pixel.landmarks.shape == (5, 2)
    assert pixel.mesh.shape == (468, 3)
    assert (first.yaw, first.pitch, first.roll) == (pixel.yaw, pixel.pitch, pixel.roll)
    assert first.embedding.tolist() == [1, 0, 0, 0]


def test_a_box_over_the_edge_is_cut_and_said_so() -> None:
    observed = run(analyzer(FakeBackend([face(-40, 300, 100, 100)]))).data.faces[0]
    assert observed.inside_frame is False
    assert observed.bbox == pytest.approx((0, 300 / HEIGHT, 60 / WIDTH, 60 / HEIGHT))


def test_tiny_faces_get_no_embedding_and_specks_no_observation() -> None:
    faces = [face(10, 10, 20, 26), face(100, 10, 100, 120), face(300, 10, 8, 9)]
    obs = run(analyzer(FakeBackend(faces)))
    assert [item.embedding is None for item in obs.data.faces] == [True, False]
    assert obs.metadata["_metrics"] == {"dropped": 0, "without_embedding": 1}


def test_embed_off_gives_no_embedding() -> None:
    obs = run(analyzer(FakeBackend([face(100, 10, 100, 120)]), embed=False))
    assert obs.data.faces[0].embedding is None


def test_numbers_that_are_not_finite_never_become_a_face() -> None:
    mesh = FakeMesh()
    mesh.bad_left_of = 200
    shapeless = FoundFace(np.array([400.0, 50, 480, 140]), np.full((5, 2), 440.0), 0.8)
    backend = FakeBackend([face(50, 50, 80, 90), face(300, 50, 80, 90), shapeless], nonfinite=3)
    backend.unusable = {0}
    obs = run(analyzer(backend, mesh))
    assert [item.bbox[0] for item in obs.data.detected_faces] == [300]
    assert obs.data.faces[0].embedding is None
    assert obs.metadata["_metrics"] == {"dropped": 5, "without_embedding": 1}


def test_signals_are_plain_and_named_in_the_schema() -> None:
    module = analyzer(FakeBackend([face(64, 36, 128, 72)]))
    obs = run(module)
    assert obs.signals == {"face_count": 1, "max_confidence": 0.9, "max_area_ratio": pytest.approx(0.04)}
    assert set(obs.signals) == set(module.port_schema.output_signals)
    assert all(type(value) in (int, float) for value in obs.signals.values())
    assert set(obs.timing or {}) == {"detect", "mesh_pose", "embed", "appearance"}


def test_no_face_is_an_observation_without_faces() -> None:
    obs = run(analyzer(FakeBackend([])))
    assert (obs.data.faces, obs.signals["face_count"], obs.signals["max_confidence"]) == ([], 0, 0.0)


def test_reset_starts_the_ids_again_and_release_lets_the_models_go() -> None:
    backend = FakeBackend([face(64, 36, 128, 72)])
    module = analyzer(backend)
    run(module)
    backend.faces = [face(400, 100, 50, 60)]
    assert run(module, 1).data.faces[0].face_id == 1
    module.reset()
    assert run(module, 2).data.faces[0].face_id == 0
    module.cleanup()
    with pytest.raises(RuntimeError, match="initialize"):
        run(module, 3)


def test_annotate_draws_boxes_and_landmarks_in_normalised_coordinates() -> None:
    module = analyzer(FakeBackend([face(64, 36, 128, 72)]))
    marks = module.annotate(run(module))
    boxes = [mark for mark in marks if isinstance(mark, BBoxMark)]
    points = [mark for mark in marks if isinstance(mark, KeypointsMark)]
    assert [(box.x, box.y, box.w, box.h) for box in boxes] == [pytest.approx((0.1, 0.1, 0.2, 0.2))]
    assert points[0].points[0] == pytest.approx((0.1 + 0.3 * 0.2, 0.1 + 0.4 * 0.2))
    assert boxes[0].label == "#0 0.90"
