"""The one picture type that travels through the ecosystem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Frame:
    """One upright picture of a source.

    ``data`` is (height, width, 3) uint8 in BGR order, ``frame_id`` the number of the frame in its source,
    ``t_src_ns`` nanoseconds since the first frame of the source, ``width`` and ``height`` pixels.
    """

    data: NDArray[np.uint8]
    frame_id: int
    t_src_ns: int
    width: int
    height: int

    @classmethod
    def from_array(cls, data: NDArray[np.uint8], frame_id: int = 0, t_src_ns: int = 0) -> Frame:
        """Wrap a BGR array without copying it.

        Raises ``ValueError`` unless ``data`` is (height, width, 3) uint8 with at least one pixel.
        """
        if data.ndim != 3 or data.shape[2] != 3 or data.dtype != np.uint8 or data.size == 0:
            raise ValueError(f"a frame needs a non-empty (height, width, 3) uint8 array, got {data.shape} {data.dtype}")
        height, width = data.shape[:2]
        return cls(data=data, frame_id=frame_id, t_src_ns=t_src_ns, width=width, height=height)
