"""Real models on real pictures: faces found, poses signed, people told apart. Skipped where they lack."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from visualbase import Frame
from vpx.face_detect import FaceDetectionAnalyzer, FaceDetectOutput
from vpx.sdk.testing import assert_module_contract
from vpx.sdk.weights import WeightsError

pytestmark = pytest.mark.real

DATA = Path(os.environ.get("IDENTITY_TEST_DATA") or Path(__file__).resolve().parents[3].parent / "shared" / "data")

# Measured on these pictures; the slack is for other processors and library versions.
YAW_MAE_DEG, PITCH_MAE_DEG, ROLL_MAE_DEG = 4.5, 4.2, 3.0
SAME_PERSON_P95_L2, OTHER_PERSON_MIN_L2, EER = 0.40, 0.38, 0.015


@pytest.fixture(scope="module")
def module() -> Iterator[FaceDetectionAnalyzer]:
    if not DATA.is_dir():
        pytest.skip(f"test pictures are not at {DATA}; set IDENTITY_TEST_DATA")
    analyzer = FaceDetectionAnalyzer()
    try:
        analyzer.initialize()
    except WeightsError as error:
        pytest.skip(str(error))
    yield analyzer
    analyzer.cleanup()


@pytest.fixture(autouse=True)
def _new_video(module: FaceDetectionAnalyzer) -> None:
    module.reset()


def photo(module: FaceDetectionAnalyzer, path: Path) -> FaceDetectOutput:
    picture = cv2.imread(str(path))
    assert picture is not None
    output = module.process(Frame.from_array(picture)).data
    assert isinstance(output, FaceDetectOutput)
    return output


def video(module: FaceDetectionAnalyzer, name: str, step: int, last: int) -> list[tuple[int, FaceDetectOutput]]:
    found = []
    with av.open(str(DATA / "videos" / name)) as container:
        rate = float(container.streams.video[0].average_rate or 25)
        for index, decoded in enumerate(container.decode(video=0)):
            if index > last:
                break
            if index % step == 0:
                picture = decoded.to_ndarray(format="bgr24")
                frame = Frame.from_array(picture, frame_id=index, t_src_ns=round(index / rate * 1e9))
                found.append((index, module.process(frame).data))
    return found


def central(output: FaceDetectOutput) -> int:
    return min(range(len(output.faces)), key=lambda index: output.faces[index].center_distance)


def test_head_pose_of_labelled_photos(module: FaceDetectionAnalyzer) -> None:
    errors = []
    with (DATA / "photos" / "pose" / "pose.csv").open(encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            output = photo(module, DATA / "photos" / "pose" / row["file"])
            face = output.faces[central(output)]
            label = [float(row[key]) for key in ("yaw_deg", "pitch_deg", "roll_deg")]
            if abs(label[0]) > 15:
                assert np.sign(face.yaw) == np.sign(label[0])
            if abs(label[0]) <= 45:
                errors.append(np.abs(np.array([face.yaw, face.pitch, face.roll]) - label))
    yaw, pitch, roll = np.mean(errors, axis=0)
    assert yaw <= YAW_MAE_DEG
    assert pitch <= PITCH_MAE_DEG
    assert roll <= ROLL_MAE_DEG


def test_embeddings_tell_people_apart(module: FaceDetectionAnalyzer) -> None:
    people, vectors = [], []
    for path in sorted((DATA / "photos" / "identity").glob("*/*.jpg")):
        output = photo(module, path)
        face = output.detected_faces[central(output)]
        assert face.embedding is not None
        assert np.linalg.norm(face.embedding) == pytest.approx(1.0, abs=1e-5)
        people.append(path.parent.name)
        vectors.append(face.embedding)
    same, other = [], []
    for a, b in combinations(range(len(people)), 2):
        (same if people[a] == people[b] else other).append(float(np.linalg.norm(vectors[a] - vectors[b])))
    thresholds = np.sort(same + other)
    rates = [(np.mean(np.array(same) > t), np.mean(np.array(other) <= t)) for t in thresholds]
    assert min(max(pair) for pair in rates) <= EER
    assert np.percentile(same, 95) <= SAME_PERSON_P95_L2
    assert min(other) >= OTHER_PERSON_MIN_L2


def test_two_riders_are_two_faces_with_steady_ids(module: FaceDetectionAnalyzer) -> None:
    for _, output in video(module, "two_riders_120s.mp4", step=10, last=400):
        sides = sorted((face.bbox[0] + face.bbox[2] / 2 > 450, face.face_id) for face in output.detected_faces)
        assert [side for side, _ in sides] == [False, True]
        assert {face_id for _, face_id in sides} == {0, 1}
        assert all(face.mesh is not None and face.mesh.shape == (468, 3) for face in output.detected_faces)


def test_a_cartoon_title_holds_no_face_and_the_man_after_it_one(module: FaceDetectionAnalyzer) -> None:
    counts = {index: len(output.faces) for index, output in video(module, "noface_face.mov", step=12, last=165)}
    assert {index: count for index, count in counts.items() if index < 84 and count} == {}
    assert [count for index, count in counts.items() if index >= 120] == [1] * 4


def test_a_tiny_picture_and_an_empty_building_site(module: FaceDetectionAnalyzer) -> None:
    assert {len(output.faces) for _, output in video(module, "carphone.mp4", step=15, last=119)} == {1}
    module.reset()
    late = [len(output.faces) for index, output in video(module, "foreman.mp4", step=30, last=299) if index >= 200]
    assert late == [0] * 3


def test_the_module_keeps_the_contract_in_both_lifecycles(module: FaceDetectionAnalyzer) -> None:
    picture = cv2.imread(str(DATA / "photos" / "pose" / "image00050.jpg"))
    assert picture is not None
    frames = [Frame.from_array(picture, frame_id=index, t_src_ns=index * 100_000_000) for index in range(2)]
    other = FaceDetectionAnalyzer()
    first, *_ = assert_module_contract(other, frames)
    assert len(first.data.faces) == 1
    assert np.array_equal(first.data.faces[0].embedding, module.process(frames[0]).data.faces[0].embedding)


def test_head_turns_go_both_ways(module: FaceDetectionAnalyzer) -> None:
    yaws = [output.faces[0].yaw for _, output in video(module, "turns.mp4", step=10, last=239)]
    assert min(yaws) < -30
    assert max(yaws) > 35
