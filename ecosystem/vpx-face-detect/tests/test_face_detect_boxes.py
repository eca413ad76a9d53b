"""Overlap and suppression of boxes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vpx.face_detect.boxes import iou, suppress

SIDES = st.tuples(*[st.floats(0, 100)] * 2, *[st.floats(1, 60)] * 2)
BOXES = st.lists(SIDES.map(lambda v: (v[0], v[1], v[0] + v[2], v[1] + v[3])), min_size=1, max_size=8)


def test_iou_of_known_boxes() -> None:
    a = np.array([[0.0, 0, 10, 10], [0, 0, 0, 0]])
    b = np.array([[5.0, 0, 15, 10], [0, 0, 10, 10]])
    assert iou(a, b) == pytest.approx(np.array([[1 / 3, 1.0], [0.0, 0.0]]))


@given(BOXES)
def test_kept_boxes_never_clash_and_every_dropped_one_clashes_with_a_better(boxes: list[tuple[float, ...]]) -> None:
    array = np.array(boxes)
    scores = np.linspace(0.9, 0.5, len(boxes))
    kept = suppress(array, scores, 0.3, 2.0)
    overlap = iou(array, array)
    assert all(overlap[a, b] <= 0.3 for a in kept for b in kept if a != b)
    assert all(any(overlap[index, better] > 0.3 for better in kept if better < index)
               for index in range(len(boxes)) if index not in kept)  # fmt: skip


def test_a_box_inside_a_better_one_goes_though_their_iou_is_small() -> None:
    boxes = np.array([[0.0, 0, 100, 100], [30, 30, 60, 60], [200, 0, 300, 100]])
    assert suppress(boxes, np.array([0.9, 0.8, 0.7]), 0.3, 0.65) == [0, 2]


def test_equal_scores_keep_the_first() -> None:
    assert suppress(np.array([[0.0, 0, 10, 10], [0, 0, 10, 10]]), np.array([0.5, 0.5]), 0.3, 0.65) == [0]
