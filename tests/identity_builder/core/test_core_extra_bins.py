"""Bins of axes that plugins add: the pool keeps the best image of each, coverage shows each where it can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vpx_identity_builder.core.buckets import classify
from vpx_identity_builder.core.choice import Choice
from vpx_identity_builder.core.config import Config, NoveltyScale
from vpx_identity_builder.core.eligible import judge, places
from vpx_identity_builder.core.pool import Offer, Pool, decide, merged, place
from vpx_identity_builder.core.selection import choose_extras, choose_firsts, choose_seconds
from vpx_identity_builder.core.types import Candidate

from .strategies import SECOND, candidate, sample, unit

CONFIG = Config()
SCALE = NoveltyScale(threshold=0.2, plateau=0.05)
SAME_LOOK = unit(np.ones(8))


def shown(second: int, label: str | None, quality_px: float = 120.0, yaw: float = 0.0) -> Candidate:
    """A face that differs from the others in its time, its size and its extra bin only."""
    x2 = 500.0 + quality_px
    face = sample(t_ns=second * SECOND, bbox=(500.0, 300.0, x2, 300.0 + 1.2 * quality_px), yaw=yaw, vis=SAME_LOOK)
    face = replace(face, extra_bins=() if label is None else (("light", label),))
    return candidate(face, classify(face, None, CONFIG.selection), novelty=0.0)


def offered(pool: Pool, item: Candidate, quality: float, *, loose: bool = True) -> tuple[Pool, str]:
    offer = Offer(quality, loose, None, {})
    decision = decide(pool, item, offer)
    return (place(pool, item, offer, decision) if decision.keeps else pool), decision.code


def test_the_best_image_of_every_extra_bin_is_kept() -> None:
    pool, code = offered(Pool(1), shown(0, "left"), 0.9)
    assert code == "saved"
    pool, code = offered(pool, shown(1, "right"), 0.3)
    assert code == "extra_bin_candidate"
    pool, code = offered(pool, shown(2, "right"), 0.5)
    assert code == "extra_bin_candidate"
    pool, code = offered(pool, shown(3, "right"), 0.4)
    assert code == "worse_than_kept"
    pool, code = offered(pool, shown(4, "back"), 0.6, loose=False)
    assert code == "outside_buckets"
    kept = {name: (entry.score, entry.candidate.sample.t_ns // SECOND) for name, entry in pool.extras.items()}
    assert kept == {("light", "left"): (0.9, 0), ("light", "right"): (0.5, 2)}
    assert [item.sample.t_ns // SECOND for item in pool.candidates()] == [0, 2]


@given(
    st.lists(st.tuples(st.sampled_from(["left", "right", "front"]), st.floats(0.01, 1)), max_size=12),
    st.integers(0, 12),
)
def test_joined_pools_keep_the_best_of_both(seen: list[tuple[str, float]], cut: int) -> None:
    pools = [Pool(2), Pool(2)]
    for index, (label, quality) in enumerate(seen):
        which = index >= cut
        pools[which] = offered(pools[which], shown(index, label), quality)[0]
    best: dict[str, float] = {}
    for pool in pools:
        for (_, label), entry in pool.extras.items():
            best[label] = max(best.get(label, 0.0), entry.score)
    union = merged(*pools).extras
    assert {label: entry.score for (_, label), entry in union.items()} == best
    assert len(union) <= 3


def coverage(*items: Candidate) -> list[int]:
    """Second of every coverage image, in order of choosing."""
    choice = Choice([judge(item, 1.0, None, None, CONFIG) for item in items], SCALE, SCALE)
    where = places(choice.items, CONFIG)
    chosen = choose_firsts(choice, where, [], [])
    chosen += choose_seconds(choice, where, chosen, CONFIG)
    chosen += choose_extras(choice, where, chosen, CONFIG)
    return [choice.items[index].sample.t_ns // SECOND for index in chosen]


def test_coverage_takes_one_more_for_a_bin_that_nothing_shows() -> None:
    plain = coverage(shown(0, "left", 200), shown(1, "right", 100), shown(2, "right", 110))
    assert plain == [0, 2]


def test_coverage_takes_no_third_of_a_bucket_for_it() -> None:
    items = [shown(0, "left", 200), shown(1, "right", 150), shown(2, "front", 110), shown(3, "front", 100, yaw=20)]
    assert sorted(coverage(*items)) == [0, 1, 3]
    assert len(coverage(*items[:3])) == 2


def test_without_extra_bins_nothing_is_added() -> None:
    assert coverage(shown(0, None, 200), shown(1, None, 100)) == [0]
