"""A cover that no moment is without is told from its look, through the real detector; what people wear is not."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from lookalikes import LOOKALIKES
from occluders import OCCLUDERS
from visualbase import Frame
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.sdk.weights import WeightsError

from vpx_identity_builder.core.occlusion import PARTIAL, Gallery, judged
from vpx_identity_builder.observations import to_samples

PHOTOGRAPH = Path(__file__).resolve().parents[2] / ".venv" / "sample" / "astronaut.png"
MOMENTS, SEED = 6, 0

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def photograph():
    if not PHOTOGRAPH.is_file():
        pytest.skip(f"no photograph at {PHOTOGRAPH}: make .venv/sample/astronaut.png")
    return cv2.imread(str(PHOTOGRAPH))


@pytest.fixture(scope="module")
def detector():
    module = FaceDetectionAnalyzer(embed=False)
    try:
        module.initialize()
    except WeightsError as error:
        pytest.skip(str(error))
    return module


def seen(detector, picture, t_ns=0):
    """The largest face as a sample, and its mesh points in pixels."""
    detector.reset()
    frame = Frame.from_array(np.ascontiguousarray(picture), frame_id=0, t_src_ns=t_ns)
    observation = detector.process(frame)
    samples = to_samples(frame, {"face.detect": observation}, frame_idx=0, t_ns=t_ns).samples
    mesh = max(observation.data.detected_faces, key=lambda face: face.bbox[2]).mesh
    return max(samples, key=lambda sample: sample.measures.face_px), mesh[:, :2].astype(np.float64)


def ratios(detector, photograph, paint):
    """Occlusion of six moments that are all painted the same way, each judged against all."""
    samples = []
    for index in range(MOMENTS):
        moved = np.roll(photograph, (3 * index, -4 * index), axis=(0, 1))
        _, points = seen(detector, moved)
        painted = np.clip(paint(moved, points, np.random.default_rng(SEED)), 0, 255).astype(np.uint8)
        samples.append(seen(detector, painted, t_ns=index * 10**9)[0])
    gallery = Gallery()
    for sample in samples:
        gallery = gallery.add(sample)
    return [judged(sample, gallery).occlusion_ratio for sample in samples]


@pytest.mark.parametrize("kind", ["mask", "scarf", "microphone"])
def test_a_cover_in_every_frame_is_told(kind, detector, photograph):
    def covered(picture, points, rng):
        paint, alpha = OCCLUDERS[kind](picture, points, rng)
        share = cv2.GaussianBlur(alpha, (0, 0), 1)[..., None] / 255
        return picture * (1 - share) + paint * share

    assert all(ratio is not None and ratio >= PARTIAL for ratio in ratios(detector, photograph, covered))


@pytest.mark.parametrize("kind", ["clear", "glasses", "beard", "open mouth", "shadow"])
def test_what_covers_nothing_is_not(kind, detector, photograph):
    assert all(ratio is None or ratio < PARTIAL for ratio in ratios(detector, photograph, LOOKALIKES[kind]))
