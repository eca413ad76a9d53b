"""Pictures that a memory was learnt from, and which few of them stand for all. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

REP_IMAGES = 3


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that something was learnt from. `kind`: anchor, coverage or challenge; `path` relative to the bank."""

    path: str
    quality: float
    kind: str
    yaw_bin: str
    pitch_bin: str
    expression_bin: str
    timestamp_ms: float


def representative(pictures: Iterable[Picture]) -> tuple[Picture, ...]:
    """The best picture, then the best of a kind or bucket not shown yet, then the next best; three in all."""
    left = sorted(pictures, key=lambda p: (-p.quality, p.path))
    chosen: list[Picture] = []
    while left and len(chosen) < REP_IMAGES:
        kinds = {picture.kind for picture in chosen}
        looks = {look(picture) for picture in chosen}
        best = min(left, key=lambda p: (p.kind in kinds, look(p) in looks))
        left.remove(best)
        chosen.append(best)
    return tuple(sorted(chosen, key=lambda p: (-p.quality, p.path)))


def look(picture: Picture) -> tuple[str, str, str]:
    """Its buckets: yaw, pitch, expression."""
    return picture.yaw_bin, picture.pitch_bin, picture.expression_bin
