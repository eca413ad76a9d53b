"""Which remembered pictures a generator is given (contract §11): weighted nodes, anchors always among them. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from .memory_nodes import MemoryConfig, Node
from .memory_pictures import Picture

AXES = {"yaw": "yaw_bins", "pitch": "pitch_bins", "expression": "expression_bins"}
ANCHOR, COVERAGE, CHALLENGE = "anchor", "coverage", "challenge"


@dataclass(frozen=True, slots=True)
class MemoryReference:
    """A remembered picture and its share of the whole; `path` is relative to the bank."""

    path: str
    weight: float
    node_id: int
    kind: str


def weights(scores: Sequence[float], temperature: float, top: int) -> list[float]:
    """Softmax over the `top` highest scores, 0 for all others; of equals the first."""
    order = sorted(range(len(scores)), key=lambda k: (-scores[k], k))[:top]
    if not order:
        return []
    powers = {k: math.exp((scores[k] - scores[order[0]]) / temperature) for k in order}
    total = sum(powers.values())
    return [powers.get(k, 0.0) / total for k in range(len(scores))]


def node_score(node: Node, query: Mapping[str, Collection[str]], all_hits: int) -> float:
    """Share of the node's hits in the asked bins, mean over the asked axes; without axes its share of all hits."""
    if not query:
        return node.hits / all_hits
    shares = []
    for axis, names in query.items():
        counts = node.histogram(AXES[axis])
        shares.append(sum(counts.get(name, 0) for name in names) / max(1, sum(counts.values())))
    return sum(shares) / len(shares)


def select(
    nodes: Sequence[Node], query: Mapping[str, Collection[str]], cfg: MemoryConfig
) -> tuple[MemoryReference, ...]:
    """Pictures of the `top_p` nodes that fit the query (axis → bins) best; weights sum to 1.

    A picture of kind anchor is always among them, and all anchors together weigh at least `anchor_min_weight`; where
    none was remembered, the best picture stands in.
    """
    held = [node for node in nodes if node.pictures]
    if not held:
        return ()
    all_hits = sum(node.hits for node in held)
    scores = [node_score(node, query, all_hits) for node in held]
    chosen = [
        MemoryReference(picture.path, weight / len(node.pictures), node.node_id, picture.kind)
        for node, weight in zip(held, weights(scores, cfg.temperature, cfg.top_p), strict=True)
        if weight > 0
        for picture in node.pictures
    ]
    if all(reference.kind != ANCHOR for reference in chosen):
        path, node_id = _best_anchor(held)
        chosen = [one for one in chosen if one.path != path] + [MemoryReference(path, 0.0, node_id, ANCHOR)]
    return tuple(sorted(_with_anchors(chosen, cfg.anchor_min_weight), key=_order))


def _best_anchor(nodes: Sequence[Node]) -> tuple[str, int]:
    """The best anchor picture of all nodes, or the best picture where none is an anchor."""
    pictures = [(picture, node.node_id) for node in nodes for picture in node.pictures]

    def rank(item: tuple[Picture, int]) -> tuple[bool, float, str]:
        return item[0].kind != ANCHOR, -item[0].quality, item[0].path

    picture, node_id = min(pictures, key=rank)
    return picture.path, node_id


def _with_anchors(chosen: Sequence[MemoryReference], least: float) -> list[MemoryReference]:
    """Weights that sum to 1, with the anchors raised to `least` together where they weigh less."""
    anchors = sum(one.weight for one in chosen if one.kind == ANCHOR)
    others = sum(one.weight for one in chosen if one.kind != ANCHOR)
    count = sum(one.kind == ANCHOR for one in chosen)
    wanted = max(anchors / (anchors + others), least) if others > 0 else 1.0
    result = []
    for one in chosen:
        if one.kind != ANCHOR:
            weight = one.weight / others * (1.0 - wanted)
        else:
            weight = one.weight / anchors * wanted if anchors > 0 else wanted / count
        result.append(MemoryReference(one.path, weight, one.node_id, one.kind))
    return result


def _order(reference: MemoryReference) -> tuple[int, float, str]:
    return (ANCHOR, COVERAGE, CHALLENGE).index(reference.kind), -reference.weight, reference.path
