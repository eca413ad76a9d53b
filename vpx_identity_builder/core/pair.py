"""Images that hold two riders at once (§12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .pool import Scored, TimeSlots
from .types import PairCandidate

PAIR_SLOTS = 24
TOGETHER_BONUS = 0.2
"""Both smiling or both mouths open is worth as much as this much quality (§12: such frames are especially valuable)."""


@dataclass(frozen=True, slots=True, eq=False)
class PairEntry:
    """A pair candidate with the score it competes with."""

    score: float
    candidate: PairCandidate


@dataclass(frozen=True, slots=True, eq=False)
class PairSlots:
    """Best pair image per stretch of time, bounded like `TimeSlots`."""

    slots: TimeSlots = field(default_factory=lambda: TimeSlots(PAIR_SLOTS))
    pairs: Mapping[int, PairCandidate] = field(default_factory=dict)

    def wants(self, t_ns: int, score: float) -> bool:
        """True when a pair of this time and score would be kept."""
        return self.slots.wants(t_ns, score)

    def with_pair(self, pair: PairCandidate, score: float) -> PairSlots:
        """With this pair in its slot."""
        slots = self.slots.with_entry(Scored(score, pair.first))
        held = {entry.candidate.sample.t_ns for entry in slots.entries.values()}
        pairs = {t_ns: kept for t_ns, kept in {**self.pairs, pair.first.sample.t_ns: pair}.items() if t_ns in held}
        return PairSlots(slots, pairs)

    def entries(self) -> list[PairEntry]:
        """All kept pairs, best first."""
        found = [
            PairEntry(entry.score, self.pairs[entry.candidate.sample.t_ns]) for entry in self.slots.entries.values()
        ]
        return sorted(found, key=lambda entry: (-entry.score, entry.candidate.first.sample.t_ns))


def pair_score(qualities: tuple[float, float], expressions: tuple[str, str]) -> float:
    """The weaker face's quality, with a bonus for a shared smile or open mouths."""
    together = expressions[0] == expressions[1] and expressions[0] in ("smile", "mouth_open")
    return min(qualities) + (TOGETHER_BONUS if together else 0.0)


def choose_pairs(entries: Sequence[PairEntry], limit: int, gap_ms: float) -> list[PairEntry]:
    """Best first, apart in time."""
    chosen: list[PairEntry] = []
    for entry in entries:
        t_ns = entry.candidate.first.sample.t_ns
        if len(chosen) < limit and all(
            abs(t_ns - other.candidate.first.sample.t_ns) >= gap_ms * 1e6 for other in chosen
        ):
            chosen.append(entry)
    return chosen
