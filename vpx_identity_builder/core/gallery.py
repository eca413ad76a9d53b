"""What a person's face looked like over a video, and which of its moments may explain others.

A moment is trusted where enough of the others agree with it. Votes count by how little a cell departs from an average
clear face compared with the person's other moments, so a hand that stays for most of a video does not become the face.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b

import numpy as np

from .moments import DIGEST_BYTES, Array, Flags, Moments, ThinnedMoments, is_moment, moment_of, stacked
from .types import FaceSample

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


@dataclass(frozen=True, eq=False)
class Evidence:
    """What kept moments tell together, worked out when it is first asked for: a replay seldom asks."""

    kept: tuple[Moments, ...] = ()

    @cached_property
    def moments(self) -> Moments | None:
        """All of them side by side, None for none."""
        return stacked(self.kept)

    @cached_property
    def trusted(self) -> Flags:
        """Which of them are trusted `(m,)`."""
        return np.zeros(0, np.bool_) if self.moments is None else trusted(self.moments)

    @cached_property
    def digest(self) -> bytes:
        """Stands for all of them in their order: the same digest tells the same of a face."""
        return blake2b(b"".join(moment.digest for moment in self.kept), digest_size=DIGEST_BYTES).digest()


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """A person's moments as kept, and what they tell together."""

    kept: ThinnedMoments = field(default_factory=ThinnedMoments)
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def moments(self) -> Moments | None:
        """The moments side by side, None before the first."""
        return self.evidence.moments

    @property
    def trusted(self) -> Flags:
        """Which of the moments are trusted `(m,)`."""
        return self.evidence.trusted

    def compares(self, moment: Moments) -> bool:
        """True where there are moments, described like this one."""
        held = self.kept.values
        return bool(held) and held[0].cells.shape[1:] == moment.cells.shape[1:]

    def add(self, sample: FaceSample) -> Gallery:
        """With one more sighting offered."""
        looks, held = sample.appearance, self.kept.values
        if looks is None or not is_moment(sample) or (held and looks.shape[1] - 1 != held[0].cells.shape[2]):
            return self
        moment = moment_of(sample) if self.kept.keeps_next else None
        if moment is None:
            return Gallery(self.kept.passing(), self.evidence)
        return _gallery(self.kept.add(moment, sample.t_ns))

    def merged(self, other: Gallery) -> Gallery:
        """The moments of two persons that turned out to be one."""
        if not self.kept.values or not other.kept.values:
            return self if self.kept.values else other
        if not self.compares(other.kept.values[0]):
            return max(self, other, key=lambda g: g.kept.offered)
        return _gallery(self.kept.merged(other.kept))

    def with_pitch_reversed(self) -> Gallery:
        """The same moments, their pitch turned round."""
        turn = np.array([1, -1], np.float32)
        return _gallery(
            replace(self.kept, values=tuple(replace(m, pose_deg=m.pose_deg * turn) for m in self.kept.values))
        )


def _gallery(kept: ThinnedMoments) -> Gallery:
    return Gallery(kept, Evidence(kept.values))


def trusted(moments: Moments) -> Flags:
    """Which moments may explain others `(m,)`: enough votes in every cell, and no cell odd for this person."""
    near = moments.near(moments)
    excess = _excess(moments, near)
    votes = np.exp(-excess / VOTE_DECAY).T[:, None, :] * (near & ~np.eye(len(moments), dtype=np.bool_))
    distances = moments.distances(moments)
    known = np.isfinite(distances)
    total = (votes * known).sum(axis=2)
    agreeing = (votes * (known & (np.where(known, distances, 2.0) < ALIKE))).sum(axis=2)
    supported = agreeing >= SUPPORT * total
    odd = _excess(moments, moments.near(moments, AROUND_DEG)) > ODD
    fine: Flags = (supported & ~odd.T).all(axis=0)
    return fine


def _excess(moments: Moments, near: Flags) -> Array:
    """How much further each cell departs from an average clear face than in the person's clearest moments `(m, k)`."""
    ranks = (CLEAREST * (near.sum(axis=1) - 1)).astype(np.intp)
    among = np.where(near[:, :, None], moments.odd[None], np.float32(np.inf))
    ordered = np.partition(among, np.arange(int(ranks.max()) + 1), axis=1)
    excess: Array = np.maximum(moments.odd - ordered[np.arange(len(moments)), ranks], 0.0)
    return excess
