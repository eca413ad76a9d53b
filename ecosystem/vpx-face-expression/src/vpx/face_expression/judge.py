"""Raw measures to the three ratios. Pure; what is not known is None in and absent out."""

from __future__ import annotations

import math

from vpx.face_expression.calibration import (
    CUT,
    EYE_OPEN,
    EYE_OPEN_SMILING,
    EYEBALL_RADIUS,
    EYES_ALIKE,
    LAUGH_FROM,
    MAX_EYE_ASYMMETRY,
    MOUTH_OPEN,
    MOUTH_STRETCH_FROM,
    SMILE,
    SMILE_BACK,
    SMILE_WING,
    Scale,
)
from vpx.face_expression.geometry import MouthMeasures


def mouth_opening(mouth: MouthMeasures) -> float:
    """Lip gap less what a smile's stretch parts the lips, over the outer-eye width; may be negative."""
    return mouth.gap - max(0.0, mouth.width - MOUTH_STRETCH_FROM)


def smile_measure(mouth: MouthMeasures) -> float:
    """How far the corners are drawn apart, back and away from the nose: a smile does all three, an open mouth not."""
    return mouth.width + SMILE_BACK * mouth.back + SMILE_WING * mouth.wing


def readable_eyes(widths_px: tuple[float, float]) -> tuple[bool, bool]:
    """Which eyes (image-left, image-right) to read: both, or only the wider one of a turned face."""
    least = MAX_EYE_ASYMMETRY * max(widths_px)
    left, right = (width > 0 and width >= least for width in widths_px)
    return left, right


def eye_scale(smile: float | None) -> Scale:
    """The scale of lid gaps for a face that smiles so much (0..1, None: unknown): the more, the narrower open eyes."""
    laugh = 1.0 if smile is None else min(1.0, max(0.0, (smile - CUT) / (LAUGH_FROM - CUT)))
    return Scale(EYE_OPEN.zero, EYE_OPEN.cut + laugh * (EYE_OPEN_SMILING.cut - EYE_OPEN.cut), EYE_OPEN.full)


def eye_ratio(gaps: list[float], smile: float | None = 0.0) -> float | None:
    """One ratio for the readable eyes: of their mean gap, or of the more open eye where one is closed and one open.

    "Eyes closed" means that both are: a wink (one lid down) or a bad reading of one eye must not fall below the cut,
    and the mean could. A smile narrows the eyes: what is nearly closed otherwise is still open in a laugh.
    `smile` 0..1, None: unknown.
    """
    if not gaps:
        return None
    scale = eye_scale(smile)
    narrow, wide = scale.ratio(min(gaps)), scale.ratio(max(gaps))
    if max(gaps) - min(gaps) > EYES_ALIKE and narrow < CUT <= wide:
        return wide
    return scale.ratio(sum(gaps) / len(gaps))


def least_eye_ratio(gaps: list[float], smile: float | None = 0.0) -> float | None:
    """The ratio of the less open of two eyes: what `eye_ratio` leaves out of a wink. None where not both were read."""
    return eye_scale(smile).ratio(min(gaps)) if len(gaps) == 2 else None


def gaze_deg(left_shift: float, right_shift: float) -> float:
    """Where both eyes look, sideways against the head, > 0 towards the image's right, from the two iris shifts there.

    Their mean: eyes that look at something near are turned towards each other.
    """
    shift = (left_shift + right_shift) / 2
    return math.degrees(math.asin(min(1.0, max(-1.0, shift / EYEBALL_RADIUS))))


def expression_signals(
    mouth: MouthMeasures | None, eye_gaps: dict[str, float], iris_shifts: dict[str, float] | None = None
) -> dict[str, float]:
    """Signals of one face; `eye_gaps` maps `left` / `right` (image sides) to the lid gap of each eye that was read.

    `iris_shifts` does so with the iris' shift towards the image's right; a gaze needs both, and open eyes.
    """
    signals: dict[str, float] = {}
    if mouth is not None:
        opening = mouth_opening(mouth)
        signals["mouth_open_ratio"] = MOUTH_OPEN.ratio(opening)
        signals["smile_intensity"] = SMILE.ratio(smile_measure(mouth))
        signals["mouth_open_raw"] = opening
        signals["mouth_gap_raw"] = mouth.gap
        signals["mouth_width_raw"] = mouth.width
        signals["smile_raw"] = smile_measure(mouth)
    gaps, smile = list(eye_gaps.values()), signals.get("smile_intensity")
    eyes, least = eye_ratio(gaps, smile), least_eye_ratio(gaps, smile)
    if eyes is not None:
        signals["eye_open_ratio"] = eyes
    if least is not None:
        signals["eye_open_ratio_least"] = least
    shifts = iris_shifts or {}
    if eyes is not None and eyes >= CUT and len(shifts) == 2:
        signals["gaze_deg"] = gaze_deg(shifts["left"], shifts["right"])
    for side, gap in eye_gaps.items():
        signals[f"eye_open_raw_{side}"] = gap
    return signals


def intensity(signals: dict[str, float]) -> float | None:
    """How far from neutral: the larger of smile and mouth opening, 0..1; None where neither is known."""
    known = [signals[key] for key in ("smile_intensity", "mouth_open_ratio") if key in signals]
    return max(known) if known else None
