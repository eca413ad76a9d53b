"""Tracks: ids stay, bridge short gaps, and are never given twice."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from vpx.face_detect.tracker import FaceTracker

FRAME_NS = 40_000_000
SIDES = st.tuples(*[st.floats(0, 900)] * 2, st.floats(20, 200))
FRAMES = st.lists(st.lists(SIDES.map(lambda v: (v[0], v[1], v[0] + v[2], v[1] + v[2])), max_size=5), max_size=12)


def square(x: float, y: float = 100, side: float = 100) -> tuple[float, float, float, float]:
    return x, y, x + side, y + side


@given(FRAMES)
def test_ids_of_one_frame_differ_and_new_ids_count_up(frames: list[list[tuple[float, ...]]]) -> None:
    tracker = FaceTracker()
    highest = -1
    for index, boxes in enumerate(frames):
        ids = tracker.update(boxes, index * FRAME_NS)
        assert len(set(ids)) == len(boxes)
        fresh = [face_id for face_id in ids if face_id > highest]
        assert fresh == list(range(highest + 1, highest + 1 + len(fresh)))
        highest = max([highest, *ids])


def test_two_moving_faces_keep_their_ids() -> None:
    tracker = FaceTracker()
    ids = [tracker.update([square(10 * i), square(700 - 10 * i, 300)], i * FRAME_NS) for i in range(20)]
    assert ids == [[0, 1]] * 20


def test_a_moving_face_is_met_where_it_was_heading() -> None:
    tracker = FaceTracker()
    for index in range(10):
        tracker.update([square(30 * index)], index * FRAME_NS)
    assert tracker.update([square(30 * 14)], 14 * FRAME_NS) == [0]


def test_a_short_gap_is_bridged_and_a_long_one_is_not() -> None:
    tracker = FaceTracker(max_gap_ms=500)
    tracker.update([square(100)], 0)
    for index in range(1, 10):
        tracker.update([], index * FRAME_NS)
    assert tracker.update([square(100)], 10 * FRAME_NS) == [0]
    for index in range(11, 40):
        tracker.update([], index * FRAME_NS)
    assert tracker.update([square(100)], 40 * FRAME_NS) == [1]


def test_one_missed_frame_is_bridged_at_any_sampling_rate() -> None:
    tracker = FaceTracker(max_gap_ms=100)
    second = 1_000_000_000
    ids = [tracker.update(boxes, t * second) for t, boxes in enumerate([[square(100)], [], [square(105)]])]
    assert ids == [[0], [], [0]]


def test_a_box_of_another_size_in_the_same_place_is_somebody_else() -> None:
    tracker = FaceTracker()
    tracker.update([square(100, 100, 200)], 0)
    assert tracker.update([square(100, 100, 95)], FRAME_NS) == [1]


def test_reset_and_time_running_backwards_start_new_tracks() -> None:
    tracker = FaceTracker()
    tracker.update([square(100)], 10 * FRAME_NS)
    assert tracker.update([square(100)], 0) == [1]
    tracker.reset()
    assert tracker.update(np.array([square(100)]), FRAME_NS) == [0]
