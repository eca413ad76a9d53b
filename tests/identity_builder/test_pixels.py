"""What is measured on the pixels: rises and falls as it must, on rendered faces."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vpx_identity_builder import pixels

BOX = (150.0, 90.0, 250.0, 210.0)
POINTS = np.array([[178, 135], [222, 135], [200, 160], [182, 182], [218, 182]], np.float64)


@pytest.fixture
def frame() -> NDArray[np.uint8]:
    """A textured oval with eyes and mouth on a plain ground, 400 x 300."""
    rng = np.random.default_rng(7)
    image = np.full((300, 400, 3), 90, np.uint8)
    cv2.ellipse(image, (200, 150), (50, 65), 0, 0, 360, (140, 150, 170), -1)
    image = cv2.add(image, rng.integers(0, 40, image.shape, dtype=np.uint8))
    for x, y in POINTS.astype(int):
        cv2.circle(image, (int(x), int(y)), 5, (30, 30, 40), -1)
    return np.asarray(image, np.uint8)


def test_blur_lowers_sharpness_step_by_step(frame: NDArray[np.uint8]) -> None:
    values = [pixels.measure(frame, BOX, POINTS).sharpness]
    for sigma in (1.0, 2.0, 4.0):
        soft = np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma), np.uint8)
        values.append(pixels.measure(soft, BOX, POINTS).sharpness)
    known = [value for value in values if value is not None]
    assert len(known) == 4
    assert known == sorted(known, reverse=True)
    assert known[0] > 5 * known[-1]


def test_darkness_alone_hardly_changes_sharpness(frame: NDArray[np.uint8]) -> None:
    dark = np.asarray(frame // 2, np.uint8)
    bright, dim = (pixels.measure(image, BOX, POINTS).sharpness for image in (frame, dark))
    assert bright is not None
    assert dim == pytest.approx(bright, rel=0.35)


def test_face_and_crop_light_are_told_apart(frame: NDArray[np.uint8]) -> None:
    spot = np.zeros_like(frame)
    spot[90:210, 150:250] = 200
    measures = pixels.measure(spot, BOX, POINTS)
    assert measures.brightness == pytest.approx(200)
    assert measures.crop_brightness is not None
    assert measures.crop_brightness < 60
    assert measures.lighting_level == measures.crop_brightness


def test_blown_and_crushed_pixels_are_counted_on_the_face_only(frame: NDArray[np.uint8]) -> None:
    image = np.full((300, 400, 3), 255, np.uint8)
    image[90:210, 150:250] = 128
    image[90:150, 150:250] = 0
    assert pixels.measure(image, BOX, POINTS).clipped_share == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("box", "margin"),
    [((0.0, 50.0, 100.0, 150.0), 0.0), ((-20.0, 50.0, 80.0, 150.0), -0.2), ((150.0, 100.0, 250.0, 200.0), 1.0)],
)
def test_distance_to_the_edge_is_in_face_sizes(
    frame: NDArray[np.uint8], box: tuple[float, float, float, float], margin: float
) -> None:
    assert pixels.measure(frame, box, None).edge_margin == pytest.approx(margin)


def test_a_face_that_reaches_beyond_the_frame_is_cut_although_its_box_is_not(frame: NDArray[np.uint8]) -> None:
    box, beyond, within = (5.0, 50.0, 105.0, 150.0), (-30.0, 40.0, 110.0, 160.0), (20.0, 70.0, 90.0, 140.0)
    assert pixels.measure(frame, box, None, outline=beyond).edge_margin == pytest.approx(-0.3)
    assert pixels.measure(frame, box, None, outline=within).edge_margin == pytest.approx(0.05)


def test_a_template_face_fits_and_a_twisted_one_does_not(frame: NDArray[np.uint8]) -> None:
    fitting = pixels.CANONICAL_POINTS * 1.2 + 100.0
    assert pixels.measure(frame, BOX, fitting).alignment_error == pytest.approx(0.0, abs=1e-6)
    twisted = fitting.copy()
    twisted[[3, 4]] = twisted[[4, 3]]
    error = pixels.measure(frame, BOX, twisted).alignment_error
    assert error is not None
    assert error > 0.2


def test_a_turned_head_may_misfit_more(frame: NDArray[np.uint8]) -> None:
    frontal = pixels.measure(frame, BOX, POINTS).alignment_error
    turned = pixels.measure(frame, BOX, POINTS, yaw_deg=20.0).alignment_error
    assert frontal is not None
    assert turned is not None
    assert turned < frontal


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((5, 2), 1e5)])
def test_landmarks_in_one_point_are_ignored(frame: NDArray[np.uint8], points: NDArray[np.float64]) -> None:
    measures = pixels.measure(frame, BOX, points)
    assert measures.sharpness is not None
    assert measures.alignment_error is None


@pytest.mark.parametrize(
    "box", [(500.0, 400.0, 600.0, 500.0), (-300.0, -300.0, -200.0, -200.0), (399.5, 10.0, 450.0, 60.0)]
)
def test_a_face_outside_the_frame_has_sizes_only(
    frame: NDArray[np.uint8], box: tuple[float, float, float, float]
) -> None:
    measures = pixels.measure(frame, box, None)
    assert (measures.sharpness, measures.brightness, measures.crop_brightness) == (None, None, None)


@pytest.mark.parametrize(("image_format", "magic"), [("jpeg", b"\xff\xd8"), ("png", b"\x89PNG")])
def test_crops_are_encoded_without_metadata(frame: NDArray[np.uint8], image_format: str, magic: bytes) -> None:
    data = pixels.encode(frame, (10, 20, 110, 140), image_format, 95)
    assert data.startswith(magic)
    assert b"Exif" not in data
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (120, 100, 3)


def test_an_empty_crop_is_refused(frame: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="empty"):
        pixels.encode(frame, (10, 10, 10, 40), "jpeg", 95)
