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


def ticks(count: int) -> list[np.ndarray]:
    return [np.array([index, 1.0], np.float32) for index in range(count)]


@given(st.integers(1, 3000), st.integers(3, 64))
def test_a_reservoir_is_bounded_and_spread_from_the_first_to_the_last(count: int, capacity: int) -> None:
    reservoir = Reservoir(capacity)
    for vector in ticks(count):
        reservoir = reservoir.add(vector)
    kept = [int(vector[0]) for vector in reservoir.vectors]
    assert reservoir.offered == count
    assert len(kept) <= capacity
    assert kept[0] == 0
    assert count - kept[-1] <= 2 * reservoir.stride
    assert {b - a for a, b in itertools.pairwise(kept)} <= {reservoir.stride}
    assert len(kept) >= min(count, capacity // 2)


@given(st.integers(0, 300), st.integers(0, 300))
def test_merged_reservoirs_are_bounded_and_symmetric(a: int, b: int) -> None:
    one, two = Reservoir(32), Reservoir(32)
    for vector in ticks(a):
        one = one.add(vector)
    for vector in ticks(b):
        two = two.add(vector + np.float32(0.5))
    both, same = one.merged(two), two.merged(one)
    assert len(both) <= 32
    assert both.offered == a + b
    assert [v.tobytes() for v in both.vectors] == [v.tobytes() for v in same.vectors]
    assert bool(len(both)) == bool(a + b)
