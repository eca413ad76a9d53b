"""Sentences on what a person's sets lack, and why the video does not hold it."""

from __future__ import annotations

from collections.abc import Sequence

from .buckets import HEAVY_OCCLUSION_ABOVE, YAW_BINS
from .config import Config
from .eligible import Judged
from .extremes import Extremes


def set_notes(
    items: Sequence[Judged], anchors: int, challenge: int, extremes: Extremes, cfg: Config
) -> tuple[str, ...]:
    """Notes for so many anchors and challenge images chosen of a person's candidates."""
    notes = []
    selection = cfg.selection
    if anchors < selection.anchors_min:
        strict = [item for item in items if item.strict.passed]
        yaws = [item.sample.pose.yaw_deg for item in strict]
        frontal = [yaw for yaw in yaws if yaw is not None and abs(yaw) <= selection.anchor_yaw_deg]
        notes.append(
            f"{anchors} of at least {selection.anchors_min} anchors: of {len(items)} candidates {len(strict)} passed "
            f"the strict gate, {len(frontal)} of these within {selection.anchor_yaw_deg:g} degrees of yaw"
        )
    if challenge < selection.challenge_min:
        seen = "; ".join(_seen(extremes, cfg))
        notes.append(
            f"{challenge} of at least {selection.challenge_min} challenge images: the video holds no more that are "
            "extreme and look different" + (f" (seen: {seen})" if seen else "")
        )
    missing = sum(1 for item in items if item.buckets.yaw not in YAW_BINS)
    if missing == len(items) and items:
        notes.append("no candidate has a known head pose inside the yaw bins")
    return tuple(notes)


def _seen(extremes: Extremes, cfg: Config) -> list[str]:
    """How far the person's faces go beside what is asked of a challenge image."""
    selection, seen = cfg.selection, []
    if extremes.yaw_deg is not None:
        low, high = extremes.yaw_deg
        seen.append(f"yaw {low:.0f} to {high:.0f} degrees, wanted {selection.challenge_yaw_deg:g} to either side")
    if extremes.pitch_deg is not None:
        low, high = extremes.pitch_deg
        seen.append(f"pitch {low:.0f} to {high:.0f} degrees, wanted beyond 20 up or down")
    if extremes.level is not None:
        low, high = extremes.level
        limits = f"wanted below {selection.dark_level:g} or above {selection.bright_level:g}"
        seen.append(f"brightness {low:.0f} to {high:.0f}, {limits} and unusual for this person")
    if extremes.occlusion is not None:
        seen.append(f"covered share up to {extremes.occlusion[1]:.2f}, wanted above {HEAVY_OCCLUSION_ABOVE:g}")
    return seen
