"""How open eyes are by the person's own measure: lids differ between people, so half-closed is told from a video.

A person's usual opening is the upper quartile of the openings read in frontal faces; blinks, laughs and looks down stay
below it. Until `ENOUGH` were read nothing is usual, and absolute limits hold.
"""

from __future__ import annotations

from dataclasses import replace

from .buckets import eyes_open_from, readable
from .thinned import Spread
from .types import ExpressionSignals, FaceSample

ENOUGH = 20
"""Openings read before they tell what is usual: two seconds at ten frames per second, more than a blink or a laugh."""
USUAL_QUANTILE = 0.75
FRONTAL_YAW_DEG = 25.0
"""Beyond it one eye is read, and narrower."""

HALF_CLOSED_OF_USUAL = 2 / 3
"""Share of the usual opening below which lids are visibly down: blinks under way, looks down, eyes pressed in a laugh.
Looked at in six people's faces from .3 of the usual opening up: above .7 the eyes look open."""
HALF_CLOSED_BELOW = 0.4
"""The same as an opening (0..1), where nothing usual is known."""
WIDE_OF_USUAL, WIDE_FROM = 0.9, 0.6
"""Share of the usual opening from which eyes are wide open, and the opening where nothing usual is known."""


def reading(sample: FaceSample) -> float | None:
    """The opening (0..1) that tells what is usual: eyes that nothing covers, in a face near the front."""
    yaw = sample.pose.yaw_deg
    return readable(sample).eye_open if yaw is not None and abs(yaw) <= FRONTAL_YAW_DEG else None


def usual_opening(openings: Spread) -> float | None:
    """What is usual by these openings; None where there are too few."""
    return openings.quantile(USUAL_QUANTILE) if openings.offered >= ENOUGH else None


def beside_usual(signals: ExpressionSignals, openings: Spread) -> ExpressionSignals:
    """The signals together with what is usual for their person; the signals themselves where they know."""
    usual = usual_opening(openings)
    if usual == signals.eye_usual:
        return signals
    return replace(signals, eye_usual=usual)


def one_eye_shut(signals: ExpressionSignals) -> bool:
    """True where one eye is surely shut and the other is not: a wink, or a blink under way."""
    least, other, cut = signals.eye_open_least, signals.eye_open, eyes_open_from(signals.eye_usual)
    return least is not None and other is not None and least < cut <= other


def half_closed(signals: ExpressionSignals) -> bool:
    """True where the lids are surely not up as usual, or one eye is shut; unknown eyes are not half closed."""
    if signals.eye_open is None:
        return False
    usual = signals.eye_usual
    lowered = signals.eye_open < (HALF_CLOSED_BELOW if usual is None else HALF_CLOSED_OF_USUAL * usual)
    return lowered or one_eye_shut(signals)


def narrowing(signals: ExpressionSignals) -> float:
    """How far the eyes are from wide open, 0 (wide open or unknown) to 1 (closed)."""
    if signals.eye_open is None:
        return 0.0
    wide = WIDE_FROM if signals.eye_usual is None else WIDE_OF_USUAL * signals.eye_usual
    return max(0.0, 1.0 - signals.eye_open / max(wide, 1e-6))
