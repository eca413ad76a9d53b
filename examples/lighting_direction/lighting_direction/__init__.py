"""The axis `lighting_direction`: `left`, `right` or `front`, from which side of the picture a face is lit.

A plugin needs an entry point of the group `identity_builder.hooks` (see pyproject.toml) and one method per hook, which
takes those of the hook's arguments that it wants. What it answers is written into each image's metadata under
`details.extra_bins`, and coverage shows every bin once where it can.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vpx_identity_builder.core.types import FaceSample
from vpx_identity_builder.hooks import hookimpl

CHEEKS = (0.30, 0.85)
"""Rows that count, in heights of the face's box: no hair above, no collar below."""
HALF = 0.35
"""Width of the strip on either side of the middle, in widths of the box: the outer part is background or hair."""
BALANCE = 0.12
"""From here on the brighter half is the lit one: (bright - dark) / (bright + dark); even light stays well below."""
MAX_YAW_DEG = 25.0
"""On a face that is turned further the two halves are not two cheeks."""


def balance(face: NDArray[np.uint8]) -> float:
    """Light of the image-right half of a `(h, w, 3)` BGR face over the left one, -1..1; 0 where there is none."""
    height, width = face.shape[:2]
    rows = slice(int(CHEEKS[0] * height), max(int(CHEEKS[1] * height), int(CHEEKS[0] * height) + 1))
    middle, reach = width // 2, max(1, int(HALF * width))
    grey = face[rows].astype(np.float32) @ np.array([0.114, 0.587, 0.299], np.float32)
    left, right = np.median(grey[:, max(0, middle - reach) : middle]), np.median(grey[:, middle : middle + reach])
    total = float(left + right)
    return float(right - left) / total if total > 0 else 0.0


class LightingDirection:
    """From which side a face is lit; nothing is said of faces that are turned away or too small."""

    @hookimpl
    def identity_builder_bucket_axes(self, sample: FaceSample, face: NDArray[np.uint8]) -> dict[str, str] | None:
        """One bin of `lighting_direction`."""
        yaw = sample.pose.yaw_deg
        if yaw is None or abs(yaw) > MAX_YAW_DEG or min(face.shape[:2]) < 8:
            return None
        tilt = balance(face)
        return {"lighting_direction": "front" if abs(tilt) < BALANCE else "right" if tilt > 0 else "left"}
