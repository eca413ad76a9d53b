"""How much of a face is covered, told from how the same person's face looks at other times.

A face comes as cells (rows of `appearance`), each always the same part of the face. A cell is explained when some
trusted moment of the person with a similar head pose looks alike there; what nothing explains is covered. Moments are
trusted where enough of the others agree with them. Votes count by how little a cell departs from an average clear
face compared with the person's other moments, so a hand that stays for most of a video does not become the face.
For the same reason a cell that nothing explains counts only as far as it departs from the average clear face: a rare
laugh is new, but looks like a face.

All limits are cosine distances of texture features, the same for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .thinned import Thinned
from .types import CoveredParts, FaceSample

Array = NDArray[np.float32]
Flags = NDArray[np.bool_]

MOMENTS = 48
"""Moments kept of one person, evenly spread over its sightings."""
NEAR_DEG = 15.0
"""Moments whose yaw and pitch differ by less may explain each other."""
JUDGED_DEG = 35.0
"""Beyond this yaw or pitch too little of the face shows to judge it."""
ROWS = (3, 5, 5, 5, 5, 5, 3)
"""Cells in each row of a face, from forehead to chin, each row centred."""
EYE_CELLS = np.arange(8, 13)
"""The third row of a face."""
MOUTH_CELLS = np.array([19, 20, 21, 24, 25, 26])
"""The middle of the fifth and sixth row: the lips lie on both."""
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
CALMEST = 0.25
"""Quantile of the unexplained distances that stands for the calmest part of a face."""
CHANGED = 0.25
"""Where even the calmest part departs by this much and is not wholly covered, light or focus have changed: unknown."""
COVER_LOW, COVER_FULL = 0.25, 0.55
"""A cell counts as covered from nothing to wholly between these distances."""
PARTIAL = 0.1
"""Share from which §5 speaks of partial occlusion: what covers two cells counts as that much at least."""


def _neighbours() -> NDArray[np.intp]:
    """Pairs of cells side by side or one above the other, `(pairs, 2)`.

    Not those that lie on the rim, above or aside: when a head turns, hair and background come and go there.
    """
    places = [(row, column - (count - 1) / 2) for row, count in enumerate(ROWS) for column in range(count)]
    pairs = [
        (i, j)
        for i, (row, column) in enumerate(places)
        for j, (other_row, other_column) in enumerate(places[:i])
        if abs(row - other_row) + abs(column - other_column) == 1
        and not (_on_rim(row, column) and _on_rim(other_row, other_column))
    ]
    return np.array(pairs, np.intp)


def _on_rim(row: int, column: float) -> bool:
    return row == 0 or abs(column) == (max(ROWS) - 1) / 2


NEIGHBOURS = _neighbours()


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sightings side by side: unit rows `(m, cells, channels)`, zero where unseen; departures from an average clear
    face `(m, cells)`; yaw and pitch in degrees `(m, 2)`; times `(m,)`."""

    cells: Array
    odd: Array
    pose_deg: Array
    t_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.t_ns)

    def chosen(self, which: Flags | slice) -> Moments:
        """Some of them."""
        return Moments(self.cells[which], self.odd[which], self.pose_deg[which], self.t_ns[which])


def moment_of(sample: FaceSample) -> Moments | None:
    """The sample as one moment, None where appearance or pose is unknown or the head is turned too far."""
    yaw, pitch = sample.pose.yaw_deg, sample.pose.pitch_deg
    if sample.appearance is None or len(sample.appearance) != sum(ROWS) or yaw is None or pitch is None:
        return None
    if max(abs(yaw), abs(pitch)) > JUDGED_DEG:
        return None
    rows = sample.appearance[None].astype(np.float32)
    pose = np.array([[yaw, pitch]], np.float32)
    return Moments(rows[:, :, :-1], rows[:, :, -1], pose, np.array([sample.t_ns], np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class ThinnedMoments(Thinned[Moments]):
    """Moments one by one, evenly thinned so that memory stays bounded."""

    capacity: int = MOMENTS

    def tie_break(self, value: Moments) -> bytes:
        """What orders moments of the same time."""
        return value.cells.tobytes()

    def stacked(self) -> Moments | None:
        """All of them side by side."""
        if not self.values:
            return None
        return Moments(
            np.concatenate([moment.cells for moment in self.values]),
            np.concatenate([moment.odd for moment in self.values]),
            np.concatenate([moment.pose_deg for moment in self.values]),
            np.concatenate([moment.t_ns for moment in self.values]),
        )


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
    """The sample with its occlusion as this gallery tells it; one without an appearance stays as it is."""
    if sample.appearance is None:
        return sample
    strength = _known_strength(sample, gallery)
    if strength is None:
        return replace(sample, occlusion_ratio=None, covered=None)
    return replace(sample, occlusion_ratio=_share(strength), covered=_parts(strength))


def covered_share(sample: FaceSample, gallery: Gallery) -> float | None:
    """Covered share of the face, 0..1; None where there is nothing to compare it with.

    Below `PARTIAL` where the face is clear. What covers two cells counts as `PARTIAL` at least.
    """
    strength = _known_strength(sample, gallery)
    return None if strength is None else _share(strength)


def _known_strength(sample: FaceSample, gallery: Gallery) -> Array | None:
    """How surely each cell is covered `(cells,)`, NaN where unseen; None where too little can be compared."""
    moment, moments = moment_of(sample), gallery.moments
    if moment is None or moments is None or moment.cells.shape[1:] != moments.cells.shape[1:]:
        return None
    near = _near(moment, moments)[0] & gallery.trusted
    if int(near.sum()) < FEWEST_MOMENTS:
        return None
    explaining = moments.chosen(near)
    unexplained = _unexplained(moment, explaining)
    known = np.isfinite(unexplained)
    if known.mean() < LEAST_SEEN:
        return None
    strength = _strength(moment, explaining, unexplained)
    rank = int(CALMEST * (known.sum() - 1))
    calmest = np.partition(unexplained[known], rank)[rank]
    return None if CHANGED < calmest < COVER_FULL and _share(strength) >= PARTIAL else strength


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


def _share(strength: Array) -> float:
    """How surely each cell is covered `(cells,)`, NaN where unseen → covered share of the face, monotone in each.

    What covers a face covers neighbouring cells: the most suspicious pair tells whether there is anything at all.
    """
    pairs = (strength[NEIGHBOURS[:, 0]] + strength[NEIGHBOURS[:, 1]]) / 2
    pairs = pairs[np.isfinite(pairs)]
    worst = float(pairs.max()) if pairs.size else 0.0
    if worst < COVERED_PAIR:
        return 0.99 * PARTIAL * worst / COVERED_PAIR
    covered = _covered(strength[np.isfinite(strength)])
    return float(max(PARTIAL + 0.05 * min(1.0, worst - COVERED_PAIR), covered.mean()))


def _covered(strength: Array) -> Array:
    covered: Array = np.clip((strength - COVER_LOW) / (COVER_FULL - COVER_LOW), 0.0, 1.0)
    return covered


def _parts(strength: Array) -> CoveredParts:
    """What is covered of eyes and mouth; cells that are turned away are not."""
    seen = np.nan_to_num(_covered(strength))
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
