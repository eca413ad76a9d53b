"""Geometry of squares and points, with properties."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vpx.body_pose.crops import (
    Square,
    belongs_to_face,
    detected_count,
    face_boxes,
    keep_detected,
    person_square,
    whole_frame,
)

FINITE = st.floats(-2000, 2000)
SIDE = st.floats(8, 4000)


@given(FINITE, FINITE, SIDE, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=17))
def test_points_return_to_where_the_picture_was_cut(x: float, y: float, side: float, points: list) -> None:
    square = Square(x, y, side)
    frame = square.to_frame(np.array(points))
    matrix = square.to_input(192)
    back = (frame @ matrix[:, :2].T + matrix[:, 2]) / 192
    np.testing.assert_allclose(back, points, atol=1e-6)


@given(FINITE, FINITE, st.floats(1, 500), st.floats(1, 500), st.floats(2, 12))
def test_person_square_holds_the_face_and_more_below(x: float, y: float, w: float, h: float, scale: float) -> None:
    square = person_square((x, y, w, h), scale)
    assert square.center_x == pytest.approx(x + w / 2)
    assert square.center_y > y + h / 2
    assert square.side >= scale * w - 1e-6


def test_whole_frame_is_the_longer_side_around_the_centre() -> None:
    assert whole_frame(640, 360) == Square(320, 180, 640)


@given(st.lists(st.tuples(*[st.floats(allow_nan=True, allow_infinity=True)] * 3), min_size=17, max_size=17))
def test_kept_points_are_inside_sure_and_finite(points: list) -> None:
    kept = keep_detected(np.array(points), 0.3, 100, 50)
    assert len(kept) == 17
    for x, y, confidence in kept:
        assert np.isfinite([x, y, confidence]).all()
        assert (x == 0 and y == 0) or (0 < x < 100 and 0 < y < 50 and confidence >= 0.3)


def test_unsure_and_outside_points_keep_their_confidence() -> None:
    points = np.array([[10, 10, 0.9], [10, 10, 0.1], [-1, 10, 0.8], [10, 50, 0.7], [np.nan, 1, 0.6]])
    kept = keep_detected(points, 0.3, 100, 50)
    assert kept == [[10, 10, 0.9], [0, 0, 0.1], [0, 0, 0.8], [0, 0, 0.7], [0, 0, 0.6]]
    assert detected_count(kept) == 1


def test_a_neighbours_pose_is_not_this_faces() -> None:
    pose = [[100.0 + i, 100.0, 0.9] for i in range(5)] + [[0.0, 0.0, 0.1]] * 12
    assert belongs_to_face(pose, (80, 80, 40, 50))
    assert not belongs_to_face(pose, (200, 80, 40, 50))
    assert not belongs_to_face([[0.0, 0.0, 0.1]] * 17, (80, 80, 40, 50))


def test_face_boxes_prefer_all_detected_faces_largest_first() -> None:
    small, large = SimpleNamespace(bbox=(1, 2, 10, 10)), SimpleNamespace(bbox=(5, 6, 30, 40))
    data = SimpleNamespace(detected_faces=[small, large], faces=[SimpleNamespace(bbox=(0.1, 0.1, 0.5, 0.5))])
    assert face_boxes(data, 100, 50) == [(5, 6, 30, 40), (1, 2, 10, 10)]
    only_faces = SimpleNamespace(detected_faces=[], faces=data.faces)
    assert face_boxes(only_faces, 100, 50) == [(10, 5, 50, 25)]


@pytest.mark.parametrize("bbox", [None, (1, 2, 3), (0, 0, float("nan"), 5), (0, 0, 0, 5), (0, 0, float("inf"), 5)])
def test_boxes_without_sense_are_dropped(bbox: object) -> None:
    assert face_boxes(SimpleNamespace(detected_faces=[SimpleNamespace(bbox=bbox)]), 100, 50) == []


@pytest.mark.parametrize("data", [None, SimpleNamespace(), SimpleNamespace(detected_faces=None, faces=None)])
def test_no_faces_no_boxes(data: object) -> None:
    assert face_boxes(data, 100, 50) == []
