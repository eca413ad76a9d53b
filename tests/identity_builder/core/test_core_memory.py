"""Nodes of the memory: no range of similarity is dropped, nothing of a forgotten video is left, pictures by weight."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpx_identity_builder.core.config import FACE_ID_MODELS
from vpx_identity_builder.core.memory_gallery import CANDIDATES, EXACT_UP_TO, Gallery
from vpx_identity_builder.core.memory_nodes import (
    Action,
    MemoryConfig,
    Node,
    Origin,
    forgotten,
    updated,
)
from vpx_identity_builder.core.memory_pictures import Picture, representative
from vpx_identity_builder.core.memory_refs import ANCHOR, node_score, select, weights

from .strategies import seeds, unit, unit_rows

CONFIG = MemoryConfig()
DIM = 16
RIDE, OTHER = Origin("ride", 0), Origin("other", 1)


def picture(name: str = "a.jpg", quality: float = 0.9, kind: str = "anchor", yaw: str = "[-5,5]") -> Picture:
    return Picture(name, quality, kind, yaw, "neutral", "smile", 1000.0)


def at(similarity: float, axis: int = 1) -> np.ndarray:
    """A unit vector with this cosine to the first axis."""
    values = np.zeros(DIM)
    values[0], values[axis] = similarity, math.sqrt(max(0.0, 1 - similarity**2))
    return unit(values)


def grown(*additions: tuple[np.ndarray, Picture, Origin], cfg: MemoryConfig = CONFIG) -> tuple[Node, ...]:
    nodes: tuple[Node, ...] = ()
    for number, (vector, shown, origin) in enumerate(additions, 1):
        nodes, _ = updated(nodes, vector, shown, origin, number, cfg)
    return nodes


START = (at(1.0), picture(), RIDE)


@pytest.mark.parametrize(
    ("similarity", "quality", "action", "nodes", "hits"),
    [
        (0.9, 0.9, Action.MERGED, 1, [2]),
        (0.51, 0.9, Action.MERGED, 1, [2]),
        (0.49, 0.9, Action.COUNTED, 1, [2]),
        (0.31, 0.5, Action.COUNTED, 1, [2]),
        (0.29, 0.9, Action.NEW, 2, [1, 1]),
        (-0.8, 0.9, Action.NEW, 2, [1, 1]),
        (0.29, 0.5, Action.TOO_POOR_FOR_NODE, 1, [1]),
        (0.9, 0.3, Action.MATCHED, 1, [1]),
    ],
)
def test_what_happens_at_every_similarity(
    similarity: float, quality: float, action: Action, nodes: int, hits: list[int]
) -> None:
    before = grown(START)
    after, what = updated(before, at(similarity), picture(quality=quality), RIDE, 2, CONFIG)
    assert what.action is action
    assert what.similarity == pytest.approx(similarity, abs=1e-6)
    assert (len(after), [node.hits for node in after]) == (nodes, hits)
    moved = float(after[0].vec_id @ before[0].vec_id) < 1 - 1e-6
    assert moved is (action is Action.MERGED)


def test_merging_is_the_exponential_mean_of_the_contract() -> None:
    (node,) = grown(START, (at(0.7), picture(), OTHER), (at(0.8, 2), picture(), RIDE))
    expected = at(1.0)
    for vector in (at(0.7), at(0.8, 2)):
        expected = unit(0.9 * expected + 0.1 * vector)
    assert node.vec_id == pytest.approx(expected, abs=1e-6)
    assert node.histogram("yaw_bins") == {"[-5,5]": 3}
    assert (node.quality_best, node.quality_mean) == (0.9, pytest.approx(0.9))


@given(seeds, st.integers(1, 40))
@settings(max_examples=40)
def test_a_forgotten_video_leaves_what_the_others_gave(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    rows = unit_rows(seed, count, DIM) * 0.4 + at(1.0)
    additions = [
        (unit(row), picture(f"{k}.jpg", float(rng.uniform(0.3, 1))), OTHER if rng.random() < 0.5 else RIDE)
        for k, row in enumerate(rows)
    ]
    nodes = grown(*additions)
    left = forgotten(nodes, "other", None)
    assert {share.origin for node in left for share in node.shares} <= {RIDE}
    assert all(np.linalg.norm(node.vec_id) == pytest.approx(1.0, abs=1e-5) for node in (*nodes, *left))
    for node in left:
        before = next(n for n in nodes if n.node_id == node.node_id)
        own = sum(s.part.astype(np.float64) for s in before.shares if s.origin == RIDE)
        assert node.vec_id == pytest.approx(unit(own), abs=1e-4)
    assert [node.hits for node in forgotten(nodes, "other", 0)] == [node.hits for node in nodes]
    assert forgotten(forgotten(nodes, "other", None), "ride", None) == ()


def test_a_video_that_came_last_is_undone_exactly() -> None:
    first = grown(START, (at(0.8), picture("b.jpg"), RIDE))
    nodes = first
    for number in (3, 4, 5):
        nodes, _ = updated(nodes, at(0.7, number), picture(f"{number}.jpg"), OTHER, number, CONFIG)
    (left,) = forgotten(nodes, "other", None)
    assert left.vec_id == pytest.approx(first[0].vec_id, abs=1e-6)
    assert [p.path for p in left.pictures] == [p.path for p in first[0].pictures]
    assert left.histogram("yaw_bins") == first[0].histogram("yaw_bins")


def test_only_one_person_of_a_video_can_be_forgotten() -> None:
    nodes = grown(START, (at(0.9), picture(), Origin("ride", 1)))
    (left,) = forgotten(nodes, "ride", 1)
    assert {share.origin for share in left.shares} == {RIDE}


def orthogonal(count: int) -> list[tuple[np.ndarray, Picture, Origin]]:
    return [(np.eye(DIM, dtype=np.float32)[k], picture(f"{k}.jpg", 0.7 + k / 100), RIDE) for k in range(count)]


def test_a_full_bank_lets_the_least_used_and_poorest_node_go() -> None:
    additions = orthogonal(10)
    nodes = grown(*additions, *additions[:4], *additions[5:])
    after, what = updated(nodes, np.eye(DIM, dtype=np.float32)[12], picture(quality=0.65), RIDE, 99, CONFIG)
    assert (what.action, what.evicted, what.merged) == (Action.NEW, 5, None)
    assert [node.node_id for node in after] == [1, 2, 3, 4, 6, 7, 8, 9, 10, 99]


def test_a_full_bank_merges_its_closest_nodes_where_they_are_close() -> None:
    cfg = MemoryConfig(tau_merge=0.95, tau_new=0.9)
    close = (unit(np.eye(DIM)[0] + 0.5 * np.eye(DIM)[1]), picture("close.jpg"), OTHER)
    nodes = grown(*orthogonal(1), close, *orthogonal(10)[2:], cfg=cfg)
    after, what = updated(nodes, np.eye(DIM, dtype=np.float32)[12], picture(), RIDE, 99, cfg)
    assert (what.evicted, what.merged) == (None, (1, 2))
    assert (len(after), after[0].node_id, after[0].hits) == (10, 1, 2)
    assert {share.origin for share in after[0].shares} == {RIDE, OTHER}
    assert after[0].vec_id == pytest.approx(unit(nodes[0].vec_id + nodes[1].vec_id), abs=1e-6)


@given(seeds)
@settings(max_examples=25)
def test_a_bank_never_grows_beyond_its_size(seed: int) -> None:
    rows = unit_rows(seed, 60, DIM)
    nodes = grown(*((row, picture(f"{k}.jpg", 0.5 + (k % 5) / 10), RIDE) for k, row in enumerate(rows)))
    assert 1 <= len(nodes) <= CONFIG.k_max
    assert len({node.node_id for node in nodes}) == len(nodes)
    assert all(1 <= len(node.pictures) <= 3 for node in nodes)


def test_pictures_of_a_node_are_the_best_of_different_kinds_and_looks() -> None:
    shown = [
        picture("best.jpg", 0.95),
        picture("twin.jpg", 0.94),
        picture("turned.jpg", 0.8, "coverage", "[15,30]"),
        picture("dark.jpg", 0.6, "challenge"),
    ]
    assert [p.path for p in representative(shown)] == ["best.jpg", "turned.jpg", "dark.jpg"]
    assert [p.path for p in representative(reversed(shown[:2]))] == ["best.jpg", "twin.jpg"]


def test_parameters_are_scaled_to_the_model() -> None:
    arcface, dlib = FACE_ID_MODELS
    assert CONFIG.for_model(arcface) == CONFIG
    scaled = CONFIG.for_model(dlib)
    assert dlib.tau_id - 0.01 < scaled.tau_new < dlib.tau_id < scaled.tau_merge < scaled.tau_close < 1
    assert (scaled.k_max, scaled.alpha, scaled.top_p) == (10, 0.1, 3)


@given(st.lists(st.floats(-1, 1), max_size=12), st.integers(1, 5))
def test_weights_sum_to_one_over_the_best(scores: list[float], top: int) -> None:
    found = weights(scores, 0.1, top)
    assert len(found) == len(scores)
    assert sum(found) == pytest.approx(1.0 if scores else 0.0)
    assert sum(weight > 0 for weight in found) <= top
    if scores:
        assert found[int(np.argmax(scores))] == max(found)


def remembered() -> tuple[Node, ...]:
    """A frontal node with anchors, one turned to the right, and a dark one."""
    return grown(
        (np.eye(DIM, dtype=np.float32)[0], picture("anchor.jpg", 0.9), RIDE),
        (np.eye(DIM, dtype=np.float32)[1], picture("right.jpg", 0.8, "coverage", "[15,30]"), RIDE),
        (np.eye(DIM, dtype=np.float32)[2], picture("dark.jpg", 0.7, "challenge", "[-45,-30]"), RIDE),
    )


def test_a_query_prefers_the_nodes_that_show_it_and_keeps_an_anchor() -> None:
    nodes = remembered()
    assert [node_score(node, {"yaw": ["[15,30]"]}, 3) for node in nodes] == [0.0, 1.0, 0.0]
    found = select(nodes, {"yaw": ["[15,30]"]}, CONFIG)
    by_path = {one.path: one.weight for one in found}
    assert sum(by_path.values()) == pytest.approx(1.0)
    assert by_path["anchor.jpg"] == pytest.approx(CONFIG.anchor_min_weight)
    assert by_path["right.jpg"] > 0.8
    assert found[0].path == "anchor.jpg"


def test_an_anchor_that_no_chosen_node_has_is_brought_in() -> None:
    found = select(remembered(), {"yaw": ["[15,30]"]}, MemoryConfig(top_p=1))
    assert {one.path: round(one.weight, 6) for one in found} == {"anchor.jpg": 0.15, "right.jpg": 0.85}


def test_where_nothing_is_an_anchor_the_best_picture_stands_in() -> None:
    (one,) = select(remembered()[1:2], {}, CONFIG)
    assert (one.path, one.kind, one.weight) == ("right.jpg", ANCHOR, 1.0)
    assert select((), {}, CONFIG) == ()


def crowd(persons: int, per_person: int, seed: int = 3, dim: int = 64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """People far apart, their nodes close: vectors, owners, and a query for each person."""
    rng = np.random.default_rng(seed)
    people = unit_rows(seed, persons, dim)
    noise = rng.normal(size=(persons, per_person + 1, dim)) / math.sqrt(dim)
    rows = people[:, None] + 0.6 * noise
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    vectors = rows[:, :per_person].reshape(-1, dim).astype(np.float32)
    return vectors, np.repeat(np.arange(persons), per_person), rows[:, per_person].astype(np.float32)


@pytest.mark.parametrize("persons", [5, 300])
def test_a_small_gallery_is_compared_whole(persons: int) -> None:
    vectors, owners, queries = crowd(persons, 4)
    gallery = Gallery(vectors, owners)
    for query in queries[:20]:
        row = int(np.argmax(vectors @ query))
        found = gallery.match(query)
        assert found is not None
        assert (found.person, found.node) == (row // 4, row % 4)
        assert found.similarity == pytest.approx(float(vectors[row] @ query))


def test_a_large_gallery_finds_the_same_by_its_short_vectors() -> None:
    vectors, owners, queries = crowd(EXACT_UP_TO // 8 + 500, 8)
    gallery = Gallery(vectors, owners)
    for query in queries[:: len(queries) // 100]:
        found = gallery.match(query)
        assert found is not None
        assert found.person == owners[int(np.argmax(vectors @ query))]
    assert len(queries) > CANDIDATES


def test_persons_can_be_left_out_and_an_empty_gallery_knows_nobody() -> None:
    vectors, owners, queries = crowd(6, 3)
    gallery = Gallery(vectors, owners)
    found = gallery.match(queries[2], leaving_out=[2])
    assert found is not None
    assert found.person != 2
    assert gallery.match(queries[2], leaving_out=range(6)) is None
    assert Gallery(np.zeros((0, 8), np.float32), np.zeros(0, np.int64)).match(unit(np.ones(8))) is None
    with pytest.raises(ValueError, match="owners in order"):
        Gallery(vectors, owners[::-1])
