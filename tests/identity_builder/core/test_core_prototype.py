from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpx_identity_builder.core.prototype import Reservoir, medoid, medoid_index, unit_or_none

from .strategies import seeds, unit_rows


@settings(max_examples=40)
@given(seeds, st.integers(1, 40), st.integers(2, 64))
def test_the_medoid_is_the_brute_force_one(seed: int, count: int, dim: int) -> None:
    rows = unit_rows(seed, count, dim).astype(np.float64)
    sums = [sum(1 - float(a @ b) for b in rows) for a in rows]
    assert sums[medoid_index(rows.astype(np.float32))] == pytest.approx(min(sums), abs=1e-5)


def test_the_medoid_is_one_of_many_and_ignores_outliers() -> None:
    rows = unit_rows(3, 20, 64)
    crowd = rows[0] + 0.1 * rows[1:16]
    crowd /= np.linalg.norm(crowd, axis=1, keepdims=True)
    assert float(medoid(np.concatenate([rows[16:], crowd])) @ rows[0]) > 0.98


def test_a_medoid_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        medoid_index(np.empty((0, 8), np.float32))


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        np.zeros(8),
        np.full(8, np.nan),
        np.array([1.0, np.inf]),
        np.array([1.0, -np.inf, np.nan]),
        np.full(8, 1e-9),
        ["a", "b"],
        [[1.0], [1.0, 2.0]],
    ],
)
def test_what_is_no_embedding_never_becomes_one(bad: object) -> None:
    assert unit_or_none(bad) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=32))
def test_embeddings_become_float32_unit_vectors(values: list[float]) -> None:
    vector = unit_or_none(values)
    if vector is None:
        assert np.linalg.norm(values) < 1e-6
    else:
        assert vector.dtype == np.float32
        assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5)


def ticks(count: int, offset: float = 0.0, start: int = 0) -> Reservoir:
    """A reservoir of 32 that was offered so many embeddings, one each nanosecond."""
    return filled(Reservoir(32), count, offset, start)


def filled(reservoir: Reservoir, count: int, offset: float = 0.0, start: int = 0) -> Reservoir:
    for index in range(count):
        reservoir = reservoir.add(np.array([index + offset, 1.0], np.float32), start + index)
    return reservoir


@given(st.integers(1, 3000), st.integers(3, 64))
def test_a_reservoir_is_bounded_and_spread_from_the_first_to_the_last(count: int, capacity: int) -> None:
    reservoir = filled(Reservoir(capacity), count)
    kept = [int(vector[0]) for vector in reservoir.values]
    assert reservoir.offered == count
    assert reservoir.times_ns == tuple(kept)
    assert len(kept) <= capacity
    assert kept[0] == 0
    assert count - kept[-1] <= 2 * reservoir.stride
    assert {b - a for a, b in itertools.pairwise(kept)} <= {reservoir.stride}
    assert len(kept) >= min(count, capacity // 2)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(-400, 400))
def test_merged_reservoirs_are_bounded_symmetric_and_in_order_of_time(a: int, b: int, start: int) -> None:
    one, two = ticks(a), ticks(b, 0.5, start)
    both, same = one.merged(two), two.merged(one)
    assert len(both) <= 32
    assert both.offered == a + b
    assert [v.tobytes() for v in both.values] == [v.tobytes() for v in same.values]
    assert both.times_ns == tuple(sorted(both.times_ns))
    assert bool(len(both)) == bool(a + b)


def test_short_reservoirs_merge_without_loss() -> None:
    both = ticks(10).merged(ticks(12, 0.5, 5)).merged(ticks(10, 0.25, 100))
    assert (len(both), both.stride, both.offered) == (32, 1, 32)


PLACES = {"before": lambda k: -10_000 + 100 * k, "after": lambda k: 10_000 + 100 * k, "amid": lambda k: 50 * k}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("length", "pieces"), [(1, 200), (3, 40), (3, 100), (7, 60), (20, 20), (150, 3), (900, 2)])
def test_each_side_counts_by_what_it_was_offered(length: int, pieces: int, place: str) -> None:
    """Many short sightings joined one by one do not take over what was seen for long, nor vanish beside it."""
    both = ticks(1000)
    for k in range(pieces):
        both = both.merged(ticks(length, 0.5, PLACES[place](k)))
    share = sum(float(vector[0]) % 1 == 0.5 for vector in both.values) / len(both)
    expected = length * pieces / (1000 + length * pieces)
    assert expected / 2 <= share <= expected * 2
    assert len(both) >= 12


def test_after_merging_the_first_and_the_last_minute_still_count() -> None:
    both = ticks(1000)
    for k in range(40):
        both = both.merged(ticks(25, 0.5, 1000 + 25 * k))
    assert both.times_ns[0] < 200
    assert both.times_ns[-1] > 1800
    assert max(b - a for a, b in itertools.pairwise(both.times_ns)) < 400
