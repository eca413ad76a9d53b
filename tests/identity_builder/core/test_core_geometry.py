from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpx_identity_builder.core import geometry
from vpx_identity_builder.core.config import SelectionConfig
from vpx_identity_builder.core.types import Box

from .strategies import FRAME, boxes

SCALE = SelectionConfig().crop_scale


@given(boxes(), boxes())
def test_iou_is_symmetric_and_a_share(a: Box, b: Box) -> None:
    assert geometry.iou(a, b) == pytest.approx(geometry.iou(b, a))
    assert 0.0 <= geometry.iou(a, b) <= 1.0 + 1e-9
    assert geometry.iou(a, a) == pytest.approx(1.0)


def test_iou_of_known_boxes() -> None:
    assert geometry.iou((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert geometry.iou((0, 0, 10, 10), (10, 0, 20, 10)) == 0.0
    assert geometry.iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0.0
    assert geometry.area((10, 10, 0, 0)) == 0.0


def test_blend_is_an_exponential_moving_average() -> None:
    assert geometry.blend((0, 0, 10, 10), (10, 20, 30, 40), 0.5) == (5, 10, 20, 25)
    assert geometry.blend((0, 0, 10, 10), (10, 20, 30, 40), 1.0) == (10, 20, 30, 40)


@given(boxes(), boxes())
def test_clipped_boxes_are_whole_pixels_of_the_frame(a: Box, b: Box) -> None:
    for box in (a, b):
        x1, y1, x2, y2 = geometry.clip(box, FRAME)
        assert x2 <= FRAME[0]
        assert y2 <= FRAME[1]
        assert 0 <= x1 <= x2
        assert 0 <= y1 <= y2


@given(boxes(inside=True), st.lists(boxes(inside=True), max_size=3))
def test_a_crop_holds_its_face_and_lies_in_the_frame(face: Box, others: list[Box]) -> None:
    apart = [other for other in others if geometry.intersection(face, other) == 0]
    x1, y1, x2, y2 = geometry.head_and_shoulders(face, FRAME, apart, SCALE)
    assert 0 <= x1 < x2 <= FRAME[0]
    assert 0 <= y1 < y2 <= FRAME[1]
    assert x1 <= face[0] + 1
    assert x2 >= face[2] - 1
    assert y1 <= face[1] + 1
    assert y2 >= face[3] - 1


@given(boxes(inside=True), boxes(inside=True))
def test_a_crop_holds_no_other_face_that_is_apart(face: Box, other: Box) -> None:
    if geometry.intersection(face, other) > 0:
        return
    crop = geometry.head_and_shoulders(face, FRAME, [other], SCALE)
    margin = 1.5 * (geometry.side(other) + geometry.side(face))
    assert geometry.intersection(crop, other) <= margin


def test_a_lone_crop_is_square_with_more_room_below() -> None:
    x1, y1, x2, y2 = geometry.head_and_shoulders((600, 300, 700, 400), FRAME, (), SCALE)
    assert x2 - x1 == y2 - y1 == round(100 * SCALE)
    assert y2 - 350 > 350 - y1


def test_a_face_inside_a_crop_is_noticed_by_its_share() -> None:
    face, other = (0.0, 0.0, 50.0, 50.0), (90.0, 0.0, 190.0, 100.0)
    assert geometry.contains_other_face((0, 0, 120, 100), face, [face, other])
    assert not geometry.contains_other_face((0, 0, 100, 100), face, [face, other])
    assert geometry.union((0, 5, 10, 10), (2, 0, 20, 8)) == (0, 0, 20, 10)


@given(boxes(inside=True))
def test_a_lone_crop_is_square_wherever_the_face_is(face: Box) -> None:
    x1, y1, x2, y2 = geometry.head_and_shoulders(face, FRAME, (), SCALE)
    assert x2 - x1 == y2 - y1
