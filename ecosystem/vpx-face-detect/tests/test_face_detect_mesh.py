"""The crop around a face and the way back to the picture (no model needed)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from vpx.face_detect.mesh import INPUT_PX, ShapelessFaceError, crop_transform, five_points, mirrored, points_to_frame

FIVE = np.array([[-20.0, -15], [20, -15], [0, 8], [-15, 25], [15, 25]])


def placed(turn_deg: float, size: float, x: float, y: float) -> NDArray[np.float64]:
    turn = np.radians(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return FIVE * size @ rotation.T + [x, y]


@given(st.floats(-170, 170), st.floats(0.3, 10), st.floats(-50, 2000), st.floats(-50, 2000))
def test_the_crop_puts_the_face_upright_and_in_the_middle(turn: float, size: float, x: float, y: float) -> None:
    landmarks = placed(turn, size, x, y)
    to_crop = crop_transform(landmarks)
    upright = landmarks @ to_crop[:, :2].T + to_crop[:, 2]
    eyes, mouth = upright[:2].mean(axis=0), upright[3:].mean(axis=0)
    assert upright[0][1] == pytest.approx(upright[1][1], abs=1e-6)
    assert upright[0][0] < upright[1][0]
    assert (eyes + mouth) / 2 == pytest.approx([INPUT_PX / 2, INPUT_PX / 2], abs=1e-6)
    assert mouth[1] - eyes[1] == pytest.approx(INPUT_PX / 2.9)


@given(st.floats(-170, 170), st.floats(0.5, 5))
def test_points_come_back_to_the_picture_with_depth_in_its_scale(turn: float, size: float) -> None:
    to_crop = crop_transform(placed(turn, size, 300, 200))
    scale = np.sqrt(np.linalg.det(to_crop[:, :2]))
    original = np.array([[310.0, 190, 5], [280, 220, -3]])
    in_crop = np.column_stack([original[:, :2] @ to_crop[:, :2].T + to_crop[:, 2], original[:, 2] * scale])
    assert points_to_frame(in_crop, to_crop) == pytest.approx(original, abs=1e-3)


@given(st.floats(-170, 170), st.floats(0.5, 5))
def test_a_mirrored_crop_exchanges_left_and_right_and_leads_back_to_the_same_pixels(turn: float, size: float) -> None:
    to_crop = crop_transform(placed(turn, size, 300, 200))
    other = mirrored(to_crop)
    place, there = (np.array([310.0, 190.0]) @ crop[:, :2].T + crop[:, 2] for crop in (to_crop, other))
    assert there == pytest.approx([INPUT_PX - 1 - place[0], place[1]])
    assert points_to_frame(np.array([[*there, 0.0]]), other)[0] == pytest.approx([310, 190, 0], abs=1e-3)


def test_a_mesh_is_cropped_by_its_own_box() -> None:
    mesh = np.zeros((468, 3))
    mesh[:, 0] = np.linspace(100, 200, 468)
    mesh[:, 1] = 50 + 80 * (np.arange(468) % 2)
    mesh[[33, 133, 159, 145], :2] = [120, 70]
    mesh[[263, 362, 386, 374], :2] = [180, 70]
    mesh[61, :2], mesh[291, :2], mesh[1, :2] = [130, 120], [170, 120], [150, 95]
    to_crop = crop_transform(mesh)
    assert to_crop[:, :2] == pytest.approx(np.eye(2) * INPUT_PX / 150)
    assert to_crop[:, :2] @ [150, 90] + to_crop[:, 2] == pytest.approx([96, 96])
    assert five_points(mesh) == pytest.approx(np.array([[120, 70], [180, 70], [150, 95], [130, 120], [170, 120]]))


SWAPPED_EYES = np.array([[20.0, 0], [-20, 0], [0, 20], [-10, 40], [10, 40]])


@pytest.mark.parametrize("start", [np.zeros((5, 2)), np.full((5, 2), np.nan), SWAPPED_EYES])
def test_points_that_make_no_face_are_refused(start: NDArray[np.float64]) -> None:
    with pytest.raises(ShapelessFaceError):
        crop_transform(start)


@pytest.mark.parametrize("start", [np.zeros((5, 3)), np.zeros((10, 2))])
def test_another_shape_is_an_error(start: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="expected"):
        crop_transform(start)
