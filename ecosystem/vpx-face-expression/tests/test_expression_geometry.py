"""Raw measures on made-up meshes and contours, with properties."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vpx.face_detect.canonical import CANONICAL, POSE_POINTS
from vpx.face_detect.pose import DEPTH_GAIN
from vpx.face_expression import geometry

ANGLE = st.floats(-180, 180)
SHIFT = st.floats(-500, 500)
SIZE = st.floats(0.2, 20)


def _mesh(mouth_width: float = 60.0, gap: float = 10.0) -> np.ndarray:
    """(468, 3) mesh with outer eye corners 100 px apart and the given mouth."""
    mesh = np.zeros((468, 3))
    mesh[33], mesh[133], mesh[362], mesh[263] = (0, 0, 0), (30, 0, 0), (70, 0, 0), (100, 0, 0)
    mesh[61], mesh[291] = (50 - mouth_width / 2, 90, 0), (50 + mouth_width / 2, 90, 0)
    mesh[13], mesh[14] = (50, 90 - gap / 2, 0), (50, 90 + gap / 2, 0)
    return mesh


def _head(back: float = 2.0) -> np.ndarray:
    """(468, 3) mesh whose pose points are the canonical face's, the mouth's corners `back` behind the lips (cm)."""
    mesh = np.zeros((468, 3))
    mesh[POSE_POINTS] = CANONICAL
    mesh[[61, 291]] = (-2.5, -4.0, 5.0 - back), (2.5, -4.0, 5.0 - back)
    mesh[[0, 17]], mesh[[98, 327]] = (0.0, -4.0, 5.0), ((-1.5, -1.0, 4.0), (1.5, -1.0, 4.0))
    return 10 * mesh * [1, -1, -1 / DEPTH_GAIN]


def _contour(width: float = 20.0, gap: float = 6.0) -> np.ndarray:
    """(16, 2) outline: a flat-topped lens whose lids are `gap` apart between the corners."""
    lower = [(width * i / 8, gap / 2 if 0 < i < 8 else 0.0) for i in range(9)]
    upper = [(width * i / 8, -gap / 2) for i in range(1, 8)]
    return np.array([*lower, *upper])


def _turned(points: np.ndarray, degrees: float, scale: float, x: float, y: float) -> np.ndarray:
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = points.copy()
    moved[:, :2] = scale * points[:, :2] @ rotation.T + (x, y)
    if points.shape[1] == 3:
        moved[:, 2] *= scale
    return moved


@given(ANGLE, SIZE, SHIFT, SHIFT)
def test_measures_do_not_depend_on_place_size_or_roll(angle: float, scale: float, x: float, y: float) -> None:
    mouth = geometry.mouth_measures(_turned(_mesh(), angle, scale, x, y))
    assert mouth is not None
    assert mouth.width == pytest.approx(0.6, abs=1e-6)
    assert mouth.gap == pytest.approx(0.1, abs=1e-6)
    assert geometry.lid_gap(_turned(_contour(), angle, scale, x, y)) == pytest.approx(0.3, abs=1e-6)


@given(ANGLE, SIZE, SHIFT, SHIFT, st.floats(0.5, 3.0))
def test_corners_lie_as_far_behind_the_lips_wherever_the_head_is(
    angle: float, scale: float, x: float, y: float, back: float
) -> None:
    mouth = geometry.mouth_measures(_turned(_head(back), angle, scale, x, y))
    assert mouth is not None
    assert mouth.back == pytest.approx(back / (2 * 4.4459), abs=1e-3)
    assert mouth.wing == pytest.approx(np.sqrt(1 + 9 + (1 - back) ** 2) / (2 * 4.4459), abs=1e-3)


@pytest.mark.parametrize("yaw", [-50, -20, 20, 50])
def test_a_turned_head_measures_the_same(yaw: float) -> None:
    angle = np.radians(yaw)
    rotation = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    mouth = geometry.mouth_measures(_mesh() @ rotation.T)
    assert mouth is not None
    assert mouth.gap == pytest.approx(0.1)
    assert mouth.width == pytest.approx(0.6)


def test_mirrored_contour_has_the_same_gap() -> None:
    contour = _contour()
    assert geometry.lid_gap(contour * [-1, 1]) == pytest.approx(geometry.lid_gap(contour))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_meshes_without_numbers_have_no_mouth(value: float) -> None:
    mesh = _mesh()
    mesh[200, 1] = value
    assert geometry.mouth_measures(mesh) is None
    assert geometry.mouth_measures(np.zeros((468, 3))) is None


@pytest.mark.parametrize("contour", [np.zeros((16, 2)), np.full((16, 2), np.nan), np.zeros((15, 2))])
def test_degenerate_contours_have_no_gap(contour: np.ndarray) -> None:
    assert geometry.lid_gap(contour) is None


@given(ANGLE, SIZE, SHIFT, SHIFT, st.booleans())
def test_eye_picture_is_upright_and_centred(angle: float, scale: float, x: float, y: float, mirror: bool) -> None:
    mesh = _turned(_mesh(), angle, scale, x, y)
    transform = geometry.eye_transform(mesh, geometry.EYE_LEFT, 64, mirror)
    start, end = mesh[[33, 133], :2] @ transform[:, :2].T + transform[:, 2]
    half = 64 / geometry.EYE_CROP_PER_WIDTH / 2 * (-1 if mirror else 1)
    np.testing.assert_allclose(start, [32 - half, 32], atol=1e-5)
    np.testing.assert_allclose(end, [32 + half, 32], atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_an_eye_without_extent_is_an_error(value: float) -> None:
    mesh = _mesh()
    mesh[[33, 133]] = value
    with pytest.raises(ValueError, match="corners of an eye"):
        geometry.eye_transform(mesh, geometry.EYE_LEFT, 64, mirror=False)


BOX = st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(1, 80), st.floats(1, 80))


@given(BOX, BOX)
def test_overlap_is_symmetric_and_one_only_for_itself(first: tuple, second: tuple) -> None:
    assert geometry.overlap(first, second) == pytest.approx(geometry.overlap(second, first))
    assert 0.0 <= geometry.overlap(first, second) <= 1.0 + 1e-9
    assert geometry.overlap(first, first) == pytest.approx(1.0)


def test_overlap_with_no_box_is_nothing() -> None:
    assert geometry.overlap((0, 0, 10, 10), (float("nan"), 0, 10, 10)) == 0.0


def test_faces_match_by_box_and_never_by_index() -> None:
    first, second = SimpleNamespace(bbox=(60, 10, 20, 20)), SimpleNamespace(bbox=(-10, 10, 30, 20))
    match = geometry.match_face((0.0, 0.1, 0.2, 0.2), [first, second], 100, 100, 0.5)
    assert match is second, "the box is cut at the frame's edge before the comparison"
    assert geometry.match_face((0.3, 0.5, 0.2, 0.2), [first, second], 100, 100, 0.5) is None
    assert geometry.match_face((0.3, 0.5, 0.2, 0.2), [], 100, 100, 0.5) is None


def test_inside_needs_every_point_within_the_picture() -> None:
    assert geometry.inside(np.array([[0.0, 0.0], [99.0, 49.0]]), 100, 50)
    assert not geometry.inside(np.array([[0.0, 0.0], [100.0, 49.0]]), 100, 50)
    assert not geometry.inside(np.array([[np.nan, 0.0]]), 100, 50)


@pytest.mark.parametrize("angle", [0.0, 20.0, -35.0])
def test_the_iris_shift_is_in_eye_widths_along_the_eye(angle: float) -> None:
    contour, iris = _contour(width=20.0), np.array([[13.0, 1.0]])
    turned = _turned(np.concatenate([contour, iris]), angle, 1.7, 5.0, -3.0)
    assert geometry.iris_shift(turned[:16], turned[16]) == pytest.approx(3.0 / 20.0)


def test_an_iris_to_the_right_stays_to_the_right_when_the_outline_runs_backwards() -> None:
    contour = _contour(width=20.0) * [-1, 1] + [20, 0]
    assert geometry.iris_shift(contour, np.array([13.0, 0.0])) == pytest.approx(3.0 / 20.0)


@pytest.mark.parametrize("contour", [np.zeros((16, 2)), np.full((16, 2), np.nan), np.zeros((15, 2))])
def test_degenerate_eyes_have_no_iris_shift(contour: np.ndarray) -> None:
    assert geometry.iris_shift(contour, np.zeros(2)) is None
    assert geometry.iris_shift(_contour(), np.array([np.nan, 0.0])) is None
