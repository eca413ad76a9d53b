"""Which frames of a source belong to a given rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
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
        self._next_k = 0

    def accept(self, t_ns: int) -> bool:
        """Say whether the frame at ``t_ns`` is picked. Must be asked for every frame, in time order."""
        if self._rate is None:
            return True
        if self._origin_ns is None:
            self._origin_ns = t_ns
        elapsed = (t_ns - self._origin_ns + self._tolerance_ns) * self._rate.numerator
        interval = SECOND_NS * self._rate.denominator
        if elapsed < self._next_k * interval:
            return False
        self._next_k = elapsed // interval + 1
        return True


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


def sample(source: BaseSource, fps: float | Fraction | None = None) -> Iterator[Frame]:
    """The frames of an open source at a rate; the pictures of the others are never made."""
    clock = SampleClock(fps, source.time_tolerance_ns)
    while (t_ns := source.grab()) is not None:
        if clock.accept(t_ns):
            yield source.retrieve()
