"""How much of a face is covered, told from how the same person's face looks at other times.

A face comes as cells (rows of `appearance`), each always the same part of the face. A cell is explained when some
trusted moment of the person with a similar head pose looks alike there; what nothing explains is covered (`gallery`
says which moments are trusted). So that a hand that stays for most of a video does not become the face, a cell that
nothing explains counts only as far as it departs from the average clear face: a rare laugh is new, but looks like one.

Where there is too little to compare with, the ratio is unknown, and a guess says what is likely. A cover that is never
taken off cannot be told from a face.

All limits are cosine distances of texture features, the same for everybody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from hashlib import blake2b
from struct import Struct

import numpy as np

from .buckets import PARTIAL_OCCLUSION_FROM
from .face_cells import EYE_CELLS, LOWER_CELLS, MOUTH_CELLS, NEIGHBOURS
from .gallery import CLEAREST, Gallery
from .moments import DIGEST_BYTES, Array, Moments, moment_of
from .types import CoveredParts, ExpressionSignals, FaceSample, ToldOcclusion

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
NUMBERS = Struct("<3d")
"""Yaw and pitch in degrees and how open the mouth is, as they stand in a digest; NaN where unknown."""
LIKELY = 2 * PARTIAL
"""A guess from here on says what is covered, so that no expression is read there."""


def judged(sample: FaceSample, gallery: Gallery) -> FaceSample:
    """The sample with its occlusion as this gallery tells it, with a guess where it cannot.

    One without an appearance stays as it is.
    """
    told = told_of(sample, gallery)
    return sample if told is None else as_told(sample, told, sample.expression)


def told_of(sample: FaceSample, gallery: Gallery) -> ToldOcclusion | None:
    """What a gallery tells of how far a face is covered; None for one without an appearance.

    A ratio is below `PARTIAL` where the face is clear; what covers two cells counts as `PARTIAL` at least. What an
    earlier run told of just this face beside just this gallery is taken as it is.
    """
    if sample.appearance is None:
        return None
    told, beside = sample.told, _digest(sample, sample.appearance, gallery)
    return _told(beside, sample, gallery) if told is None or told.beside != beside else told


def as_told(sample: FaceSample, told: ToldOcclusion, expression: ExpressionSignals) -> FaceSample:
    """The sample with what was told of it, and with these signals of its expression."""
    return replace(
        sample,
        expression=expression,
        occlusion_ratio=told.ratio,
        covered=told.covered,
        occlusion_guess=told.guess,
        told=told,
    )


def _digest(sample: FaceSample, appearance: Array, gallery: Gallery) -> bytes:
    """Stands for everything that `_told` goes by."""
    told_by = (sample.pose.yaw_deg, sample.pose.pitch_deg, sample.expression.mouth_open)
    numbers = (math.nan if number is None else number for number in told_by)
    digest = blake2b(NUMBERS.pack(*numbers) + repr(appearance.shape).encode(), digest_size=DIGEST_BYTES)
    digest.update(gallery.evidence.digest)
    digest.update(np.ascontiguousarray(appearance, np.float32).data)
    return digest.digest()


def _told(beside: bytes, sample: FaceSample, gallery: Gallery) -> ToldOcclusion:
    moment, opening = moment_of(sample), sample.expression.mouth_open or 0.0
    if moment is None:
        return ToldOcclusion(beside, None, None, LEAST_GUESS)
    compared = _compared(moment, gallery)
    if compared is None:
        return _guessed(beside, moment, opening, gallery)
    ratio = _share(compared.strength, opening)
    if compared.changed_all_over() and ratio >= PARTIAL:
        return ToldOcclusion(beside, None, None, ratio)
    return ToldOcclusion(beside, ratio, _parts(_covered(compared.strength)))


def _guessed(beside: bytes, moment: Moments, opening: float, gallery: Gallery) -> ToldOcclusion:
    """What moments of whatever pose say: too little for a ratio."""
    moments = gallery.moments
    if moments is None or not gallery.compares(moment) or not gallery.trusted.any():
        return ToldOcclusion(beside, None, None, LEAST_GUESS)
    explaining = moments.chosen(gallery.trusted)
    strength = _strength(moment, explaining, _unexplained(moment, explaining))
    guess = max(LEAST_GUESS, _share(strength, opening))
    return ToldOcclusion(beside, None, _parts(_covered(strength)) if guess >= LIKELY else None, guess)


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
    if moments is None or not gallery.compares(moment):
        return None
    near = moment.near(moments)[0] & gallery.trusted
    if int(near.sum()) < FEWEST_MOMENTS:
        return None
    explaining = moments.chosen(near)
    unexplained = _unexplained(moment, explaining)
    if np.isfinite(unexplained).mean() < LEAST_SEEN:
        return None
    return _Compared(_strength(moment, explaining, unexplained), unexplained)


def _unexplained(moment: Moments, explaining: Moments) -> Array:
    """Distance of each cell of one moment to what explains it best `(cells,)`; NaN where nothing can be compared."""
    distances = moment.distances(explaining)[:, 0]
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
