"""The objective of the three sets and its upper bound, against all choices where these can be counted out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpx_identity_builder.core.config import NoveltyScale
from vpx_identity_builder.core.novelty import NOTHING_SAVED, dual_novelty
from vpx_identity_builder.core.objective import (
    Group,
    achieved,
    distances,
    gains,
    greedy,
    heaviest,
    represented,
    upper_bound,
    worth,
)
from vpx_identity_builder.core.results import Achieved

from .strategies import sample, unit_rows

FACE, BODY = NoveltyScale(0.3, 0.2), NoveltyScale(0.6, 0.4)
SMALL = 7


@st.composite
def instances(draw: st.DrawFn) -> tuple[np.ndarray, list[Group]]:
    """What choosing each of at most seven candidates does for each, and three overlapping groups with their caps."""
    count = draw(st.integers(1, SMALL))
    numbers = st.lists(st.floats(0, 1), min_size=count * count, max_size=count * count)
    worths = np.array(draw(numbers)).reshape(count, count)
    members = st.sets(st.integers(0, count - 1), max_size=count)
    groups = [Group(tuple(sorted(draw(members))), draw(st.integers(0, 2))) for _ in range(3)]
    return worths, groups


def fits(chosen: tuple[int, ...], groups: list[Group]) -> bool:
    """True when every image finds a group of its own with room: tried out."""
    seats = [number for number, group in enumerate(groups) for _ in range(group.cap)]
    return any(
        all(index in groups[seat].members for index, seat in zip(chosen, order, strict=True))
        for order in itertools.permutations(seats, len(chosen))
    )


def choices(count: int, groups: list[Group]) -> Iterator[tuple[int, ...]]:
    for size in range(count + 1):
        yield from (chosen for chosen in itertools.combinations(range(count), size) if fits(chosen, groups))


def best_of(worths: np.ndarray, groups: list[Group]) -> float:
    """What the best choice within the caps is worth: all are tried."""
    return max(float(represented(worths, chosen).sum()) for chosen in choices(len(worths), groups))


@settings(max_examples=80)
@given(instances())
def test_no_choice_within_the_caps_exceeds_the_bound(instance: tuple[np.ndarray, list[Group]]) -> None:
    assert best_of(*instance) <= upper_bound(*instance) + 1e-9


def looks(seed: int) -> tuple[np.ndarray, list[Group]]:
    """Seven faces of random looks and qualities; three buckets of which one or two may be shown, one anchor."""
    random = np.random.default_rng(seed)
    places = random.random((SMALL, 2))
    far = np.linalg.norm(places[:, None] - places[None, :], axis=2)
    worths = worth(far, random.uniform(0.6, 0.9, SMALL), threshold=0.4)
    return worths, [Group((0, 1, 2), 1), Group((3, 4), 1), Group((5, 6), 2), Group((0, 3, 5), 1)]


@pytest.mark.parametrize("seed", range(12))
def test_the_bound_is_near_the_best_choice(seed: int) -> None:
    worths, groups = looks(seed)
    best = best_of(worths, groups)
    assert best - 1e-9 <= upper_bound(worths, groups) <= 1.02 * best


@settings(max_examples=40)
@given(instances(), st.lists(st.floats(0, 1), min_size=SMALL, max_size=SMALL))
def test_no_held_values_give_a_much_lower_bound(instance: tuple[np.ndarray, list[Group]], numbers: list[float]) -> None:
    worths, groups = instance
    held = np.array(numbers[: len(worths)])
    more = gains(worths, held)
    assert upper_bound(worths, groups) <= 1.01 * float(held.sum() + more[heaviest(more, groups)].sum()) + 1e-6


@settings(max_examples=40)
@given(instances())
def test_the_greedy_choice_keeps_the_caps_and_reaches_half_of_the_best(
    instance: tuple[np.ndarray, list[Group]],
) -> None:
    worths, groups = instance
    chosen = greedy(worths, groups)
    assert len(set(chosen)) == len(chosen)
    assert fits(tuple(chosen), groups)
    assert float(represented(worths, chosen).sum()) >= best_of(worths, groups) / 2 - 1e-9


@settings(max_examples=40)
@given(instances(), st.lists(st.floats(0, 1), min_size=SMALL, max_size=SMALL))
def test_the_heaviest_images_that_fit_are_found(instance: tuple[np.ndarray, list[Group]], numbers: list[float]) -> None:
    worths, groups = instance
    weights = np.array(numbers[: len(worths)])
    best = max(float(weights[list(chosen)].sum()) for chosen in choices(len(worths), groups))
    heavy = heaviest(weights, groups)
    assert fits(tuple(heavy), groups)
    assert float(weights[heavy].sum()) == pytest.approx(best, abs=1e-9)


@settings(max_examples=40)
@given(instances(), st.data())
def test_an_image_adds_never_less_than_nothing_and_the_less_the_more_there_are(
    instance: tuple[np.ndarray, list[Group]], data: st.DataObject
) -> None:
    worths, _ = instance
    many = data.draw(st.lists(st.integers(0, len(worths) - 1), unique=True))
    few = many[: len(many) // 2]
    early, late = gains(worths, represented(worths, few)), gains(worths, represented(worths, many))
    assert (late >= 0).all()
    assert (late <= early + 1e-9).all()
    more = [float(represented(worths, [*few, index]).sum()) for index in range(len(worths))]
    assert float(represented(worths, few).sum()) + early == pytest.approx(np.array(more))


def test_distances_are_the_dual_novelty_of_the_document() -> None:
    faces, bodies = unit_rows(1, 5, 16), unit_rows(2, 5, 8)
    samples = [sample(vis=faces[k] if k != 3 else None, body=bodies[k] if k not in (2, 3) else None) for k in range(5)]
    found = distances(samples, FACE, BODY)
    for i, j in itertools.permutations(range(5), 2):
        saved_faces = [v for v in [samples[j].e_vis_face] if v is not None]
        saved_bodies = [v for v in [samples[j].e_vis_body] if v is not None]
        one = samples[i]
        expected = dual_novelty(one.e_vis_face, one.e_vis_body, saved_faces, saved_bodies, FACE, BODY)
        assert found[i, j] == pytest.approx(expected, abs=1e-6)
    assert found[3, 0] == NOTHING_SAVED
    assert list(found.diagonal()) == [0.0] * 5


def test_half_as_new_is_half_represented() -> None:
    distance = np.array([[0.0, 0.3, 0.6, 0.9]] * 4)
    made = worth(distance, np.array([1.0, 0.8, 0.8, 0.8]), threshold=0.3)
    assert made[0].tolist() == pytest.approx([1.0, 0.4, 0.0, 0.0])


def test_nothing_to_choose_is_chosen_well() -> None:
    assert achieved(np.zeros((0, 0)), [], [Group((), 5)]).share == 1.0
    assert Achieved(0.9, 1.0).share == pytest.approx(0.9)
