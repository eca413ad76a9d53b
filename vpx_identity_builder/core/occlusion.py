"""How much of a face is covered, told from how the same person's face looks at other times.

A face comes as cells (rows of `appearance`), each always the same part of the face. A cell is explained when some
trusted moment of the person with a similar head pose looks alike there; what nothing explains is covered. Moments are
trusted where enough of the others agree with them. Votes count by how little a cell departs from an average clear
face compared with the person's other moments, so a hand that stays for most of a video does not become the face.
For the same reason a cell that nothing explains counts only as far as it departs from the average clear face: a rare
laugh is new, but looks like a face.

Where there is too little to compare with, the ratio is unknown, and a guess says what is likely. A cover that is never
taken off cannot be told from a face.

All limits are cosine distances of texture features, the same for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from .buckets import PARTIAL_OCCLUSION_FROM
from .face_cells import EYE_CELLS, LOWER_CELLS, MOUTH_CELLS, NEIGHBOURS
from .moments import Array, Flags, Moments, ThinnedMoments, moment_of
from .types import CoveredParts, FaceSample

NEAR_DEG = 15.0
"""Moments whose yaw and pitch differ by less may explain each other."""
ALIKE = 0.35
"""Cells closer than this show the same thing."""
SUPPORT = 0.2
"""Share of the votes that a trusted moment needs in every cell."""
AROUND_DEG = 20.0
"""How far around a pose a person's clearest moments are looked for: a hand that is all that one pose has seen is known
by the poses beside it."""
ODD = 0.4
"""A trusted moment departs from the average clear face by at most this much more than the person's clearest ones."""
VOTE_DECAY = 0.12
CLEAREST = 0.1
"""Quantile of the departures that stands for the person's clearest moments."""
FEWEST_MOMENTS = 3
"""Fewer moments of a similar pose are no evidence."""
LEAST_SEEN = 0.6
"""A face of which less than this share of the cells can be compared is not judged."""
ODD_WEIGHT = 1.5
"""A cell is covered as far as nothing explains it and this many times its further departure allows."""
COVERED_PAIR = 0.3
"""Two neighbouring cells whose mean reaches this are covered by something."""
OPEN_MOUTH, OPEN_FROM, WIDE_OPEN = 0.15, 0.3, 0.7
"""How much further two cells of the lower face must be covered where the mouth stands wide open, from and up to which
opening: a dropped jaw looks different all around."""
CALMEST = 0.25
"""Quantile of the unexplained distances that stands for the calmest part of a face."""
CHANGED = 0.25
"""Where even the calmest part departs by this much and is not wholly covered, light or focus have changed: unknown."""
COVER_LOW, COVER_FULL = 0.25, 0.55
"""A cell counts as covered from nothing to wholly between these distances."""
PARTIAL = PARTIAL_OCCLUSION_FROM
"""Share from which §5 speaks of partial occlusion: what covers two cells counts as that much at least."""
LEAST_GUESS = PARTIAL
"""A face that cannot be judged counts as covered by this much at least: it comes after all that are known to be clear,
and gains little where making it worse makes it possible to judge."""
LIKELY = 2 * PARTIAL
"""A guess from here on says what is covered, so that no expression is read there."""


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """A person's moments: as kept, side by side, and which of them are trusted `(m,)`."""

    kept: ThinnedMoments = field(default_factory=ThinnedMoments)
    moments: Moments | None = None
    trusted: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))

    def add(self, sample: FaceSample) -> Gallery:
        """With one more sighting offered."""
        moment = moment_of(sample)
        if moment is None or (self.moments is not None and moment.cells.shape[1:] != self.moments.cells.shape[1:]):
            return self
        kept = self.kept.add(moment, sample.t_ns)
        return replace(self, kept=kept) if kept.values is self.kept.values else _gallery(kept)

    def merged(self, other: Gallery) -> Gallery:
        """The moments of two persons that turned out to be one."""
        if self.moments is None or other.moments is None:
            return other if self.moments is None else self
        if self.moments.cells.shape[1:] != other.moments.cells.shape[1:]:
            return max(self, other, key=lambda g: g.kept.offered)
        return _gallery(self.kept.merged(other.kept))

    def with_pitch_reversed(self) -> Gallery:
        """The same moments, their pitch turned round."""
        turn = np.array([1, -1], np.float32)
        return _gallery(
            replace(self.kept, values=tuple(replace(m, pose_deg=m.pose_deg * turn) for m in self.kept.values))
        )


def _gallery(kept: ThinnedMoments) -> Gallery:
    moments = kept.stacked()
    return Gallery(kept) if moments is None else Gallery(kept, moments, trusted(moments))


def judged(sample: FaceSample, gallery: Gallery) -> FaceSample:
    """The sample with its occlusion as this gallery tells it, with a guess where it cannot.

    One without an appearance stays as it is. A ratio is below `PARTIAL` where the face is clear; what covers two cells
    counts as `PARTIAL` at least.
    """
    if sample.appearance is None:
        return sample
    moment = moment_of(sample)
    if moment is None:
        return _told(sample, None, None, LEAST_GUESS)
    opening = sample.expression.mouth_open or 0.0
    compared = _compared(moment, gallery)
    if compared is not None:
        ratio = _share(compared.strength, opening)
        if compared.changed_all_over() and ratio >= PARTIAL:
            return _told(sample, None, None, ratio)
        return _told(sample, ratio, _covered(compared.strength))
    return _guessed(sample, moment, gallery, opening)


def _guessed(sample: FaceSample, moment: Moments, gallery: Gallery, opening: float) -> FaceSample:
    """The sample with what moments of whatever pose say: too little for a ratio."""
    moments = gallery.moments
    if moments is None or moment.cells.shape[1:] != moments.cells.shape[1:] or not gallery.trusted.any():
        return _told(sample, None, None, LEAST_GUESS)
    explaining = moments.chosen(gallery.trusted)
    strength = _strength(moment, explaining, _unexplained(moment, explaining))
    guess = max(LEAST_GUESS, _share(strength, opening))
    return _told(sample, None, _covered(strength) if guess >= LIKELY else None, guess)


def _told(sample: FaceSample, ratio: float | None, covered: Array | None, guess: float | None = None) -> FaceSample:
    parts = None if covered is None else _parts(covered)
    return replace(sample, occlusion_ratio=ratio, covered=parts, occlusion_guess=guess)


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """A face beside the moments that explain it: how surely each cell is covered and how far it is unexplained
    `(cells,)`, NaN where unseen."""

    strength: Array
    unexplained: Array

    def changed_all_over(self) -> bool:
        """True where light or focus have changed so much that what is not explained need not be covered."""
        known = self.unexplained[np.isfinite(self.unexplained)]
        rank = int(CALMEST * (known.size - 1))
        calmest = np.partition(known, rank)[rank]
        return bool(CHANGED < calmest < COVER_FULL)


def _compared(moment: Moments, gallery: Gallery) -> _Compared | None:
    """One moment beside a gallery; None where too little can be compared."""
    moments = gallery.moments
    if moments is None or moment.cells.shape[1:] != moments.cells.shape[1:]:
        return None
    near = _near(moment, moments)[0] & gallery.trusted
    if int(near.sum()) < FEWEST_MOMENTS:
        return None
    explaining = moments.chosen(near)
    unexplained = _unexplained(moment, explaining)
    if np.isfinite(unexplained).mean() < LEAST_SEEN:
        return None
    return _Compared(_strength(moment, explaining, unexplained), unexplained)


def _unexplained(moment: Moments, explaining: Moments) -> Array:
    """Distance of each cell of one moment to what explains it best `(cells,)`; NaN where nothing can be compared."""
    distances = _distances(moment, explaining)[:, 0]
    best = np.where(np.isfinite(distances), distances, np.inf).min(axis=1)
    known: Array = np.where(np.isfinite(best), best, np.nan)
    return known


def _strength(moment: Moments, explaining: Moments, unexplained: Array) -> Array:
    """How surely each cell of one moment is covered `(cells,)`; NaN where `unexplained` is."""
    excess = np.maximum(moment.odd[0] - _clearest(explaining.odd), 0.0)
    strength: Array = np.maximum(np.minimum(unexplained, ODD_WEIGHT * excess), 0.0)
    return strength


def _clearest(odd: Array) -> Array:
    """The quantile `CLEAREST` of the departures `(m, cells)`, `(cells,)`; NumPy's own is slow, it copes with NaN."""
    place = CLEAREST * (len(odd) - 1)
    rank = int(place)
    above = min(rank + 1, len(odd) - 1)
    ordered = np.partition(odd, (rank, above), axis=0)
    between: Array = ordered[rank] + np.float32(place - rank) * (ordered[above] - ordered[rank])
    return between


def _share(strength: Array, opening: float) -> float:
    """How surely each cell is covered `(cells,)`, NaN where unseen → covered share of the face, monotone in each.

    What covers a face covers neighbouring cells: the most suspicious pair tells whether there is anything at all.
    `opening` 0..1 is how wide the mouth stands open.
    """
    counted = strength.copy()
    counted[LOWER_CELLS] -= OPEN_MOUTH * min(1.0, max(0.0, (opening - OPEN_FROM) / (WIDE_OPEN - OPEN_FROM)))
    pairs = (counted[NEIGHBOURS[:, 0]] + counted[NEIGHBOURS[:, 1]]) / 2
    pairs = pairs[np.isfinite(pairs)]
    worst = max(0.0, float(pairs.max())) if pairs.size else 0.0
    if worst < COVERED_PAIR:
        return 0.99 * PARTIAL * worst / COVERED_PAIR
    covered = _covered(strength[np.isfinite(strength)])
    return float(max(PARTIAL + 0.05 * min(1.0, worst - COVERED_PAIR), covered.mean()))


def _covered(strength: Array) -> Array:
    covered: Array = np.clip((strength - COVER_LOW) / (COVER_FULL - COVER_LOW), 0.0, 1.0)
    return covered


def _parts(covered: Array) -> CoveredParts:
    """What is covered of eyes and mouth, by how far each cell is `(cells,)`; cells that are turned away are not."""
    seen = np.nan_to_num(covered)
    return CoveredParts(float(seen[EYE_CELLS].max()), float(seen[MOUTH_CELLS].max()))


def trusted(moments: Moments) -> Flags:
    """Which moments may explain others `(m,)`: enough votes in every cell, and no cell odd for this person."""
    near = _near(moments, moments)
    excess = _excess(moments, near)
    votes = np.exp(-excess / VOTE_DECAY).T[:, None, :] * (near & ~np.eye(len(moments), dtype=np.bool_))
    distances = _distances(moments, moments)
    known = np.isfinite(distances)
    total = (votes * known).sum(axis=2)
    agreeing = (votes * (known & (np.where(known, distances, 2.0) < ALIKE))).sum(axis=2)
    supported = agreeing >= SUPPORT * total
    odd = _excess(moments, _near(moments, moments, AROUND_DEG)) > ODD
    fine: Flags = (supported & ~odd.T).all(axis=0)
    return fine


def _excess(moments: Moments, near: Flags) -> Array:
    """How much further each cell departs from an average clear face than in the person's clearest moments `(m, k)`."""
    ranks = (CLEAREST * (near.sum(axis=1) - 1)).astype(np.intp)
    among = np.where(near[:, :, None], moments.odd[None], np.float32(np.inf))
    ordered = np.partition(among, np.arange(int(ranks.max()) + 1), axis=1)
    excess: Array = np.maximum(moments.odd - ordered[np.arange(len(moments)), ranks], 0.0)
    return excess


def _near(one: Moments, other: Moments, within_deg: float = NEAR_DEG) -> Flags:
    """Which poses are similar, `(m, n)`."""
    near: Flags = (np.abs(one.pose_deg[:, None] - other.pose_deg[None]) <= within_deg).all(axis=2)
    return near


def _distances(one: Moments, other: Moments) -> Array:
    """Cosine distances cell by cell, `(cells, m, n)`; NaN where either is unseen."""
    a, b = one.cells.transpose(1, 0, 2), other.cells.transpose(1, 2, 0)
    seen = np.any(a != 0, axis=2)[:, :, None] & np.any(b != 0, axis=1)[:, None, :]
    distances: Array = np.where(seen, 1.0 - a @ b, np.nan)
    return distances
