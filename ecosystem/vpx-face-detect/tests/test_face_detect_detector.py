"""Decoding of CenterFace's maps, and the size the network sees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from vpx.face_detect.detector import decode, input_size

SHAPE = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])


def empty_maps(height: int = 24, width: int = 32) -> list[NDArray[np.float32]]:
    return [np.zeros((1, channels, height, width), np.float32) for channels in (1, 2, 2, 10)]


def put_face(maps: list[NDArray[np.float32]], row: int, column: int, size: tuple[float, float], score: float) -> None:
    width, height = size
    maps[0][0, 0, row, column] = score
    maps[1][0, :, row, column] = np.log([height / 4, width / 4])
    maps[2][0, :, row, column] = (0.25, -0.25)
    maps[3][0, :, row, column] = SHAPE[:, ::-1].reshape(-1)


def test_decode_gives_box_landmarks_and_score_in_source_pixels() -> None:
    maps = empty_maps()
    put_face(maps, 10, 12, (40, 48), 0.8)
    found = decode(maps, 0.5, (2.0, 3.0))
    center = np.array([(12 - 0.25 + 0.5) * 4, (10 + 0.25 + 0.5) * 4])
    half, factor = np.array([20, 24]), np.array([2, 3])
    low, high = (center - half) * factor, (center + half) * factor
    assert len(found.faces) == 1
    assert found.faces[0].score == pytest.approx(0.8)
    assert found.faces[0].box == pytest.approx(np.concatenate([low, high]), abs=1e-3)
    assert found.faces[0].landmarks == pytest.approx(low + SHAPE * (high - low), abs=1e-3)


def test_decode_reports_one_face_for_neighbouring_cells_and_two_for_two_faces() -> None:
    maps = empty_maps()
    for column in (8, 9):
        put_face(maps, 10, column, (40, 48), 0.6 + column / 100)
    put_face(maps, 10, 26, (40, 48), 0.9)
    scores = [face.score for face in decode(maps, 0.5, (1.0, 1.0)).faces]
    assert scores == pytest.approx([0.9, 0.69])


def test_decode_drops_what_is_below_the_threshold() -> None:
    maps = empty_maps()
    put_face(maps, 10, 12, (40, 48), 0.49)
    assert decode(maps, 0.5, (1.0, 1.0)).faces == []


@pytest.mark.parametrize("layer", [0, 1, 2, 3])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_decode_drops_and_counts_numbers_that_are_not_finite(layer: int, value: float) -> None:
    maps = empty_maps()
    put_face(maps, 10, 12, (40, 48), 0.8)
    put_face(maps, 10, 26, (20, 24), 0.7)
    maps[layer][0, 0, 10, 12] = value
    found = decode(maps, 0.5, (1.0, 1.0))
    assert [face.score for face in found.faces] == pytest.approx([0.7])
    assert found.nonfinite == 1


@given(st.integers(16, 4000), st.integers(16, 4000), st.integers(64, 1280))
def test_input_sides_are_multiples_of_32_and_near_the_wanted_size(width: int, height: int, det_size: int) -> None:
    sides = input_size(width, height, det_size)
    assert all(side >= 32 and side % 32 == 0 for side in sides)
    assert max(sides) <= max(32, det_size + 16)
    assert max(sides) <= max(32, 2 * max(width, height) + 16)


@pytest.mark.parametrize(
    ("size", "expected"), [((930, 360), (480, 192)), ((176, 144), (352, 288)), ((1920, 1080), (480, 256))]
)
def test_input_size_of_usual_pictures(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert input_size(*size, 480) == expected
