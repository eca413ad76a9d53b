"""Challenge conditions (§8): extreme pose, light or occlusion, and how extreme a face is in each."""

from __future__ import annotations

from .buckets import HEAVY_OCCLUSION_ABOVE
from .config import SelectionConfig
from .types import Buckets, FaceSample

CUES = {
    "yaw_left": "head turned far to the image's left",
    "yaw_right": "head turned far to the image's right",
    "pitch_up": "head tilted far up",
    "pitch_down": "head tilted far down",
    "dark": "underexposed face",
    "overexposed": "overexposed face",
    "occluded": "face largely covered",
}


def condition_scores(sample: FaceSample, buckets: Buckets, config: SelectionConfig) -> dict[str, float]:
    """Condition → how far beyond its limit the face is (0 = just extreme); empty for an ordinary face."""
    yaw, pitch = sample.pose.yaw_deg, sample.pose.pitch_deg
    brightness, occlusion = sample.measures.lighting_level, sample.occlusion_ratio
    scores: dict[str, float] = {}
    if yaw is not None and abs(yaw) >= config.challenge_yaw_deg:
        scores["yaw_left" if yaw < 0 else "yaw_right"] = (abs(yaw) - config.challenge_yaw_deg) / 45
    if pitch is not None and buckets.pitch in ("down", "up"):
        scores["pitch_down" if pitch < 0 else "pitch_up"] = (abs(pitch) - 20) / 45
    if brightness is not None and buckets.lighting == "dark":
        scores["dark"] = (config.dark_level - brightness) / 60
    if brightness is not None and buckets.lighting == "overexposed":
        scores["overexposed"] = (brightness - config.bright_level) / 60
    if occlusion is not None and buckets.occlusion == "heavy":
        scores["occluded"] = occlusion - HEAVY_OCCLUSION_ABOVE
    return scores
