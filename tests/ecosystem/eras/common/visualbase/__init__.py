"""visualbase as both eras have it, as far as the contract names it and the plugins use it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Frame:
    data: np.ndarray
    frame_id: int
    t_src_ns: int
    width: int
    height: int

    @classmethod
    def from_array(cls, data, frame_id=0, t_src_ns=0):
        return cls(data, frame_id, t_src_ns, data.shape[1], data.shape[0])


class FileSource:
    """Named by the contract; no plugin opens videos itself."""
