"""The bundled model on a real video with the real face detector."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from visualbase import FileSource
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.sdk.weights import WeightsError

from vpx_vision_embed import VisionEmbedAnalyzer, VisionEmbedder, cosine_distance, get_spec
from vpx_vision_embed.crops import cut_square, square_around

pytestmark = pytest.mark.real

FRAMES = 6


@pytest.fixture
def video() -> Path:
    root = os.environ.get("IDENTITY_TEST_DATA") or Path(__file__).parents[2].parent / "shared" / "data"
    path = Path(root) / "videos" / "two_riders_120s.mp4"
    if not path.is_file():
        pytest.skip("the test videos are not on this machine (IDENTITY_TEST_DATA)")
    return path


def test_two_riders_keep_their_own_steady_vectors(video: Path, bundled_path: Path) -> None:
    detector, module = FaceDetectionAnalyzer(), VisionEmbedAnalyzer(face_model="bundled", body_model="bundled")
    try:
        detector.initialize()
    except WeightsError as error:
        pytest.skip(str(error))
    source = FileSource(str(video))
    source.open()
    people: dict[bool, list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]] = {True: [], False: []}
    with module:
        for _ in range(FRAMES):
            frame = source.read()
            if frame is None:
                break
            obs = module.process(frame, {"face.detect": detector.process(frame)})
            for face in obs.data.faces if obs is not None else []:
                people[face.bbox[0] < 450].append(face.e_face)
    source.close()
    detector.cleanup()

    plateau = get_spec("bundled").novelty.plateau
    for vectors in people.values():
        assert len(vectors) == FRAMES
        assert float(cosine_distance(np.stack(vectors), vectors[0]).max()) < plateau
    assert float(cosine_distance(people[True][0], people[False][0])) > get_spec("bundled").novelty.threshold


def test_jitter_is_below_the_plateau_and_a_blurred_crop_counts_as_new(video: Path, bundled_path: Path) -> None:
    source = FileSource(str(video))
    source.open()
    frame = source.read()
    source.close()
    assert frame is not None
    square = (120.0, 60.0, 320.0, 260.0)
    crop = cut_square(frame.data, square)[0]
    moved = cut_square(frame.data, (127.0, 60.0, 327.0, 260.0))[0]
    larger = cut_square(frame.data, square_around(square, 1.05))[0]
    blurred = np.asarray(cv2.GaussianBlur(crop, (0, 0), crop.shape[0] * 0.03), np.uint8)
    with VisionEmbedder("bundled") as embedder:
        rows = embedder.embed([crop, moved, larger, blurred])

    distances = cosine_distance(rows[1:], rows[0])
    novelty = get_spec("bundled").novelty
    assert distances[0] < novelty.plateau
    assert distances[1] < novelty.plateau
    assert distances[2] > novelty.threshold
