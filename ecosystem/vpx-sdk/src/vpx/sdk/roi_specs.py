"""Named regions of a face, as fractions of its box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class RoiSpec:
    """A rectangle in a face box whose sides are 1; (0, 0) is the top left corner, values beyond 0..1 reach outside."""

    name: str
    left: float
    top: float
    right: float
    bottom: float


roi_specs: Mapping[str, RoiSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            RoiSpec("face", 0.0, 0.0, 1.0, 1.0),
            RoiSpec("portrait", -0.5, -0.5, 1.5, 1.5),
            RoiSpec("upper", 0.0, 0.0, 1.0, 0.55),
            RoiSpec("lower", 0.0, 0.5, 1.0, 1.0),
            RoiSpec("eyes", 0.1, 0.2, 0.9, 0.5),
            RoiSpec("mouth", 0.2, 0.6, 0.8, 0.95),
        )
    }
)


def roi_box(spec: RoiSpec, box: Sequence[float]) -> tuple[float, float, float, float]:
    """The region of a face ``box`` (x1, y1, x2, y2), in the same unit and form."""
    x1, y1, x2, y2 = (float(value) for value in box)
    w, h = x2 - x1, y2 - y1
    return x1 + spec.left * w, y1 + spec.top * h, x1 + spec.right * w, y1 + spec.bottom * h
