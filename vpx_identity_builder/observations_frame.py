"""One frame's picture and observations, read so that a broken source costs its own values only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .observations_read import BAD_INPUT, get

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class FrameInput:
    """What a host gave for one frame: `image` is `(h, w, 3)` uint8 BGR, `deps` maps module names to observations."""

    image: NDArray[np.uint8]
    deps: Mapping[str, Any]
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return int(self.image.shape[1]), int(self.image.shape[0])

    def says(self, name: str) -> bool:
        """Whether this module said anything about the frame."""
        return self.read(name, lambda data: data is not None, False)

    def read(self, name: str, reader: Callable[[Any], T], default: T) -> T:
        """`reader(data)` of this module, or `default` where it gave nothing or nothing readable."""
        try:
            data = get(self.deps.get(name), "data")
            return default if data is None else reader(data)
        except BAD_INPUT:
            self.faults[f"unreadable:{name}"] = 1
            return default

    def signal(self, name: str, key: str) -> Any:
        """A signal that this module gives for the whole frame, or None."""
        try:
            return get(get(self.deps.get(name), "signals"), key)
        except BAD_INPUT:
            self.faults[f"unreadable:{name}"] = 1
            return None
