from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpx_vision_embed.crops import (
    MAX_TRACKS,
    TrackSmoother,
    body_box_from_face,
    body_box_from_pose,
    cut_square,
    intersection,
    iou,
    square_around,
    visible_fraction,
    xywh_to_box,
)
from vpx_vision_embed.errors import CropError
from vpx_vision_embed.types import Box

SECOND = 1_000_000_000
coordinates = st.floats(-500, 500)
lengths = st.floats(1, 300)
boxes = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), coordinates, coordinates, lengths, lengths)


def test_normalised_xywh_becomes_a_pixel_box() -> None:
    assert xywh_to_box((0.25, 0.5, 0.5, 0.25), 640, 360) == (160.0, 180.0, 480.0, 270.0)


@pytest.mark.parametrize(
    "xywh",
    [(0, 0, 0, 1), (0, 0, 1, -1), (float("nan"), 0, 1, 1), (0, 0, float("inf"), 1), (0, 0, 1), "face", (0, 0, 1, None)],
)
def test_what_is_no_box_is_none(xywh: object) -> None:
    assert xywh_to_box(xywh) is None  # type: ignore[arg-type]


@given(boxes, boxes)
def test_iou_is_symmetric_and_one_only_with_itself(a: Box, b: Box) -> None:
    assert iou(a, b) == pytest.approx(iou(b, a))
    assert 0.0 <= iou(a, b) <= 1.0 + 1e-9
    assert iou(a, a) == pytest.approx(1.0)


def test_square_keeps_the_centre_and_the_longer_side() -> None:
    assert square_around((10, 20, 30, 60), 1.5) == (-10.0, 10.0, 50.0, 70.0)


@given(box=boxes, width=st.integers(1, 200), height=st.integers(1, 200))
def test_a_cut_is_square_and_shows_the_frame_where_it_is_inside(box: Box, width: int, height: int) -> None:
    columns = np.arange(width, dtype=np.uint8)[None, :].repeat(height, axis=0)
    rows = np.arange(height, dtype=np.uint8)[:, None].repeat(width, axis=1)
    image = np.dstack([columns, rows, columns])
    square = square_around(box)
    try:
        crop, shown = cut_square(image, square)
    except CropError:
        common = intersection(square, (0.0, 0.0, float(width), float(height)))
        assert min(common[2] - common[0], common[3] - common[1]) < 1.0
        return
    side = crop.shape[0]
    assert crop.shape == (side, side, 3)
    assert shown[2] - shown[0] == shown[3] - shown[1] == side
    left, top = int(shown[0]), int(shown[1])
    expected_columns = np.clip(np.arange(left, left + side), 0, width - 1)
    expected_rows = np.clip(np.arange(top, top + side), 0, height - 1)
    np.testing.assert_array_equal(crop[0, :, 0], expected_columns)
    np.testing.assert_array_equal(crop[:, 0, 1], expected_rows)


def test_a_square_outside_the_frame_is_an_error() -> None:
    with pytest.raises(CropError, match="outside the frame of 20 x 10"):
        cut_square(np.zeros((10, 20, 3), np.uint8), (30, 0, 40, 10))


@given(boxes.filter(lambda box: visible_fraction(box, 640, 360) > 0.34))
def test_a_guessed_body_lies_in_the_frame_and_holds_the_visible_face(face: Box) -> None:
    body = body_box_from_face(face, 640, 360)

    assert 0 <= body[0] < body[2] <= 640
    assert 0 <= body[1] < body[3] <= 360
    assert body[0] <= max(face[0], 0)
    assert body[3] >= min(face[3], 360)


def shoulders(left: float = 0.9, right: float = 0.9) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    points = np.zeros((17, 3))
    points[5] = (400, 200, left)
    points[6] = (200, 200, right)
    return points


def test_a_body_from_shoulders_alone_ends_below_them() -> None:
    body = body_box_from_pose(shoulders(), (260, 60, 340, 160), 640, 600)

    assert body == (150.0, 35.0, 450.0, 460.0)


def test_a_body_with_hips_ends_at_the_hips() -> None:
    points = shoulders()
    points[11] = (380, 390, 0.9)

    body = body_box_from_pose(points, (260, 60, 340, 160), 640, 600)

    assert body is not None
    assert body[3] == 390.0


@pytest.mark.parametrize(("left", "right"), [(0.1, 0.9), (0.9, 0.0), (float("nan"), 0.9)])
def test_no_body_without_both_shoulders(left: float, right: float) -> None:
    assert body_box_from_pose(shoulders(left, right), (260, 60, 340, 160), 640, 600) is None


def test_the_first_box_of_a_track_is_taken_as_it_is_and_the_next_is_blended() -> None:
    smoother = TrackSmoother(0.4)

    assert smoother.update(1, (0, 0, 100, 100), 0) == (0, 0, 100, 100)
    assert smoother.update(1, (10, 10, 110, 110), SECOND // 25) == pytest.approx((4, 4, 104, 104))


@pytest.mark.parametrize("later", [SECOND + 1, -1])
def test_smoothing_restarts_after_a_gap_and_when_time_runs_backwards(later: int) -> None:
    smoother = TrackSmoother(0.4)
    smoother.update(1, (0, 0, 100, 100), 0)

    assert smoother.update(1, (10, 10, 110, 110), later) == (10, 10, 110, 110)


def test_smoothing_goes_on_across_a_gap_of_exactly_a_second_and_a_repeated_time() -> None:
    smoother = TrackSmoother(0.5)
    smoother.update(1, (0, 0, 100, 100), 0)

    assert smoother.update(1, (10, 0, 110, 100), 0) == (5, 0, 105, 100)
    assert smoother.update(1, (15, 0, 115, 100), SECOND) == (10, 0, 110, 100)


def test_smoothing_restarts_when_the_box_jumps() -> None:
    smoother = TrackSmoother(0.4)
    smoother.update(1, (0, 0, 100, 100), 0)

    assert smoother.update(1, (60, 0, 160, 100), 1) == (60, 0, 160, 100)


steps = st.lists(st.tuples(boxes, st.integers(0, 2 * SECOND)), min_size=1, max_size=12)


@given(first=steps, second=steps)
def test_two_people_never_share_a_smoother(first: list[tuple[Box, int]], second: list[tuple[Box, int]]) -> None:
    def run(tracks: dict[int, list[tuple[Box, int]]]) -> dict[int, list[Box]]:
        smoother = TrackSmoother(0.4)
        times = sorted({t for steps in tracks.values() for _, t in steps})
        out: dict[int, list[Box]] = {key: [] for key in tracks}
        for t in times:
            for key, items in tracks.items():
                out[key] += [smoother.update(key, box, t) for box, at in items if at == t]
        return out

    together = run({1: first, 2: second})

    assert together[1] == run({1: first})[1]
    assert together[2] == run({2: second})[2]


@given(steps)
def test_a_smoothed_box_lies_between_the_last_one_and_the_new_one(track: list[tuple[Box, int]]) -> None:
    smoother = TrackSmoother(0.4)
    last: Box | None = None
    for box, t_ns in sorted(track, key=lambda step: step[1]):
        smoothed = smoother.update(1, box, t_ns)
        for index in range(4):
            low, high = sorted((box[index], last[index] if last is not None else box[index]))
            assert low - 1e-6 <= smoothed[index] <= high + 1e-6
        last = smoothed


def test_memory_is_bounded_by_time_and_by_number() -> None:
    smoother = TrackSmoother(0.4)
    for track in range(3 * MAX_TRACKS):
        smoother.update(track, (0, 0, 10, 10), 0)
    assert len(smoother) == MAX_TRACKS

    smoother.update(-1, (0, 0, 10, 10), SECOND + 1)
    assert len(smoother) == 1

    smoother.clear()
    assert len(smoother) == 0


@pytest.mark.parametrize("alpha", [0.0, 1.5, -1.0])
def test_alpha_outside_its_range_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        TrackSmoother(alpha)
