"""From a stream's timestamps to frame numbers and nanoseconds."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from fractions import Fraction

from visualbase.sampling import SECOND_NS

_LATEST_NS = 1 << 62


class Timeline:
    """Numbers and times of decoded frames, relative to the first one; both grow strictly.

    A frame's number is its rank among the packets in presentation order, so frames that cannot be decoded leave gaps.
    Frames without a timestamp, or with one that runs backwards or a century ahead, follow the one before at the nominal
    rate.
    """

    def __init__(self, time_base: Fraction, rate: Fraction) -> None:
        self._time_base = time_base
        self._frame_ns = max(1, round(SECOND_NS / rate))
        self._first_pts: int | None = None
        self._first_rank = 0
        self._rank = 0
        self._waiting: list[int] = []
        self._index: list[int] = []
        self._last: tuple[int, int] | None = None

    def note_packet(self, pts: int | None) -> None:
        """Tell of a packet before the frames that come out of it."""
        if pts is not None and not self._index:
            heapq.heappush(self._waiting, pts)

    def place(self, pts: int | None) -> tuple[int, int]:
        """Number and time in ns of the next decoded frame."""
        rank = self._rank_of(pts)
        if self._first_pts is None and pts is not None:
            self._first_pts, self._first_rank = pts, rank or 0
        frame_id, t_ns = 0, 0
        if self._last is not None:
            frame_id, t_ns = self._last[0] + 1, self._last[1] + self._frame_ns
        if pts is not None:
            frame_id = max(frame_id, (rank or 0) - self._first_rank)
            own_ns = self.to_ns(pts)
            if self._last is None or self._last[1] < own_ns < _LATEST_NS:
                t_ns = own_ns
        self._last = (frame_id, t_ns)
        return frame_id, t_ns

    def to_ns(self, pts: int) -> int:
        """Nanoseconds from the first frame to a timestamp, rounded to the nearest."""
        return round((pts - (self._first_pts or 0)) * self._time_base * SECOND_NS)

    def to_pts(self, t_ns: int) -> int:
        """The last timestamp at or before a time in ns."""
        return (self._first_pts or 0) + int(t_ns / (self._time_base * SECOND_NS))

    def jump(self, index: list[int]) -> None:
        """Forget the position; from now on the sorted timestamps of all packets give the numbers."""
        self._index = index
        self._waiting.clear()
        self._last = None
        if self._first_pts is not None:
            self._first_rank = bisect_left(index, self._first_pts)

    def _rank_of(self, pts: int | None) -> int | None:
        if pts is None:
            return None
        if self._index:
            return bisect_left(self._index, pts)
        while self._waiting and self._waiting[0] < pts:
            heapq.heappop(self._waiting)
            self._rank += 1
        return self._rank
