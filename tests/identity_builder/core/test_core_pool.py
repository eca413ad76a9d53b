from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from vpx_identity_builder.core.buckets import bucket_key, classify
from vpx_identity_builder.core.config import NoveltyScale, SelectionConfig
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

CAPACITY = 4
SCALE = NoveltyScale(0.2, 0.08)
THRESHOLD = SCALE.threshold
VISION = unit_rows(11, 400, 24)


def draft(t_ns: int, vision: int = 0, novelty: float = 1.0, yaw: float = 0.0, **look: float) -> Candidate:
    face = sample(t_ns=t_ns, yaw=yaw, vis=VISION[vision], **look)
    return candidate(face, classify(face, None, SelectionConfig()), novelty)


def offer(quality: float, anchor: float | None = None, **conditions: float) -> Offer:
    return Offer(quality, True, anchor, conditions)


def give(pool: Pool, item: Candidate, claim: Offer) -> tuple[Pool, Decision]:
    decision = decide(pool, item, claim, SCALE)
    return (place(pool, item, claim, decision) if decision.keeps else pool), decision


def test_the_rules_of_the_document() -> None:
    pool, decision = give(Pool(CAPACITY), draft(0), offer(0.5))
    assert decision.code == "saved"
    pool, decision = give(pool, draft(1, novelty=0.0), offer(0.5 + BETTER_BY / 2))
    assert (decision.code, decision.lost_to_t_ns, decision.keeps) == ("not_novel", 0, False)
    pool, decision = give(pool, draft(2, novelty=0.0), offer(0.6))
    assert decision.code == "replaced"
    assert [c.sample.t_ns for c in pool.candidates()] == [2]
    pool, decision = give(pool, draft(3, vision=1, novelty=THRESHOLD), offer(0.1))
    assert decision.code == "added"
    assert [c.sample.t_ns for c in pool.candidates()] == [2, 3]
    for k in range(2, CAPACITY):
        pool, _ = give(pool, draft(2 + k, vision=k), offer(0.1))
    pool, decision = give(pool, draft(99, vision=50), offer(0.05))
    assert decision.code == "worse_than_kept"


def test_a_bucket_that_repeats_a_look_keeps_the_best_that_does_not_in_reserve() -> None:
    other_look, same_look = SCALE.plateau / 2, SCALE.plateau / 4
    pool, _ = give(Pool(CAPACITY), draft(0, novelty=same_look), offer(0.8))
    offered = [(same_look, 0.8), (other_look, 0.76), (other_look, 0.78), (other_look, 0.78), (other_look, 0.8)]
    codes = []
    for t_ns, (novelty, quality) in enumerate(offered, 1):
        pool, decision = give(pool, draft(t_ns, 1, novelty), offer(quality))
        codes.append(decision.code)
    assert codes == ["not_novel", "not_novel", "spare_look", "not_novel", "spare_look"]
    assert [c.sample.t_ns for c in pool.candidates()] == [0, 5]
    fresh, _ = give(Pool(CAPACITY), draft(0, novelty=other_look), offer(0.8))
    assert give(fresh, draft(1, 1, other_look), offer(0.8))[1].code == "not_novel"


def test_a_bucket_whose_images_turned_out_to_belong_elsewhere_is_empty() -> None:
    pool = Pool(CAPACITY)
    for k in range(CAPACITY):
        pool, _ = give(pool, draft(k, vision=k), offer(0.9 - k / 20))
    newcomer, claim = draft(99, vision=0, novelty=0.0), offer(0.5)
    for staying in range(CAPACITY):
        kept = decide(pool, newcomer, claim, SCALE, lambda held, still=staying: held.sample.t_ns == still)
        assert (kept.code, kept.keeps) == ("worse_than_kept", False)
    none = decide(pool, newcomer, claim, SCALE, lambda held: False)
    assert (none.code, none.lost_to_t_ns) == ("saved", None)
    assert [c.sample.t_ns for c in place(pool, newcomer, claim, none).candidates()] == [*range(CAPACITY - 1), 99]
    roomy, _ = give(Pool(CAPACITY), draft(0), offer(0.9))
    beside = decide(roomy, newcomer, claim, SCALE, lambda held: False)
    assert [c.sample.t_ns for c in place(roomy, newcomer, claim, beside).candidates()] == [0, 99]


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
    for index, (_, vision, quality, novelty, yaw) in enumerate(given_offers):
        item = draft(index, vision, novelty, yaw)
        key = bucket_key(item.buckets)
        before = pool.buckets.get(key, ())
        pool, decision = give(pool, item, offer(quality))
        best[key] = max(best.get(key, 0.0), quality)
        if decision.replaces is not None:
            lost = next(entry for entry in before if entry.candidate.key == decision.replaces)
            assert lost.score < quality
        assert len(pool.buckets[key]) <= CAPACITY
        assert max(entry.score for entry in pool.buckets[key]) >= best[key] - BETTER_BY - 1e-9


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
    limit = len(pool.buckets) * (CAPACITY + 1) + ANCHOR_SLOTS + CONDITION_SLOTS
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


def test_merged_pools_keep_the_best_spare_of_every_bucket() -> None:
    pools = []
    for start, quality in ((0, 0.79), (10, 0.8)):
        pool, _ = give(Pool(CAPACITY), draft(start, novelty=0.0), offer(0.8))
        pools.append(give(pool, draft(start + 1, 1, SCALE.plateau / 2), offer(quality))[0])
    assert [entry.candidate.sample.t_ns for entry in merged(*pools).spares.values()] == [11]


def test_merged_pools_keep_the_best_of_every_bucket() -> None:
    one, two = Pool(CAPACITY), Pool(CAPACITY)
    for k in range(CAPACITY):
        one, _ = give(one, draft(k, vision=k), offer(0.1 * k))
        two, _ = give(two, draft(100 + k, vision=10 + k), offer(0.1 * k + 0.05, anchor=0.5, dark=0.1))
    both = merged(one, two)
    (entries_,) = both.buckets.values()
    assert sorted(round(e.score, 2) for e in entries_) == [0.2, 0.25, 0.3, 0.35]
    assert len(both.anchors.entries) == 1
    assert set(both.conditions) == {"dark"}
    assert [c.key for c in merged(two, one).candidates()] == [c.key for c in both.candidates()]
