from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpx_identity_builder.core.conditioning import (
    DARK_RATIO,
    DEFAULT_RATIO,
    DIVERSITY_RATIO,
    DRIFT_RATIO,
    Measured,
    Ratio,
    advised,
    allocate,
    largest_remainder,
    parse_ratio,
)
from vpx_identity_builder.core.results import Conditions, SetName

from .world import DLIB, Look, Shot, World, drive

A, COV, CH = SetName.ANCHOR, SetName.COVERAGE, SetName.CHALLENGE
VARIED = {"yaw": 5, "pitch": 3, "expression": 3}

parts = st.floats(0, 100, allow_nan=False)
ratios = st.tuples(parts, parts, parts).filter(lambda three: sum(three) > 1e-6).map(lambda three: Ratio(*three))


@pytest.mark.parametrize(
    ("ratio", "count", "expected"),
    [
        (DEFAULT_RATIO, 10, (2, 7, 1)),
        (DEFAULT_RATIO, 7, (1, 5, 1)),
        (DEFAULT_RATIO, 1, (0, 1, 0)),
        (DIVERSITY_RATIO, 10, (2, 7, 1)),
        (DRIFT_RATIO, 10, (3, 6, 1)),
        (DARK_RATIO, 20, (4, 13, 3)),
        (Ratio(1, 1, 1), 4, (2, 1, 1)),
        (Ratio(0, 1, 0), 5, (0, 5, 0)),
    ],
)
def test_the_largest_remainders_are_rounded_up(ratio: Ratio, count: int, expected: tuple[int, int, int]) -> None:
    assert tuple(largest_remainder(ratio, count).values()) == expected


@given(ratios, st.integers(1, 500))
def test_counts_add_up_and_are_off_by_less_than_one(ratio: Ratio, count: int) -> None:
    counts = largest_remainder(ratio, count)
    total = sum(ratio.parts().values())
    assert sum(counts.values()) == count
    assert all(abs(counts[name] - count * part / total) < 1 for name, part in ratio.parts().items())


@given(ratios, st.integers(1, 60), st.fixed_dictionaries(dict.fromkeys(SetName, st.integers(0, 40))))
def test_what_is_missing_in_one_set_comes_from_the_others_as_far_as_they_reach(
    ratio: Ratio, count: int, available: dict[SetName, int]
) -> None:
    allocation = allocate(ratio, count, available)
    assert all(0 <= allocation.given[name] <= available[name] for name in SetName)
    assert sum(allocation.given.values()) == min(count, sum(available.values()))
    assert allocation.missing == count - sum(allocation.given.values())
    assert all(number > 0 and available[short] < allocation.asked[short] for short, _, number in allocation.moved)


def test_challenge_images_fill_in_last() -> None:
    allocation = allocate(DEFAULT_RATIO, 10, {A: 5, COV: 2, CH: 8})
    assert dict(allocation.given) == {A: 5, COV: 2, CH: 3}
    assert allocation.moved == ((COV, A, 3), (COV, CH, 2))
    assert dict(allocate(DEFAULT_RATIO, 10, {A: 5, COV: 20, CH: 0}).given) == {A: 2, COV: 8, CH: 0}


@pytest.mark.parametrize(
    ("measured", "ratio", "word"),
    [
        (Measured(0.05, 0.0, VARIED), DEFAULT_RATIO, "the default"),
        (Measured(0.2, 0.0, VARIED), DRIFT_RATIO, "identity drifts often: 20% of the faces"),
        (Measured(0.0, 0.0, {**VARIED, "yaw": 2}), DIVERSITY_RATIO, "yaw 2 bins, fewer than 3"),
        (Measured(0.0, 0.3, VARIED), DARK_RATIO, "30% of the faces are dark"),
        (Measured(0.5, 0.3, {**VARIED, "expression": 1}), DRIFT_RATIO, "; also, darkness is frequent"),
        (Measured(None, None, VARIED), DEFAULT_RATIO, "were not measured"),
    ],
)
def test_auto_takes_the_row_that_fits_and_says_why(measured: Measured, ratio: Ratio, word: str) -> None:
    advice = advised(measured)
    assert advice.ratio == ratio
    assert word in advice.why


@pytest.mark.parametrize("text", ["", "20:70", "a:b:c", "1:2:3:4", "-1:2:3", "0:0:0", "nan:1:1", "inf:1:1"])
def test_what_is_no_ratio_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="three numbers"):
        parse_ratio(text)
    assert parse_ratio("20:65.5:15") == Ratio(20, 65.5, 15)


def test_a_ride_tells_how_often_a_person_was_covered_dark_or_not_recognised() -> None:
    """Every fourth frame a hand, a dark third, and one frame in ten aligned wrongly."""
    world = World(DLIB)

    def shot(index: int) -> Shot:
        look = Look(occlusion=0.35 if index % 4 == 0 else 0.0, brightness=45.0 if 100 <= index < 200 else 120.0)
        return world.shot(index, world.face(0, index, look=look, spoilt=index % 10 == 7))

    (person,) = drive(shot(i) for i in range(300)).result.persons
    seen = person.conditions
    assert (seen.faces, seen.covered, seen.drifting) == (300, 75, 30)
    assert seen.drifting_or_covered == 105
    assert seen.dark == 100
    assert Conditions(1, 2, 3, 4, 5) + Conditions(1, 1, 1, 1, 1) == Conditions(2, 3, 4, 5, 6)
