"""Frame-to-frame face tracks by box overlap, with a constant-velocity guess and bridging of short gaps.

Own code and short on purpose. Tracking libraries (SORT and its successors) bring a Kalman filter, an assignment solver
and their own detection types for crowded scenes; a ride camera sees a few well separated faces. Two things matter more
here: time is real time (`t_ns`), because hosts sample at any rate, and the result is deterministic. There is no
identity logic: `face_id` is a hint, and whoever needs to know *who* it is compares embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpx.face_detect.boxes import iou

# Weight of the newest step in a track's velocity; the rest is memory.
_VELOCITY_GAIN = 0.5
# A face does not double its size between two looks: beyond it the box belongs to somebody else.
_MAX_SIDE_RATIO = 2.0


@dataclass(slots=True)
class _Track:
    face_id: int
    box: NDArray[np.float64]
    velocity: NDArray[np.float64]
    seen_ns: int
    missed: int = 0

    def predict(self, t_ns: int) -> NDArray[np.float64]:
        """The box moved on by its velocity (pixels per second, centre only)."""
        return self.box + self.velocity * ((t_ns - self.seen_ns) / 1e9)

    def follow(self, box: NDArray[np.float64], t_ns: int) -> None:
        """Take over the newest box."""
        seconds = (t_ns - self.seen_ns) / 1e9
        if seconds > 0:
            shift = ((box - self.box)[:2] + (box - self.box)[2:]) / 2 / seconds
            self.velocity += _VELOCITY_GAIN * (np.tile(shift, 2) - self.velocity)
        self.box, self.seen_ns, self.missed = box, t_ns, 0


class FaceTracker:
    """Gives boxes their `face_id`. Ids count up from 0 and are never used twice between two `reset` calls."""

    def __init__(self, min_iou: float = 0.3, max_gap_ms: int = 700) -> None:
        self._min_iou = min_iou
        self._max_gap_ns = max_gap_ms * 1_000_000
        self.reset()

    def reset(self) -> None:
        """Forget every track; ids start at 0 again."""
        self._tracks: list[_Track] = []
        self._next_id = 0
        self._last_ns: int | None = None

    def update(self, boxes: Sequence[Sequence[float]] | NDArray[np.floating], t_ns: int) -> list[int]:
        """Return one id per (x1, y1, x2, y2) pixel box of the frame at `t_ns`, all different.

        A track without a box is kept for `max_gap_ms`, and for at least one missed frame where frames are rare.
        Time running backwards means another video: all tracks are dropped.
        """
        found = np.asarray(boxes, np.float64).reshape(-1, 4)
        if self._last_ns is not None and t_ns < self._last_ns:
            self._tracks = []
        self._last_ns = t_ns
        taken = self._match(found, t_ns)
        for index, track in enumerate(self._tracks):
            if index in taken.values():
                continue
            track.missed += 1
        ids: list[int] = []
        for row, box in enumerate(found):
            if row in taken:
                track = self._tracks[taken[row]]
                track.follow(box, t_ns)
            else:
                track = _Track(self._next_id, box, np.zeros(4), t_ns)
                self._next_id += 1
                self._tracks.append(track)
            ids.append(track.face_id)
        self._tracks = [item for item in self._tracks if item.missed <= 1 or t_ns - item.seen_ns <= self._max_gap_ns]
        return ids

    def _match(self, boxes: NDArray[np.float64], t_ns: int) -> dict[int, int]:
        """Return box index → track index, best overlap first; a track is met where it was or where it was heading."""
        if not self._tracks or not len(boxes):
            return {}
        last = np.array([track.box for track in self._tracks])
        heading = np.array([track.predict(t_ns) for track in self._tracks])
        overlap = np.maximum(iou(last, boxes), iou(heading, boxes))
        overlap[_side_ratio(last, boxes) > _MAX_SIDE_RATIO] = 0.0
        pairs = [
            (-overlap[track, row], self._tracks[track].face_id, row, track)
            for track, row in np.argwhere(overlap >= self._min_iou)
        ]
        taken: dict[int, int] = {}
        used: set[int] = set()
        for _, _, row, track in sorted(pairs):
            if int(row) not in taken and int(track) not in used:
                taken[int(row)] = int(track)
                used.add(int(track))
        return taken


def _side_ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (n, m) ratio of the boxes' mean sides, larger over smaller."""
    side_a, side_b = (np.maximum((boxes[:, 2:] - boxes[:, :2]).sum(axis=1), 1e-9) for boxes in (a, b))
    ratio = side_a[:, None] / side_b[None, :]
    return np.asarray(np.maximum(ratio, 1 / ratio))
