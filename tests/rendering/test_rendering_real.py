"""A short ride rendered from the photograph, seen by the real analyzer."""

import json

import numpy as np
import pytest
from render_ride import render
from rendering.people import make_riders
from rendering.photograph import DEFAULT_PATH, SHA256, PhotographError, load_photograph
from rendering.plan import Moment
from rendering.scene import Stage
from visualbase import FileSource, Frame
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.sdk.weights import WeightsError, load_weights

POSE_DEG = 3.5
"""What is wanted of each angle."""
STRANGER = 0.88
"""Face-ID cosine (bundled model) below which two faces are surely two people."""


def test_a_missing_or_different_photograph_is_explained(tmp_path):
    with pytest.raises(PhotographError, match=r"make \.venv/sample/astronaut\.png"):
        load_photograph(tmp_path / "absent.png")
    other = tmp_path / "other.png"
    other.write_bytes(b"something else")
    with pytest.raises(PhotographError, match="SHA-256"):
        load_photograph(other)
    assert len(SHA256) == 64


def need_material():
    if not DEFAULT_PATH.is_file():
        pytest.skip(f"no photograph at {DEFAULT_PATH}: make .venv/sample/astronaut.png")
    try:
        load_weights("face_landmark.tflite")
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.mark.real
def test_the_second_rider_is_a_stranger_to_face_id_and_both_stay_themselves():
    need_material()
    stage = Stage(make_riders(load_photograph(), 2), seed=0)
    module = FaceDetectionAnalyzer(appearance=False)
    module.initialize()
    both = []
    for index, moment in enumerate([Moment(), Moment(smile=1.0), Moment(yaw=20.0), Moment(pitch=12.0)]):
        picture, _ = stage.frame(0.3 * index, [moment, moment])
        seen = module.process(Frame.from_array(picture, frame_id=index, t_src_ns=index * 300_000_000)).data
        faces = sorted(seen.detected_faces, key=lambda face: face.bbox[0])
        assert len(faces) == 2
        both.append([face.embedding for face in faces])
    first, second = np.array(both).transpose(1, 0, 2)
    assert (first @ second.T).max() < STRANGER
    assert min((first @ first.T).min(), (second @ second.T).min()) > STRANGER


@pytest.mark.real
def test_face_detect_finds_the_rendered_rider_and_her_pose(tmp_path):
    need_material()
    video, truth = tmp_path / "ride.mp4", tmp_path / "ride.json"
    render(video, truth, seconds=2, riders=1, seed=0, fps=8)
    frames = json.loads(truth.read_text())["frames"]
    assert len(frames) == 16
    module = FaceDetectionAnalyzer(appearance=False)
    module.initialize()
    source = FileSource(video)
    source.open()
    errors, embeddings = [], []
    for known in frames:
        t_ns = source.grab()
        seen = module.process(Frame.from_array(source.retrieve().data, frame_id=known["frame"], t_src_ns=t_ns)).data
        assert len(seen.detected_faces) == 1
        face, rider = seen.detected_faces[0], known["riders"][0]
        x, y, w, h = face.bbox
        left, top, right, bottom = rider["face_box_px"]
        assert left < x + w / 2 < right
        assert top < y + h / 2 < bottom
        errors.append([face.yaw - rider["yaw_deg"], face.pitch - rider["pitch_deg"], face.roll - rider["roll_deg"]])
        embeddings.append(face.embedding)
    source.close()
    within = np.abs(np.array([e for e, f in zip(errors, frames, strict=True) if abs(f["riders"][0]["yaw_deg"]) < 15]))
    assert within.mean(axis=0).max() < POSE_DEG
    assert (np.array(embeddings) @ np.array(embeddings).T).min() > STRANGER
