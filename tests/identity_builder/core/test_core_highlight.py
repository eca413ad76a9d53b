"""Among images of equal quality the one from a highlight is kept and chosen; a better one still wins (§15)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpx_identity_builder.core.buckets import classify
from vpx_identity_builder.core.config import SelectionConfig
from vpx_identity_builder.core.pool import BETTER_BY, Offer, Pool, Scored, TimeSlots, decide, place
from vpx_identity_builder.core.types import Candidate

from .strategies import SECOND, candidate, sample
from .world import DLIB, Look, Run, World, drive


def draft(t_ns: int, in_highlight: bool) -> Candidate:
    face = replace(sample(t_ns=t_ns), in_highlight=in_highlight)
    return candidate(face, classify(face, None, SelectionConfig()), 0.0)


def kept_in_bucket(first: tuple[bool, float], second: tuple[bool, float]) -> int:
    """Which of two faces, given as (in a highlight, quality), holds the bucket after both were offered."""
    pool = Pool(4)
    for index, (inside, quality) in enumerate((first, second)):
        item, claim = draft(index, inside), Offer(quality, True, None, {})
        decision = decide(pool, item, claim)
        pool = place(pool, item, claim, decision) if decision.keeps else pool
    (kept,) = pool.candidates()
    return kept.sample.t_ns


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ((False, 0.5), (True, 0.5), 1),
        ((False, 0.5), (True, 0.5 - BETTER_BY / 2), 1),
        ((False, 0.5), (True, 0.5 - 2 * BETTER_BY), 0),
        ((True, 0.5), (False, 0.5 + BETTER_BY / 2), 0),
        ((True, 0.5), (False, 0.5 + 2 * BETTER_BY), 1),
        ((True, 0.5), (True, 0.5), 0),
        ((False, 0.5), (False, 0.5), 0),
    ],
)
def test_the_pool_prefers_a_highlight_among_near_ties(
    first: tuple[bool, float], second: tuple[bool, float], kept: int
) -> None:
    assert kept_in_bucket(first, second) == kept


scores = st.floats(0, 1)


@given(scores, scores, st.booleans(), st.booleans())
def test_a_fused_stretch_keeps_the_highlight_unless_the_other_is_better_by_more(
    one: float, two: float, one_inside: bool, two_inside: bool
) -> None:
    slots = TimeSlots(1, slot_ns=SECOND)
    slots = slots.with_entry(Scored(one, draft(0, one_inside))).with_entry(Scored(two, draft(SECOND, two_inside)))
    (kept,) = slots.entries.values()
    first, second = one + BETTER_BY * one_inside, two + BETTER_BY * two_inside
    assert kept.candidate.sample.t_ns == (SECOND if second > first else 0)


def ride(highlight: range, sharpness_inside: float = 200.0) -> Run:
    """Twenty seconds of one calm face, a stretch of it marked as a highlight."""
    world = World(DLIB)

    def shot(index: int) -> object:
        inside = index in highlight
        look = Look(sharpness=sharpness_inside if inside else 200.0)
        seen = world.face(0, index, look=look)
        return world.shot(index, replace(seen, face=replace(seen.face, in_highlight=inside)))

    return drive(shot(i) for i in range(200))


def test_the_chosen_anchors_come_from_the_highlight_where_all_are_equally_good() -> None:
    plain, marked = ride(range(0)), ride(range(120, 180))
    assert plain.result.persons[0].anchors
    assert not any(image.candidate.sample.in_highlight for image in plain.result.persons[0].anchors)
    assert all(image.candidate.sample.in_highlight for image in marked.result.persons[0].anchors)


def test_a_worse_highlight_wins_nothing() -> None:
    soft = ride(range(120, 180), sharpness_inside=130.0)
    assert not any(image.candidate.sample.in_highlight for image in soft.result.persons[0].anchors)
