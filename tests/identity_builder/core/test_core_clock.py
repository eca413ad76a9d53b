from __future__ import annotations

import itertools
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from vpx_identity_builder.core.clock import NOMINAL_GAP_NS, Clock

times = st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=30)


@given(times)
def test_the_clock_advances_whatever_the_timestamps_do(given_times: list[int]) -> None:
    clock, readings = Clock(), [0]
    for t_ns in given_times:
        clock = clock.tick(t_ns)
        readings.append(clock.now_ns)
    assert all(later > earlier for earlier, later in itertools.pairwise(readings))
    assert (clock.first_t_ns, clock.last_t_ns) == (min(given_times), max(given_times))
    stalled = sum(later <= earlier for earlier, later in itertools.pairwise(given_times))
    assert clock.stalled == stalled


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=30, unique=True).map(sorted))
def test_timestamps_that_increase_are_taken_at_their_word(given_times: list[int]) -> None:
    clock = reduce(Clock.tick, given_times, Clock())
    assert clock.now_ns == NOMINAL_GAP_NS + given_times[-1] - given_times[0]
