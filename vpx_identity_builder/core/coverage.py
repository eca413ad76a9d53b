"""Coverage of the three axes and the stop condition of §9."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .buckets import EXPRESSION_BINS, PITCH_BINS, YAW_BINS
from .config import StopConfig
from .results import AxisCoverage, Coverage
from .types import Buckets


def coverage_of(saved: Iterable[Buckets]) -> Coverage:
    """Which bins the saved images fill; `unknown` and yaw beyond 45 degrees fill nothing."""
    images = list(saved)
    return Coverage(
        yaw=_axis(YAW_BINS, (image.yaw for image in images)),
        pitch=_axis(PITCH_BINS, (image.pitch for image in images)),
        expression=_axis(EXPRESSION_BINS, (image.expression for image in images)),
    )


def _axis(bins: tuple[str, ...], seen: Iterable[str]) -> AxisCoverage:
    present = set(seen)
    return AxisCoverage(tuple(name for name in bins if name in present), len(bins))


def is_satisfied(
    coverage: Coverage,
    anchors: int,
    recent_novelty: Sequence[float],
    plateau: float,
    anchors_min: int,
    stop: StopConfig,
) -> bool:
    """§9: every axis covered, enough anchors, and nothing new for a full window of frames."""
    return (
        len(coverage.yaw.filled) >= stop.stop_yaw
        and len(coverage.pitch.filled) >= stop.stop_pitch
        and len(coverage.expression.filled) >= stop.stop_expression
        and anchors >= anchors_min
        and len(recent_novelty) >= stop.novelty_window
        and sum(recent_novelty) / len(recent_novelty) < plateau
    )
