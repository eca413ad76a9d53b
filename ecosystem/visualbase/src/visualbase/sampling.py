"""Which frames of a source belong to a given rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

from visualbase.base import BaseSource
from visualbase.frame import Frame

SECOND_NS = 1_000_000_000


class SampleClock:
    """Picks frames at the times k/fps (k = 0, 1, …): each takes the first frame at or after it.

    The times count from the first frame and are exact, so nothing drifts; a frame that serves several times is picked
    once, so a rate above the source's picks every frame. ``fps`` None picks every frame. A frame counts as being at a
    time that it misses by no more than ``tolerance_ns``, because containers round their timestamps (half a tick of the
    container's clock).
    """

    def __init__(self, fps: float | Fraction | None, tolerance_ns: int = 1) -> None:
        self._rate = None if fps is None else parse_fps(fps)
        self._tolerance_ns = tolerance_ns
        self._origin_ns: int | None = None
        self._latest_ns = 0

    def accept(self, t_ns: int, at_least: float | Fraction | None = None) -> bool:
        """Say whether the frame at ``t_ns`` is picked. Must be asked for every frame, in time order.

        ``at_least`` is a rate for this moment, which counts where it is above the clock's own: a denser stretch picks
        the times k/rate of its own rate, and what lies outside is picked as if there were none.
        """
        if self._rate is None:
            return True
        if self._origin_ns is None:
            self._origin_ns = t_ns
            return True
        before_ns, self._latest_ns = self._latest_ns, max(self._latest_ns, t_ns - self._origin_ns)
        rate = self._rate if at_least is None else max(self._rate, parse_fps(at_least))
        return self._passed(self._latest_ns, rate) > self._passed(before_ns, rate)

    def _passed(self, elapsed_ns: int, rate: Fraction) -> int:
        """Number of the last time k/rate that a frame at this time is at or after."""
        return (elapsed_ns + self._tolerance_ns) * rate.numerator // (SECOND_NS * rate.denominator)


def parse_fps(fps: float | Fraction) -> Fraction:
    """A rate as an exact fraction (29.97 is 2997/100). Raises ``ValueError`` unless it is finite and above 0."""
    if isinstance(fps, Fraction):
        rate = fps
    elif not math.isfinite(fps):
        raise ValueError(f"fps must be a finite number above 0, got {fps}")
    else:
        rate = Fraction(str(fps))
    if rate <= 0:
        raise ValueError(f"fps must be a finite number above 0, got {fps}")
    return rate


def sample(
    source: BaseSource,
    fps: float | Fraction | None = None,
    at_least: Callable[[int], float | Fraction | None] | None = None,
) -> Iterator[Frame]:
    """The frames of an open source at a rate; the pictures of the others are never made.

    ``at_least`` gives the rate that the moment ``t_ns`` is worth, None for the usual one (see ``SampleClock``).
    """
    clock = SampleClock(fps, source.time_tolerance_ns)
    while (t_ns := source.grab()) is not None:
        if clock.accept(t_ns, None if at_least is None else at_least(t_ns)):
            yield source.retrieve()
