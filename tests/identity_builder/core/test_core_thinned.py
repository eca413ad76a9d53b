"""Medians and quantiles of thinned samples: exactly those of the values that are kept."""

from __future__ import annotations

import statistics

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vpx_identity_builder.core.thinned import Spread

measures = st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.25, 100.0]), min_size=1, max_size=60)
capacities = st.integers(3, 12)


def spread_of(values: list[float], capacity: int) -> Spread:
    spread = Spread(capacity)
    for index, value in enumerate(values):
        spread = spread.add(value, index)
    return spread


@given(measures, capacities, st.floats(0, 1))
def test_medians_and_quantiles_are_those_of_what_is_kept(values: list[float], capacity: int, share: float) -> None:
    spread = spread_of(values, capacity)
    assert spread.median == statistics.median(spread.values)
    assert spread.quantile(share) == float(np.quantile(spread.values, share))


@given(measures, measures, capacities)
def test_also_of_two_samples_that_became_one(values: list[float], others: list[float], capacity: int) -> None:
    spread = spread_of(values, capacity).merged(spread_of(others, capacity))
    assert spread.ordered == tuple(sorted(spread.values))
    assert spread.add(0.5, 999).ordered == tuple(sorted(spread.add(0.5, 999).values))


def test_nothing_is_known_before_the_first_value() -> None:
    assert (Spread().median, Spread().quantile(0.5)) == (None, None)
