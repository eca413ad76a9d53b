"""What one person's face looked like at some moments of a video, side by side and bounded in number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

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
NEAR_DEG = 15.0
"""Moments whose yaw and pitch differ by less may explain each other."""
DIGEST_BYTES = 16


@dataclass(frozen=True, eq=False)
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

    @cached_property
    def digest(self) -> bytes:
        """Stands for all that the moments show; their times are no part of it."""
        parts = (self.cells, self.odd, self.pose_deg)
        return blake2b(b"".join(part.tobytes() for part in parts), digest_size=DIGEST_BYTES).digest()

    def near(self, other: Moments, within_deg: float = NEAR_DEG) -> Flags:
        """Whose poses are similar to those of others `(m, n)`."""
        near: Flags = (np.abs(self.pose_deg[:, None] - other.pose_deg[None]) <= within_deg).all(axis=2)
        return near

    def distances(self, other: Moments) -> Array:
        """Cosine distances to others cell by cell, `(cells, m, n)`; NaN where either is unseen."""
        a, b = self.cells.transpose(1, 0, 2), other.cells.transpose(1, 2, 0)
        seen = np.any(a != 0, axis=2)[:, :, None] & np.any(b != 0, axis=1)[:, None, :]
        distances: Array = np.where(seen, 1.0 - a @ b, np.nan)
        return distances


def is_moment(sample: FaceSample) -> bool:
    """False where appearance or pose is unknown or the head is turned too far."""
    yaw, pitch = sample.pose.yaw_deg, sample.pose.pitch_deg
    if sample.appearance is None or len(sample.appearance) != CELLS or yaw is None or pitch is None:
        return False
    return max(abs(yaw), abs(pitch)) <= JUDGED_DEG


def moment_of(sample: FaceSample) -> Moments | None:
    """The sample as one moment, None where it is none."""
    if sample.appearance is None or not is_moment(sample):
        return None
    rows = sample.appearance[None].astype(np.float32)
    pose = np.array([[sample.pose.yaw_deg, sample.pose.pitch_deg]], np.float32)
    return Moments(rows[:, :, :-1], rows[:, :, -1], pose, np.array([sample.t_ns], np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class ThinnedMoments(Thinned[Moments]):
    """Moments one by one, evenly thinned so that memory stays bounded."""

    capacity: int = MOMENTS

    def tie_break(self, value: Moments) -> bytes:
        """What orders moments of the same time."""
        return value.cells.tobytes()


def stacked(moments: Sequence[Moments]) -> Moments | None:
    """All of them side by side; None for none."""
    if not moments:
        return None
    return Moments(
        np.concatenate([moment.cells for moment in moments]),
        np.concatenate([moment.odd for moment in moments]),
        np.concatenate([moment.pose_deg for moment in moments]),
        np.concatenate([moment.t_ns for moment in moments]),
    )
