"""Time as a run sees it: how far it got, whatever the timestamps of its frames do."""

from __future__ import annotations

from dataclasses import dataclass

NOMINAL_GAP_NS = 33_333_333
"""Time between frames where timestamps do not tell."""


@dataclass(frozen=True, slots=True)
class Clock:
    """`now_ns` always advances, by the time between frames where they tell it. `stalled`: how often they did not.

    `first_t_ns` and `last_t_ns` are the earliest and the latest timestamp, None before the first frame.
    """

    now_ns: int = 0
    stalled: int = 0
    first_t_ns: int | None = None
    last_t_ns: int | None = None
    before_t_ns: int | None = None
    """Timestamp of the frame before."""

    def tick(self, t_ns: int) -> Clock:
        """At one more frame."""
        gap_ns = NOMINAL_GAP_NS if self.before_t_ns is None else t_ns - self.before_t_ns
        stands = gap_ns <= 0
        first = t_ns if self.first_t_ns is None else min(self.first_t_ns, t_ns)
        last = t_ns if self.last_t_ns is None else max(self.last_t_ns, t_ns)
        return Clock(self.now_ns + (NOMINAL_GAP_NS if stands else gap_ns), self.stalled + stands, first, last, t_ns)
