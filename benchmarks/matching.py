"""Verification figures of face embeddings: pairs and templates, ROC, EER, and bootstrap intervals. Used by `faceid.py`.

Intervals are percentiles of a bootstrap over people and, within them, over their faces: pairs share faces, so they are
not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

TARGET_FMR = 1e-3
TEMPLATE, DRAWS = 5, 8
"""Templates hold up to five faces; each probe meets eight of them per person."""

Rows = np.ndarray


@dataclass(frozen=True, slots=True)
class Face:
    """A face with its person and session; `trusted`: the builder would learn from it."""

    person: str
    session: str
    e_id: Rows
    trusted: bool


@dataclass(frozen=True, slots=True)
class Scores:
    """Similarities of pairs with a weight each; `genuine` (n,) bool."""

    similarity: Rows
    genuine: Rows
    weight: Rows

    def fmr(self, tau: float) -> float:
        return _share(self.similarity >= tau, ~self.genuine, self.weight)

    def fnmr(self, tau: float) -> float:
        return _share(self.similarity < tau, self.genuine, self.weight)


def _share(hit: Rows, among: Rows, weight: Rows) -> float:
    total = float(weight[among].sum())
    return float(weight[hit & among].sum()) / total if total else float("nan")


def pairs(faces: Sequence[Face], counts: Rows | None = None, across_sessions: bool = False) -> Scores:
    """All pairs; a face that was drawn several times weighs so much more, and is never compared with itself."""
    matrix = np.stack([face.e_id for face in faces])
    one, two = np.triu_indices(len(faces), 1)
    person = np.array([face.person for face in faces])
    session = np.array([face.session for face in faces])
    genuine = person[one] == person[two]
    weight = np.ones(len(one)) if counts is None else (counts[one] * counts[two]).astype(float)
    if across_sessions:
        weight = weight * (~genuine | (session[one] != session[two]))
    return Scores((matrix @ matrix.T)[one, two].astype(float), genuine, weight)


def templates(faces: Sequence[Face], make: Callable[[Rows], Rows], counts: Rows | None = None) -> Scores:
    """Every face against templates of up to five of each person's other faces (leave one out, several draws)."""
    rng = np.random.default_rng(3)
    matrix = np.stack([face.e_id for face in faces])
    person = np.array([face.person for face in faces])
    counts = np.ones(len(faces)) if counts is None else counts
    similarity, genuine, weight = [], [], []
    for probe in np.flatnonzero(counts):
        for other in dict.fromkeys(person):
            pool = np.flatnonzero((person == other) & (counts > 0))
            pool = pool[pool != probe]
            for _ in range(DRAWS if len(pool) > 1 else 0):
                chosen = rng.choice(pool, min(TEMPLATE, len(pool)), replace=False)
                similarity.append(float(matrix[probe] @ make(matrix[chosen])))
                genuine.append(person[probe] == other)
                weight.append(counts[probe])
    return Scores(np.array(similarity), np.array(genuine), np.array(weight, float))


def mean(rows: Rows) -> Rows:
    total = rows.sum(axis=0)
    return total / np.linalg.norm(total)


def eer(scores: Scores) -> float:
    """Rate at which false matches and false non-matches are equal."""
    order = np.argsort(scores.similarity)
    genuine, weight = scores.genuine[order], scores.weight[order]
    below = np.cumsum(weight * genuine) / (weight * genuine).sum()
    above = 1 - np.cumsum(weight * ~genuine) / (weight * ~genuine).sum()
    crossing = int(np.argmax(below >= above))
    return float((below[crossing] + above[crossing]) / 2)


def threshold_at(scores: Scores, fmr: float) -> float:
    """The lowest threshold at which no more than `fmr` of the impostor pairs match."""
    among = ~scores.genuine & (scores.weight > 0)
    order = np.argsort(-scores.similarity[among])
    values, weight = scores.similarity[among][order], scores.weight[among][order]
    over = np.cumsum(weight) / weight.sum() > fmr
    return float(np.nextafter(values[np.argmax(over)], 2.0))


def figures(scores: Scores, taus: dict[str, float]) -> dict[str, float]:
    """The figures of a report row; `tau` is the threshold at `TARGET_FMR`, FNMR the one there."""
    tau = threshold_at(scores, TARGET_FMR)
    row = {"tau": tau, "EER": eer(scores), "FNMR": scores.fnmr(tau)}
    for name, value in taus.items():
        row |= {f"FMR at {name}": scores.fmr(value), f"FNMR at {name}": scores.fnmr(value)}
    return row


def drawn(faces: Sequence[Face], rng: np.random.Generator) -> Rows:
    """How often each face is drawn when people, then each one's faces, are drawn with replacement."""
    names = sorted({face.person for face in faces})
    person = np.array([face.person for face in faces])
    counts = np.zeros(len(faces))
    for name in rng.choice(names, len(names)):
        own = np.flatnonzero(person == name)
        counts[own] += np.bincount(rng.integers(0, len(own), len(own)), minlength=len(own))
    return counts


def with_intervals(
    faces: Sequence[Face], score: Callable[[Rows | None], Scores], taus: dict[str, float], rounds: int
) -> dict[str, tuple[float, float, float]]:
    """Each figure with its 95 % bootstrap interval: (value, low, high)."""
    rng = np.random.default_rng(1)
    point = figures(score(None), taus)
    repeats = []
    while len(repeats) < rounds:
        counts = drawn(faces, rng)
        if len({face.person for face, count in zip(faces, counts, strict=True) if count}) > 1:
            repeats.append(figures(score(counts), taus))
    spread = {name: np.nanpercentile([r[name] for r in repeats], [2.5, 97.5]) for name in point}
    return {name: (value, *spread[name]) for name, value in point.items()}
