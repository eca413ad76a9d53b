"""identity_memory: what is remembered of one person, as at most `k_max` nodes (contract §11). Pure.

A node is a unit vector that moves towards what is added to it. The vector is kept as the parts that each video gave,
which sum to it: forgetting a video subtracts its part, and nothing of it is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from .config import FACE_ID_MODELS, FaceIdModel
from .memory_pictures import Picture, look, representative
from .types import Vector

NEGLIGIBLE_PART = 1e-4
"""A part shorter than this is dropped from the vector: one update moves it by a thousand times as much."""


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """The contract's parameters, for similarities of ArcFace-512; `for_model` brings them to another model's scale."""

    k_max: int = 10
    alpha: float = 0.1
    tau_merge: float = 0.5
    tau_new: float = 0.3
    tau_close: float = 0.8
    temperature: float = 0.1
    top_p: int = 3
    anchor_min_weight: float = 0.15
    min_quality: float = 0.4
    new_quality: float = 0.6

    def for_model(self, model: FaceIdModel) -> MemoryConfig:
        """The one straight line that takes ArcFace's `tau_id` to the model's, and 1 to 1."""
        stretch = (1.0 - model.tau_id) / (1.0 - FACE_ID_MODELS[0].tau_id)
        merge, new, close = (
            round(1.0 - stretch * (1.0 - tau), 6) for tau in (self.tau_merge, self.tau_new, self.tau_close)
        )
        temperature = self.temperature * stretch
        return replace(self, tau_merge=merge, tau_new=new, tau_close=close, temperature=temperature)


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where something was learnt: a video and the number of the person in it."""

    video_id: str
    person: int


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """What one person of one video gave to a node. `part` `(d,)` float32: its part of the node's vector.

    `last`: the number of the update that touched it last. `bins`: (axis, bin) → hits. `pictures`: at most three.
    """

    origin: Origin
    part: Vector
    hits: int
    quality_sum: float
    quality_best: float
    last: int
    last_updated_ms: float
    bins: tuple[tuple[str, str, int], ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One look of a person."""

    node_id: int
    shares: tuple[Share, ...]

    @property
    def vec_id(self) -> Vector:
        """`(d,)` float32 unit vector."""
        total = np.sum([share.part.astype(np.float64) for share in self.shares], axis=0)
        vector: Vector = (total / max(float(np.linalg.norm(total)), 1e-12)).astype(np.float32)
        return vector

    @property
    def hits(self) -> int:
        """How often it was added to."""
        return sum(share.hits for share in self.shares)

    @property
    def quality_best(self) -> float:
        """Best quality added."""
        return max(share.quality_best for share in self.shares)

    @property
    def quality_mean(self) -> float:
        """Mean quality added."""
        return sum(share.quality_sum for share in self.shares) / self.hits

    @property
    def last(self) -> int:
        """Number of the last update."""
        return max(share.last for share in self.shares)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """At most three representative pictures, best first."""
        return representative(picture for share in self.shares for picture in share.pictures)

    def histogram(self, axis: str) -> dict[str, int]:
        """Bin → hits on one axis, in the order of names."""
        counts: Counter[str] = Counter()
        for share in self.shares:
            counts.update({name: hits for found, name, hits in share.bins if found == axis})
        return dict(sorted(counts.items()))


class Action(StrEnum):
    """What an update did."""

    MATCHED = "matched"
    """Too poor to learn from: only compared."""
    MERGED = "merged"
    """At least `tau_merge`: the node moved towards it."""
    COUNTED = "counted"
    """From `tau_new` up to `tau_merge`: counted with its node and kept as a picture, but too unlike to move it."""
    NEW = "new"
    """Below `tau_new` and good enough: a node of its own."""
    TOO_POOR_FOR_NODE = "too_poor_for_node"
    """Below `tau_new`, and not good enough for a node."""


@dataclass(frozen=True, slots=True)
class Update:
    """What became of one addition: the node, how similar it was before, and which nodes had to make room."""

    action: Action
    node_id: int | None
    similarity: float | None
    merged: tuple[int, int] | None = None
    evicted: int | None = None


def similarities(nodes: Sequence[Node], e_id: Vector) -> list[float]:
    """Cosine of every node with a unit vector."""
    return [float(node.vec_id @ e_id) for node in nodes]


def updated(
    nodes: tuple[Node, ...], e_id: Vector, picture: Picture, origin: Origin, number: int, cfg: MemoryConfig
) -> tuple[tuple[Node, ...], Update]:
    """The nodes after one more image. `number` counts updates and names a new node."""
    near = similarities(nodes, e_id)
    best = int(np.argmax(near)) if near else None
    similarity = None if best is None else near[best]
    node_id = None if best is None else nodes[best].node_id
    if picture.quality < cfg.min_quality:
        return nodes, Update(Action.MATCHED, node_id, similarity)
    if best is not None and similarity is not None and similarity >= cfg.tau_new:
        moves = similarity >= cfg.tau_merge
        node = _added(nodes[best], e_id if moves else None, picture, origin, number, cfg.alpha)
        action = Action.MERGED if moves else Action.COUNTED
        return (*nodes[:best], node, *nodes[best + 1 :]), Update(action, node_id, similarity)
    if nodes and picture.quality < cfg.new_quality:
        return nodes, Update(Action.TOO_POOR_FOR_NODE, node_id, similarity)
    fresh = Node(number, (_first_share(e_id, picture, origin, number),))
    kept, merged, evicted = make_room((*nodes, fresh), fresh.node_id, cfg)
    return kept, Update(Action.NEW, fresh.node_id, similarity, merged, evicted)


def make_room(
    nodes: tuple[Node, ...], newest: int, cfg: MemoryConfig
) -> tuple[tuple[Node, ...], tuple[int, int] | None, int | None]:
    """At most `k_max` nodes: the two closest merge if they are at least `tau_close`, otherwise one goes.

    The one with the fewest hits, of these the lowest best quality, of these the oldest; never the newest node.
    """
    if len(nodes) <= cfg.k_max:
        return nodes, None, None
    vectors = np.stack([node.vec_id for node in nodes])
    near = np.triu(vectors @ vectors.T, 1)
    first, second = (int(k) for k in np.unravel_index(int(np.argmax(near)), near.shape))
    if first < second and near[first, second] >= cfg.tau_close:
        union = _union(nodes[first], nodes[second])
        rest = tuple(node for node in nodes if node.node_id not in (nodes[first].node_id, nodes[second].node_id))
        return (*rest[:first], union, *rest[first:]), (nodes[first].node_id, nodes[second].node_id), None
    gone = min((n for n in nodes if n.node_id != newest), key=lambda n: (n.hits, n.quality_best, n.last))
    return tuple(node for node in nodes if node is not gone), None, gone.node_id


def forgotten(nodes: tuple[Node, ...], video_id: str, person: int | None) -> tuple[Node, ...]:
    """The nodes without what came from a video, or from one person in it; a node that held nothing else goes."""

    def keeps(share: Share) -> bool:
        return share.origin.video_id != video_id or person not in (None, share.origin.person)

    kept = [replace(node, shares=tuple(share for share in node.shares if keeps(share))) for node in nodes]
    return tuple(_rescaled(node) for node in kept if node.shares and _length(node.shares) > NEGLIGIBLE_PART)


def _bins(picture: Picture) -> tuple[tuple[str, str, int], ...]:
    names = ("yaw_bins", "pitch_bins", "expression_bins")
    return tuple((axis, name, 1) for axis, name in zip(names, look(picture), strict=True))


def _first_share(e_id: Vector, picture: Picture, origin: Origin, number: int) -> Share:
    quality = picture.quality
    return Share(origin, e_id, 1, quality, quality, number, picture.timestamp_ms, _bins(picture), (picture,))


def _added(node: Node, e_id: Vector | None, picture: Picture, origin: Origin, number: int, alpha: float) -> Node:
    """The node with one more image; with `e_id` its vector moves (EMA with `alpha`, unit again)."""
    weight = alpha if e_id is not None else 0.0
    given = np.zeros_like(node.shares[0].part) if e_id is None else (alpha * e_id).astype(np.float32)
    shares = [replace(share, part=((1.0 - weight) * share.part).astype(np.float32)) for share in node.shares]
    fresh = replace(_first_share(given, picture, origin, number), part=given)
    held = next((k for k, share in enumerate(shares) if share.origin == origin), None)
    if held is None:
        shares.append(fresh)
    else:
        shares[held] = _joined(shares[held], fresh)
    return _rescaled(replace(node, shares=tuple(shares)))


def _joined(a: Share, b: Share) -> Share:
    """Two shares of one origin as one."""
    counts: Counter[tuple[str, str]] = Counter()
    for axis, name, hits in (*a.bins, *b.bins):
        counts[(axis, name)] += hits
    later = a if a.last > b.last else b
    return Share(
        a.origin,
        (a.part + b.part).astype(np.float32),
        a.hits + b.hits,
        a.quality_sum + b.quality_sum,
        max(a.quality_best, b.quality_best),
        later.last,
        later.last_updated_ms,
        tuple((axis, name, hits) for (axis, name), hits in sorted(counts.items())),
        representative((*a.pictures, *b.pictures)),
    )


def _union(a: Node, b: Node) -> Node:
    """Two nodes as one, under the number of the first; each counts by its hits."""
    total = a.hits + b.hits
    shares: dict[Origin, Share] = {}
    for node in (a, b):
        for share in node.shares:
            weighed = replace(share, part=(share.part * (node.hits / total)).astype(np.float32))
            known = shares.get(share.origin)
            shares[share.origin] = weighed if known is None else _joined(known, weighed)
    return _rescaled(Node(a.node_id, tuple(shares[origin] for origin in sorted(shares))))


def _length(shares: Sequence[Share]) -> float:
    return float(np.linalg.norm(np.sum([share.part.astype(np.float64) for share in shares], axis=0)))


def _rescaled(node: Node) -> Node:
    """The parts scaled so that they sum to a unit vector; those too short to matter become zero."""
    length = _length(node.shares)
    kept = [
        share.part / length if float(np.linalg.norm(share.part)) / length >= NEGLIGIBLE_PART else 0.0 * share.part
        for share in node.shares
    ]
    shares = (replace(share, part=part.astype(np.float32)) for share, part in zip(node.shares, kept, strict=True))
    return replace(node, shares=tuple(shares))
