"""Sentences on what a person's sets lack, and why: they speak of what was seen, as nobody knows what was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from .buckets import HEAVY_OCCLUSION_ABOVE, PITCH_EDGES, UNKNOWN, YAW_BINS, YAW_EDGES
from .config import Config
from .eligible import Judged, is_anchor
from .extremes import Extremes, Span
from .gates import GATE_WORDS
from .words import counted

LEFT_OUT = {
    "unstable": "not surely this person",
    "other_face_in_crop": "with somebody else's face in the picture",
    "blur": "too blurred",
    "edge": "cut by the frame",
    "roll": "tilted too far sideways",
}
"""What is wrong with an extreme face that is no challenge image, as the end of a sentence."""


def set_notes(
    items: Sequence[Judged], anchors: Sequence[Judged], challenge: int, extremes: Extremes, cfg: Config
) -> tuple[str, ...]:
    """Notes for these anchors and so many challenge images chosen of a person's candidates."""
    notes = []
    if len(anchors) < cfg.selection.anchors_min:
        notes.append(_on_anchors(items, len(anchors), cfg))
    untold = sum(anchor.buckets.occlusion == UNKNOWN for anchor in anchors)
    if untold:
        of_all = f"{untold} of {counted(len(anchors), 'anchor')}"
        notes.append(f"{of_all}: whether something covers the face could not be told; look before you use them")
    if challenge < cfg.selection.challenge_min:
        seen = "; ".join((*_seen(extremes, cfg), *_left_out(extremes)))
        notes.append(
            f"{challenge} of at least {cfg.selection.challenge_min} challenge images: nothing else that was seen is "
            "extreme, surely this person and different from what was chosen" + (f" (seen: {seen})" if seen else "")
        )
    outside = sum(1 for item in items if item.buckets.yaw not in YAW_BINS)
    if outside == len(items) and items:
        notes.append(f"no face kept has a known head pose within {YAW_EDGES[-1]:g} degrees of yaw")
    return tuple(notes)


def _on_anchors(items: Sequence[Judged], anchors: int, cfg: Config) -> str:
    """How many there are and why every other face that was kept is none, each counted under its first reason."""
    reasons = Counter(reason for item in items if (reason := objection(item, cfg)) is not None)
    left = len(items) - reasons.total() - anchors
    why = [f"{count} {reason}" for reason, count in reasons.most_common()]
    if left > 0:
        gap_s = cfg.selection.anchor_gap_ms / 1000
        why.append(f"{left} good enough but less than {gap_s:g} s from an anchor")
    said = f"{anchors} of at least {cfg.selection.anchors_min} anchors"
    kept = counted(len(items), "face") if items else "no face"
    return f"{said}: {kept} kept to choose from{', of these ' if why else ''}{', '.join(why)}"


def objection(item: Judged, cfg: Config) -> str | None:
    """The first reason why a face is no anchor, as the end of a sentence; None for one that could be."""
    if is_anchor(item.sample, item.buckets, item.strict.passed, cfg):
        return None
    selection, pose = cfg.selection, item.sample.pose
    if not item.strict.passed:
        failed = next(check.name for check in item.strict.checks if not check.passed)
        return f"below the strict gate ({GATE_WORDS.get(failed, failed)})"
    if pose.yaw_deg is None:
        return "of unknown head pose"
    if abs(pose.yaw_deg) > selection.anchor_yaw_deg:
        return f"turned by more than {selection.anchor_yaw_deg:g} degrees"
    if abs(pose.pitch_deg or 0.0) > selection.anchor_pitch_deg:
        return f"looking up or down by more than {selection.anchor_pitch_deg:g} degrees"
    if abs(pose.roll_deg or 0.0) > selection.anchor_roll_deg:
        return f"tilted by more than {selection.anchor_roll_deg:g} degrees"
    if (item.sample.occlusion_ratio or 0.0) >= selection.anchor_occlusion:
        return "partly covered"
    return "with closed eyes"


def _seen(extremes: Extremes, cfg: Config) -> list[str]:
    """How far the person's faces go beside what is asked of a challenge image."""
    selection, seen = cfg.selection, []
    if extremes.yaw_deg is not None:
        seen.append(f"yaw {_range(extremes.yaw_deg)} degrees, wanted {selection.challenge_yaw_deg:g} to either side")
    if extremes.pitch_deg is not None:
        seen.append(f"pitch {_range(extremes.pitch_deg)} degrees, wanted beyond {PITCH_EDGES[-1]:g} up or down")
    if extremes.level is not None:
        limits = f"wanted below {selection.dark_level:g} or above {selection.bright_level:g}"
        seen.append(f"brightness {_range(extremes.level)}, {limits} and unusual for this person")
    if extremes.occlusion is not None:
        seen.append(f"covered share up to {extremes.occlusion[1]:.2f}, wanted above {HEAVY_OCCLUSION_ABOVE:g}")
    return seen


def _left_out(extremes: Extremes) -> Iterator[str]:
    """What kept faces that are extreme enough from being challenge images."""
    reasons = sorted(extremes.left_out.items(), key=lambda item: (-item[1], item[0]))
    if reasons:
        yield "extreme, but left out: " + ", ".join(f"{count} {LEFT_OUT.get(why, why)}" for why, count in reasons)


def _range(span: Span) -> str:
    """`-8 to 29`, or one number where both are the same."""
    low, high = round(span[0]), round(span[1])
    return str(low) if low == high else f"{low} to {high}"
