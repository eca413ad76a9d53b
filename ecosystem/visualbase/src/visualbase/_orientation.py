"""Turning pictures upright."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Orientation:
    """One of the eight right-angled placements of a picture: transpose first, then mirror."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the upright picture."""
        return (height, width) if self.transpose else (width, height)

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The upright picture, contiguous; ``image`` itself where nothing is to be done."""
        if self == Orientation():
            return image
        turned = image.transpose(1, 0, 2) if self.transpose else image
        if self.mirror_x:
            turned = turned[:, ::-1]
        if self.mirror_y:
            turned = turned[::-1]
        return np.ascontiguousarray(turned)


def from_display_matrix(matrix: bytes) -> Orientation:
    """The placement nearest to a container's display matrix.

    The matrix is nine little-endian int32 (a, b, u, c, d, …) with x' = a·x + c·y and y' = b·x + d·y.
    """
    a, b, _, c, d = (int(value) for value in np.frombuffer(matrix[:20], dtype="<i4"))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(mirror_x=a < 0, mirror_y=d < 0)
    return Orientation(transpose=True, mirror_x=c < 0, mirror_y=b < 0)
