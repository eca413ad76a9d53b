"""The one objective of the three sets, quality-weighted facility location (§8), and how near a choice comes to it.

    F(S) = sum over candidates i of max over chosen j in S of quality(j) * likeness(i, j)

Every candidate of the person is to be represented by a chosen image that looks like it, and rather by a good one.
`likeness` falls linearly with the novelty of i beside j (§7): 1 for the same picture, 1/2 where an image begins to
count as new, 0 at twice that. F never falls when an image is added, and an image adds the less the more there are: it
is monotone and submodular. The caps of the document (anchors, images per bucket, challenge images) are the constraint.

`selection` takes images greedily under stricter rules (best quality first, no near-duplicates). `upper_bound` is what
no choice within the caps can exceed, whatever its rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .config import NoveltyScale
from .novelty import NOTHING_SAVED
from .results import Achieved
from .types import FaceSample, Vector

Array = NDArray[np.float64]

BOUND_STEPS, PATIENCE = 400, 10
"""Steps towards the least bound, and how many in a row may bring nothing before they are halved."""


@dataclass(frozen=True, slots=True)
class Group:
    """Candidates of which at most `cap` may be chosen for one purpose: anchors, one bucket, challenge."""

    members: tuple[int, ...]
    cap: int


def distances(samples: Sequence[FaceSample], face: NoveltyScale, body: NoveltyScale) -> Array:
    """Novelty of each face beside each other one `(n, n)`, as `novelty.dual_novelty` has it for one saved image."""
    by_face = _cosine_distances([sample.e_vis_face for sample in samples])
    by_body = _cosine_distances([sample.e_vis_body for sample in samples]) * face.threshold / body.threshold
    both = np.fmax(by_face, by_body)
    result = np.maximum(np.where(np.isnan(both), NOTHING_SAVED, both), 0.0)
    np.fill_diagonal(result, 0.0)
    return result


def _cosine_distances(vectors: Sequence[Vector | None]) -> Array:
    """`(n, n)`, NaN where either is unknown or they cannot be compared."""
    result = np.full((len(vectors), len(vectors)), np.nan)
    known = [(place, vector) for place, vector in enumerate(vectors) if vector is not None]
    for dim in {vector.size for _, vector in known}:
        places = [place for place, vector in known if vector.size == dim]
        rows = np.stack([vector for _, vector in known if vector.size == dim]).astype(np.float64)
        result[np.ix_(places, places)] = 1.0 - rows @ rows.T
    return result


def worth(distance: Array, qualities: Array, threshold: float) -> Array:
    """What choosing j does for candidate i: `quality(j) * likeness(i, j)`, `(n, n)`. `qualities` `(n,)` in 0..1."""
    likeness: Array = np.maximum(0.0, 1.0 - distance / (2.0 * threshold))
    return likeness * qualities[None, :]


def represented(worths: Array, chosen: Sequence[int]) -> Array:
    """How well each candidate is represented by the chosen `(n,)`; their sum is F."""
    if not len(chosen):
        return np.zeros(len(worths))
    best: Array = worths[:, list(chosen)].max(axis=1)
    return best


def gains(worths: Array, held: Array) -> Array:
    """How much F rises with each candidate `(n,)` where the candidates are represented as `held` says."""
    more: Array = np.maximum(worths - held[:, None], 0.0).sum(axis=0)
    return more


def heaviest(weights: Array, groups: Sequence[Group]) -> list[int]:
    """Images of the largest sum of weights that fit the caps, each in one group: exact (a transversal matroid)."""
    placed: list[list[int]] = [[] for _ in groups]
    groups_of: dict[int, list[int]] = {}
    for number, group in enumerate(groups):
        for member in group.members:
            groups_of.setdefault(member, []).append(number)

    def place(item: int, tried: set[int]) -> bool:
        for number in groups_of[item]:
            if number in tried:
                continue
            tried.add(number)
            held = placed[number]
            if len(held) < groups[number].cap:
                held.append(item)
                return True
            for other in list(held):
                if place(other, tried):
                    held[held.index(other)] = item
                    return True
        return False

    weight = weights.tolist()
    chosen: list[int] = []
    closed: set[int] = set()
    """Groups that are full for good: whoever is in them fits nowhere else."""
    for item in sorted((item for item in groups_of if weight[item] > 0), key=lambda item: (-weight[item], item)):
        tried = set(closed)
        if place(item, tried):
            chosen.append(item)
        else:
            closed = tried
    return chosen


def greedy(worths: Array, groups: Sequence[Group]) -> list[int]:
    """The plain greedy choice within the caps, without further rules: what adds most, while anything adds."""
    chosen: list[int] = []
    room = [group.cap for group in groups]
    while True:
        more = gains(worths, represented(worths, chosen))
        able = [
            (float(more[item]), -item, number)
            for number, group in enumerate(groups)
            if room[number] > 0
            for item in group.members
            if item not in chosen and more[item] > 0
        ]
        if not able:
            return chosen
        _, item, number = max(able)
        chosen.append(-item)
        room[number] -= 1


def upper_bound(worths: Array, groups: Sequence[Group]) -> float:
    """No choice T within the caps is worth more.

    For any held values h >= 0, F(T) <= sum h + the sum over T of what each image adds to h <= sum h + the heaviest such
    sum that fits the caps. The least of these over all h is what the linear relaxation of the choice is worth
    (Lagrangian duality). It is approached from the end of the greedy choice: h rises where several images of the
    heaviest choice add to a candidate, and falls where none does (subgradient steps of Polyak's length).
    """
    held = nearest = represented(worths, greedy(worths, groups))
    reached, least = float(held.sum()), float("inf")
    pace, misses = 1.0, 0
    for _ in range(BOUND_STEPS):
        more = gains(worths, held)
        heavy = heaviest(more, groups)
        bound = float(held.sum() + more[heavy].sum())
        misses = 0 if bound < least else misses + 1
        if bound < least:
            least, nearest = bound, held
        elif misses == PATIENCE:
            pace, misses, held = pace / 2, 0, nearest
            continue
        surplus = (worths[:, heavy] > held[:, None]).sum(axis=1) - 1.0
        length = float((surplus**2).sum())
        if length == 0.0 or bound <= reached:
            break
        held = np.maximum(0.0, held + pace * (bound - reached) / length * surplus)
    return least


def achieved(worths: Array, chosen: Sequence[int], groups: Sequence[Group]) -> Achieved:
    """How near a choice comes to the best that the caps allow."""
    return Achieved(float(represented(worths, chosen).sum()), upper_bound(worths, groups))
