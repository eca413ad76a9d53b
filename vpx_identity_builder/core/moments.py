"""What one person's face looked like at some moments of a video, side by side and bounded in number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .face_cells import CELLS
from .thinned import Thinned
from .types import FaceSample

Array = NDArray[np.float32]
Flags = NDArray[np.bool_]

MOMENTS = 48
"""Moments kept of one person, evenly spread over its sightings."""
JUDGED_DEG = 35.0
"""Beyond this yaw or pitch too little of the face shows to judge it."""


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
    if sample.appearance is None or len(sample.appearance) != CELLS or yaw is None or pitch is None:
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
