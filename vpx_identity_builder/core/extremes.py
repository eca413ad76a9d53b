"""How far one person's faces go on each axis that challenge images are told by, over the whole video."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from .types import FaceSample

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Extremes:
    """Lowest and highest value seen, None = never known: degrees, grey levels of the crop, covered share.

    `pitch_source`: the module that gave the pitch. `left_out`: reason code → faces extreme enough that could not be
    taken all the same.
    """

    yaw_deg: Span | None = None
    pitch_deg: Span | None = None
    level: Span | None = None
    occlusion: Span | None = None
    pitch_source: str | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)

    def leaving_out(self, reason: str, count: int = 1) -> Extremes:
        """With so many more faces left out."""
        return replace(self, left_out=_sum(self.left_out, {reason: count})) if count else self

    def seeing(self, sample: FaceSample) -> Extremes:
        """With one more face."""
        pose = sample.pose
        return Extremes(
            _with(self.yaw_deg, pose.yaw_deg),
            _with(self.pitch_deg, pose.pitch_deg),
            _with(self.level, sample.measures.lighting_level),
            _with(self.occlusion, sample.occlusion_ratio),
            pose.pitch_source or self.pitch_source,
            self.left_out,
        )

    def merged(self, other: Extremes) -> Extremes:
        """Of two persons that turned out to be one."""
        return Extremes(
            _both(self.yaw_deg, other.yaw_deg),
            _both(self.pitch_deg, other.pitch_deg),
            _both(self.level, other.level),
            _both(self.occlusion, other.occlusion),
            self.pitch_source or other.pitch_source,
            _sum(self.left_out, other.left_out),
        )

    def with_pitch_reversed(self, sources: Collection[str]) -> Extremes:
        """For a pitch that turned out to have the opposite sign."""
        if self.pitch_deg is None or self.pitch_source not in sources:
            return self
        return replace(self, pitch_deg=(-self.pitch_deg[1], -self.pitch_deg[0]))


NOTHING_SEEN = Extremes()


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in sorted({*one, *other})}


def _with(span: Span | None, value: float | None) -> Span | None:
    if value is None or (span is not None and span[0] <= value <= span[1]):
        return span
    return _both(span, (value, value))


def _both(one: Span | None, other: Span | None) -> Span | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])
