import pickle
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import visualbase
from hypothesis import given
from hypothesis import strategies as st
from visualbase import SampleClock, SourceNotFound, SourceUnreadable
from visualbase._orientation import Orientation, from_display_matrix
from visualbase._timeline import Timeline

SECOND_NS = 1_000_000_000

rates = st.fractions(min_value=Fraction(1, 10), max_value=240, max_denominator=1001)
timelines = st.lists(st.integers(1, SECOND_NS), min_size=1, max_size=60).map(lambda gaps: list(np.cumsum(gaps)))


def picked(times, fps, tolerance_ns=0):
    clock = SampleClock(fps, tolerance_ns)
    return [int(t) for t in times if clock.accept(int(t))]


@given(timelines, rates)
def test_each_sample_time_takes_the_first_frame_at_or_after_it(times, fps):
    origin = int(times[0])
    expected, k = set(), 0
    while True:
        due = origin + k * SECOND_NS / fps
        at_or_after = [int(t) for t in times if t >= due]
        if not at_or_after:
            break
        expected.add(at_or_after[0])
        k = int((at_or_after[0] - origin) * fps / SECOND_NS) + 1
    assert picked(times, fps) == sorted(expected)


@given(timelines, rates, rates, st.integers(0, 30 * SECOND_NS), st.integers(0, 30 * SECOND_NS))
def test_a_denser_stretch_has_its_own_rate_and_changes_nothing_outside(times, fps, denser, start, length):
    inside = {int(t) for t in times if start <= t - times[0] <= start + length}
    clock = SampleClock(fps, 0)
    mixed = [int(t) for t in times if clock.accept(int(t), denser if int(t) in inside else None)]
    plain, dense = set(picked(times, fps)), set(picked(times, max(fps, denser)))
    assert mixed == sorted({t for t in plain if t not in inside} | {t for t in dense if t in inside})


def test_a_rate_below_the_usual_one_thins_nothing_out():
    clock = SampleClock(10, 0)
    times = [k * SECOND_NS // 20 for k in range(40)]
    assert [t for t in times if clock.accept(t, 1)] == picked(times, 10)


def test_an_event_of_a_tenth_of_a_second_is_seen_by_the_denser_rate_only():
    times = [round(Fraction(i * SECOND_NS, 30)) for i in range(90)]
    event = {t for t in times if 1.02 < t / SECOND_NS < 1.12}
    clock = SampleClock(5)
    seen = [t for t in times if clock.accept(t, 30 if 0.9 <= t / SECOND_NS <= 1.3 else None)]
    assert event & set(picked(times, 5, 1)) == set()
    assert event <= set(seen)
    assert seen == sorted(seen)


@given(st.integers(1, 240), st.integers(1, 240), st.integers(1, 400))
def test_constant_rates_give_the_exact_number_of_frames(source_fps, fps, count):
    times = [round(Fraction(i * SECOND_NS, source_fps)) for i in range(count)]
    samples = picked(times, fps, tolerance_ns=1)
    if fps >= source_fps:
        assert samples == times
    else:
        assert len(samples) == (count - 1) * fps // source_fps + 1


def test_an_hour_does_not_drift():
    times = [round(Fraction(i * 1001 * SECOND_NS, 30000)) for i in range(107_892)]
    samples = picked(times, 10, tolerance_ns=1)
    assert len(samples) == int((times[-1] + 1) * 10 / SECOND_NS) + 1
    assert all(0 <= t - k * SECOND_NS // 10 + 1 < 33_366_668 for k, t in enumerate(samples))


def test_rounded_timestamps_count_as_being_on_time():
    times = [round(i * 1000 / 30) * 1_000_000 for i in range(60)]
    assert picked(times, 30, tolerance_ns=500_001) == times


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=40, unique=True))
def test_numbers_and_times_follow_the_presentation_order(pts):
    timeline = Timeline(Fraction(1, 1000), Fraction(25))
    for value in pts:
        timeline.note_packet(value)
    placed = [timeline.place(value) for value in sorted(pts)]
    assert placed == [(i, (value - min(pts)) * 1_000_000) for i, value in enumerate(sorted(pts))]


@given(st.lists(st.one_of(st.none(), st.integers(-50, 50)), min_size=1, max_size=30))
def test_whatever_the_timestamps_numbers_and_times_grow_from_zero(pts):
    timeline = Timeline(Fraction(1, 25), Fraction(25))
    placed = []
    for value in pts:
        timeline.note_packet(value)
        placed.append(timeline.place(value))
    assert placed[0] == (0, 0)
    assert all(b[0] > a[0] and b[1] > a[1] for a, b in pairwise(placed))


def test_a_lost_frame_leaves_a_gap_in_the_numbers():
    timeline = Timeline(Fraction(1, 25), Fraction(25))
    for value in range(5):
        timeline.note_packet(value)
    assert [timeline.place(value)[0] for value in (0, 1, 4)] == [0, 1, 4]


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("mirror_x", [False, True])
@pytest.mark.parametrize("mirror_y", [False, True])
def test_display_matrices_move_pixels_where_they_say(transpose, mirror_x, mirror_y):
    sx, sy = (-1 if mirror_x else 1) * 65536, (-1 if mirror_y else 1) * 65536
    a, b, c, d = (0, sy, sx, 0) if transpose else (sx, 0, 0, sy)
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], dtype="<i4").tobytes()
    assert from_display_matrix(matrix) == Orientation(transpose, mirror_x, mirror_y)
    image = np.zeros((3, 5, 3), np.uint8)
    image[1, 4] = 9
    x, y = (a * 4 + c * 1) // 65536, (b * 4 + d * 1) // 65536
    upright = from_display_matrix(matrix).apply(image)
    assert upright[y if y >= 0 else y + upright.shape[0] - 1, x if x >= 0 else x + upright.shape[1] - 1, 0] == 9


def test_errors_survive_pickling():
    for error in (SourceNotFound("a.mp4", "no such file"), SourceUnreadable("b.mp4", "bad")):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.path, again.reason) == (
            type(error),
            str(error),
            error.path,
            error.reason,
        )


def test_every_public_name_exists():
    assert [name for name in visualbase.__all__ if not hasattr(visualbase, name)] == []
