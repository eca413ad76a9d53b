from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from vpx_identity_builder.core.buckets import bucket_key, classify
from vpx_identity_builder.core.config import SelectionConfig
from vpx_identity_builder.core.pool import (
    ANCHOR_SLOTS,
    BETTER_BY,
    CONDITION_SLOTS,
    Decision,
    Offer,
    Pool,
    Scored,
    TimeSlots,
    decide,
    merged,
    place,
)
from vpx_identity_builder.core.types import Candidate

from .strategies import SECOND, candidate, sample, unit_rows

CAPACITY = 3
VISION = unit_rows(11, 400, 24)


def draft(t_ns: int, vision: int = 0, novelty: float = 1.0, yaw: float = 0.0, **look: float) -> Candidate:
    face = sample(t_ns=t_ns, yaw=yaw, vis=VISION[vision], **look)
    return candidate(face, classify(face, None, SelectionConfig()), novelty)


def offer(quality: float, anchor: float | None = None, **conditions: float) -> Offer:
    return Offer(quality, True, anchor, conditions)


def give(pool: Pool, item: Candidate, claim: Offer) -> tuple[Pool, Decision]:
    decision = decide(pool, item, claim)
    return (place(pool, item, claim, decision) if decision.keeps else pool), decision


def test_the_rules_of_the_document() -> None:
    pool, decision = give(Pool(CAPACITY), draft(0), offer(0.5))
    assert decision.code == "saved"
    pool, decision = give(pool, draft(1), offer(0.5 + BETTER_BY / 2))
    assert (decision.code, decision.lost_to_t_ns, decision.keeps) == ("worse_than_kept", 0, False)
    assert [decision.code_of(is_new) for is_new in (False, True)] == ["not_novel", "worse_than_kept"]
    pool, decision = give(pool, draft(2), offer(0.6))
    assert [decision.code_of(is_new) for is_new in (False, True)] == ["replaced", "replaced"]
    assert [c.sample.t_ns for c in pool.candidates()] == [2]
    pool, decision = give(pool, draft(SECOND), offer(0.1))
    assert [decision.code_of(is_new) for is_new in (False, True)] == ["other_moment", "added"]
    assert [c.sample.t_ns for c in pool.candidates()] == [2, SECOND]


def test_a_full_bucket_takes_no_moment_that_a_neighbour_would_swallow() -> None:
    pool = Pool(CAPACITY)
    for k in range(CAPACITY):
        pool, _ = give(pool, draft(k * SECOND // 2), offer(0.5))
    assert len(pool.candidates()) == CAPACITY == 3
    assert not give(pool, draft(3 * SECOND // 2), offer(0.5))[1].keeps
    pool, decision = give(pool, draft(2 * SECOND), offer(0.5))
    assert (decision.code, [c.sample.t_ns for c in pool.candidates()]) == ("other_moment", [0, SECOND, 2 * SECOND])


def test_a_bucket_whose_images_turned_out_to_belong_elsewhere_is_empty() -> None:
    pool = Pool(CAPACITY)
    for k in range(CAPACITY):
        pool, _ = give(pool, draft(k * SECOND), offer(0.9 - k / 20))
    last = (CAPACITY - 1) * SECOND
    newcomer, claim = draft(last + 1), offer(0.5)
    for staying in range(CAPACITY):
        kept = decide(pool, newcomer, claim, lambda held, still=staying: held.sample.t_ns == still * SECOND)
        assert (kept.code, kept.keeps, kept.lost_to_t_ns) == ("worse_than_kept", False, last)
    none = decide(pool, newcomer, claim, lambda held: False)
    assert (none.code, none.lost_to_t_ns) == ("saved", None)
    held = [c.sample.t_ns for c in place(pool, newcomer, claim, none).candidates()]
    assert held == [*(k * SECOND for k in range(CAPACITY - 1)), last + 1]


def test_a_face_outside_the_bins_fills_no_bucket() -> None:
    _, decision = give(Pool(CAPACITY), draft(0, yaw=60.0), offer(0.9))
    assert (decision.code, decision.keeps) == ("outside_buckets", False)
    _, decision = give(Pool(CAPACITY), draft(0), replace(offer(0.9), loose=False))
    assert not decision.keeps
    _, decision = give(Pool(CAPACITY), draft(0, yaw=60.0), offer(0.9, yaw_right=0.3))
    assert (decision.code, decision.conditions) == ("challenge_candidate", ("yaw_right",))
    _, decision = give(Pool(CAPACITY), draft(0), replace(offer(0.9, anchor=0.5), loose=False))
    assert (decision.code, decision.anchor) == ("anchor_candidate", True)


offers = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 30), st.floats(0, 1), st.floats(0, 1), st.sampled_from([-20, 0, 20])),
    max_size=60,
)


@settings(max_examples=40)
@given(offers)
def test_a_bucket_is_bounded_and_never_loses_its_best(given_offers: list[tuple[int, int, float, float, int]]) -> None:
    pool, best = Pool(CAPACITY), {}
    for tenths, vision, quality, novelty, yaw in given_offers:
        item = draft(tenths * SECOND // 10, vision, novelty, yaw)
        key = bucket_key(item.buckets)
        pool, _ = give(pool, item, offer(quality))
        best[key] = max(best.get(key, 0.0), quality)
        scores = [entry.score for entry in pool.buckets[key].entries.values()]
        assert len(scores) <= CAPACITY
        assert max(scores) >= best[key] - BETTER_BY - 1e-9


@settings(max_examples=40)
@given(offers, st.randoms(use_true_random=False))
def test_what_is_kept_never_depends_on_embeddings(
    given_offers: list[tuple[int, int, float, float, int]], shuffle: Random
) -> None:
    one = other = Pool(CAPACITY)
    for index, (_, vision, quality, novelty, yaw) in enumerate(given_offers):
        t_ns, claim = index * SECOND // 5, offer(quality, quality, dark=novelty)
        one, decision = give(one, draft(t_ns, vision, novelty, yaw), claim)
        changed = draft(t_ns, shuffle.randrange(400), shuffle.random(), yaw)
        if shuffle.random() < 0.2:
            changed = replace(changed, sample=replace(changed.sample, e_vis_face=None, e_vis_body=None))
        other, same = give(other, changed, claim)
        assert same == decision
    assert [c.key for c in other.candidates()] == [c.key for c in one.candidates()]


def test_a_better_looking_frame_never_evicts_a_dark_or_occluded_one() -> None:
    pool = Pool(CAPACITY)
    pool, _ = give(pool, draft(0, brightness=30.0), offer(0.1, dark=0.6))
    pool, _ = give(pool, draft(1, vision=1, occlusion=0.6), offer(0.1, occluded=0.3))
    for index in range(2, 300):
        pool, _ = give(pool, draft(index * SECOND // 30, vision=index, novelty=0.0), offer(0.5 + index / 1000, 0.9))
    held = {c.sample.t_ns for c in pool.candidates()}
    assert {0, 1} <= held


def test_a_pool_does_not_grow_with_the_video() -> None:
    sizes = []
    pool = Pool(CAPACITY)
    for index in range(3000):
        item = draft(index * SECOND // 3, index % 400, 0.5, yaw=float(index % 91 - 45))
        pool, _ = give(pool, item, offer((index * 37 % 100) / 100, (index * 53 % 100) / 100, dark=index % 7 / 7))
        if index in (999, 2999):
            sizes.append(len(pool.candidates()))
    limit = len(pool.buckets) * CAPACITY + ANCHOR_SLOTS + CONDITION_SLOTS
    assert max(sizes) <= limit
    assert sizes[1] <= 1.3 * sizes[0]


entries = st.lists(st.tuples(st.integers(0, 3600), st.floats(0, 1)), max_size=80)


def slots_of(values: list[tuple[int, float]], start: int = 0) -> TimeSlots:
    slots = TimeSlots(CONDITION_SLOTS)
    for index, (second, score) in enumerate(values):
        item = draft(second * SECOND + index + start)
        if slots.wants(item.sample, score):
            slots = slots.with_entry(Scored(score, item))
    return slots


@settings(max_examples=40)
@given(entries)
def test_time_slots_are_bounded_and_keep_the_best_of_each_stretch(values: list[tuple[int, float]]) -> None:
    slots = slots_of(values)
    assert len(slots.entries) <= CONDITION_SLOTS
    if values:
        best = max(score for _, score in values)
        kept = [entry.score for entry in slots.entries.values()]
        assert max(kept) >= best - BETTER_BY
    for key, entry in slots.entries.items():
        assert key == entry.candidate.sample.t_ns // slots.slot_ns


@settings(max_examples=40)
@given(entries, entries)
def test_merging_time_slots_is_bounded_and_order_free(a: list[tuple[int, float]], b: list[tuple[int, float]]) -> None:
    one, two = slots_of(a), slots_of(b, 1000)
    both, same = one.merged(two), two.merged(one)
    assert len(both.entries) <= CONDITION_SLOTS
    assert both.slot_ns == same.slot_ns
    assert {k: e.score for k, e in both.entries.items()} == {k: e.score for k, e in same.entries.items()}
    scores = [entry.score for entry in (*one.entries.values(), *two.entries.values())]
    assert max((e.score for e in both.entries.values()), default=None) == max(scores, default=None)


def test_a_long_video_is_represented_from_its_first_to_its_last_minute() -> None:
    slots = slots_of([(second, 0.5) for second in range(3600)])
    times = sorted(entry.candidate.sample.t_ns / SECOND / 60 for entry in slots.entries.values())
    assert times[0] < 6
    assert times[-1] > 50


def test_merged_pools_keep_the_best_of_every_bucket() -> None:
    one, two = Pool(CAPACITY), Pool(CAPACITY)
    for k in range(CAPACITY):
        one, _ = give(one, draft(k * SECOND), offer(0.1 * k))
        two, _ = give(two, draft(k * SECOND + 100), offer(0.1 * k + 0.05, anchor=0.5, dark=0.1))
    both = merged(one, two)
    (moments,) = both.buckets.values()
    assert sorted(round(e.score, 2) for e in moments.entries.values()) == [0.05, 0.15, 0.25]
    assert len(both.anchors.entries) == CAPACITY
    assert set(both.conditions) == {"dark"}
    assert [c.key for c in merged(two, one).candidates()] == [c.key for c in both.candidates()]


def test_a_full_bucket_of_what_belongs_elsewhere_takes_a_worse_newcomer() -> None:
    pool = Pool(2)
    for t_ns in (0, 8 * SECOND):
        pool, _ = give(pool, draft(t_ns), offer(0.9))
    item, claim = draft(9 * SECOND), offer(0.5)
    decision = decide(pool, item, claim, lambda _: False)
    assert decision.code == "saved"
    pool = place(pool, item, claim, decision)
    assert item in pool.in_buckets()
    assert len(pool.in_buckets()) == 2


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.booleans(), st.booleans(), st.sampled_from([0.01, 0.05]))
def test_what_is_wanted_is_kept(held: float, score: float, one: bool, other: bool, better_by: float) -> None:
    def entry(t_ns: int, value: float, inside: bool) -> Scored:
        item = draft(t_ns)
        return Scored(value, replace(item, sample=replace(item.sample, in_highlight=inside)))

    slots = TimeSlots(2)
    for t_ns in (0, 8 * SECOND):
        slots = slots.with_entry(entry(t_ns, held, one))
    new = entry(9 * SECOND, score, other)
    if slots.wants(new.candidate.sample, score, better_by):
        assert new in slots.with_entry(new).entries.values()
