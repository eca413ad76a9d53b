"""Images that hold two riders at once (§12): what they show together, and the bounded pool of the best of each kind."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .buckets import UNKNOWN, is_mouth_open, is_smiling
from .eyes import half_closed
from .geometry import centre
from .pool import BETTER_BY, Scored, TimeSlots
from .results import PairCandidate, PairFace
from .types import Box, FaceSample

PAIR_SLOTS = 24
CELL_SLOTS = 2
MAX_CELLS = 32
"""Kinds of pair images that the pool tells apart; beyond them a better kind takes the place of the worst."""
TOGETHER_BONUS = 0.2
"""Both smiling or both mouths open is worth as much as this much quality (§12: such frames are especially valuable)."""
LIDS_DOWN_COST = 0.5
"""Lids that are down on either face cost as much as this much quality: more than doing the same together is worth."""
DISTANCE_EDGES = (1.5, 2.5, 4.0)
DISTANCE_BINS = ("touching", "near", "apart", "far")
"""Distance of the face centres in face widths: heads that touch, shoulders that touch, a seat apart, further."""
LEVEL_WITHIN = 0.5
"""Vertical offset in face widths up to which two heads count as level: about the difference of two people's heights."""


@dataclass(frozen=True, slots=True)
class Placing:
    """The right face seen from the left one, in mean face widths: `dx` > 0 to the right, `dy` > 0 lower."""

    dx: float
    dy: float

    @property
    def distance(self) -> float:
        """Between the face centres, in mean face widths."""
        return math.hypot(self.dx, self.dy)

    @property
    def label(self) -> str:
        """Bin of the relative position (§12)."""
        level = "level" if abs(self.dy) <= LEVEL_WITHIN else "right_lower" if self.dy > 0 else "left_lower"
        return f"{DISTANCE_BINS[bisect_right(DISTANCE_EDGES, self.distance)]}_{level}"


def placing(left: Box, right: Box) -> Placing:
    """Where the right face is, seen from the left one. Boxes in pixels."""
    width_px = max((left[2] - left[0] + right[2] - right[0]) / 2, 1.0)
    (left_x, left_y), (right_x, right_y) = centre(left), centre(right)
    return Placing((right_x - left_x) / width_px, (right_y - left_y) / width_px)


@dataclass(frozen=True, slots=True)
class Together:
    """What both faces of one frame do at the same moment (§12); None = not known of both."""

    both_smile: bool | None
    both_mouth_open: bool | None

    @property
    def any(self) -> bool:
        """True when they smile together or have their mouths open together."""
        return bool(self.both_smile) or bool(self.both_mouth_open)


def together(first: FaceSample, second: FaceSample) -> Together:
    """Told by the signals themselves: a laugh is a smile with an open mouth, and its bin says the smile only."""
    one, two = first.expression, second.expression
    return Together(
        _both(is_smiling(one), is_smiling(two)),
        _both(is_mouth_open(one), is_mouth_open(two)),
    )


def _both(one: bool | None, two: bool | None) -> bool | None:
    if one is None or two is None:
        return False if one is False or two is False else None
    return one and two


def joint_expression(first: PairFace, second: PairFace) -> str:
    """Bin of what both show: what they do together, else the two expressions from left to right."""
    shared = together(first[0], second[0])
    names = [name for name in ("both_smile", "both_mouth_open") if getattr(shared, name)]
    return "+".join(names) or f"{first[1].expression}/{second[1].expression}"


def same_expression(pair: PairCandidate) -> bool:
    """True when both show one known expression."""
    return pair.first.buckets.expression == pair.second.buckets.expression != UNKNOWN


def cell_of(first: PairFace, second: PairFace) -> str:
    """Kind of a pair image: relative position × joint expression (§12)."""
    return f"{placing(first[0].bbox, second[0].bbox).label} {joint_expression(first, second)}"


def lids_down(first: FaceSample, second: FaceSample) -> bool:
    """True where either face's lids are not up as usual for its person."""
    return half_closed(first.expression) or half_closed(second.expression)


def pair_score(
    qualities: tuple[float, float], shared: Together, overlap: float, half_closed_eyes: bool = False
) -> float:
    """The weaker face's quality, less the overlap of the faces, with a bonus for doing the same together.

    `half_closed_eyes`: see `lids_down`; it costs more than the bonus gives.
    """
    cost = overlap + (LIDS_DOWN_COST if half_closed_eyes else 0.0)
    return min(qualities) - cost + (TOGETHER_BONUS if shared.any else 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class PairEntry:
    """A pair candidate with the score it competes with."""

    score: float
    candidate: PairCandidate


@dataclass(frozen=True, slots=True, eq=False)
class PairSlots:
    """Best pair image per stretch of time, and the best of every kind whatever its time; bounded like `TimeSlots`."""

    slots: TimeSlots = field(default_factory=lambda: TimeSlots(PAIR_SLOTS))
    cells: Mapping[str, TimeSlots] = field(default_factory=dict)
    pairs: Mapping[int, PairCandidate] = field(default_factory=dict)

    def wants(self, first: PairFace, second: PairFace, score: float) -> bool:
        """True when a pair image of these faces, the image-left one first, would be kept."""
        sample = first[0]
        return self.slots.wants(sample, score) or self._cell_wants(cell_of(first, second), sample, score)

    def with_pair(self, pair: PairCandidate, score: float) -> PairSlots:
        """With this pair in the slots that want it."""
        sample, cell, entry = pair.first.sample, cell_of(*pair.faces), Scored(score, pair.first)
        slots = self.slots.with_entry(entry) if self.slots.wants(sample, score) else self.slots
        cells = dict(self.cells)
        if self._cell_wants(cell, sample, score):
            cells[cell] = cells.get(cell, TimeSlots(CELL_SLOTS)).with_entry(entry)
            if len(cells) > MAX_CELLS:
                del cells[min(cells, key=lambda name: (_best(cells[name]), name))]
        held = {e.candidate.sample.t_ns for kept in (slots, *cells.values()) for e in kept.entries.values()}
        pairs = {t: kept for t, kept in {**self.pairs, sample.t_ns: pair}.items() if t in held}
        return replace(self, slots=slots, cells=cells, pairs=pairs)

    def entries(self) -> list[PairEntry]:
        """All kept pairs, best first."""
        scores = {
            entry.candidate.sample.t_ns: entry.score
            for kept in (self.slots, *self.cells.values())
            for entry in kept.entries.values()
        }
        return [
            PairEntry(score, self.pairs[t_ns]) for t_ns, score in sorted(scores.items(), key=lambda e: (-e[1], e[0]))
        ]

    def _cell_wants(self, cell: str, sample: FaceSample, score: float) -> bool:
        held = self.cells.get(cell)
        if held is not None:
            return held.wants(sample, score)
        return len(self.cells) < MAX_CELLS or score > min(map(_best, self.cells.values())) + BETTER_BY


def _best(slots: TimeSlots) -> float:
    return max(entry.score for entry in slots.entries.values())
