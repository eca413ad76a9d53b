"""Quality of one face as an image, 0..1, monotone in each component. Head pose is not quality: it has its buckets."""

from __future__ import annotations

import math

from .config import GateConfig
from .types import FaceSample

WEIGHTS = {"sharpness": 0.3, "size": 0.15, "exposure": 0.15, "confidence": 0.1, "occlusion": 0.2, "alignment": 0.1}
FULL_SIZE_PX = 160.0
WELL_EXPOSED = (80.0, 180.0)
UNKNOWN_OCCLUSION = 0.4
"""What an unknown occlusion counts as where nothing can be guessed either, the upper end of §5's partial: after every
face known to be clear or partly covered, before those known to be heavily covered."""
MISALIGNED = 0.5
"""What landmarks count as that fit no better than the loose gate allows: how much worse they fit is chance."""
FLOOR = 0.01
"""Lowest component: one bad measure cannot hide behind another's zero."""


def _exposure(brightness: float | None, clipped_share: float | None) -> float:
    if brightness is None:
        return 1.0
    low, high = WELL_EXPOSED
    level = min(1.0, brightness / low, (255.0 - brightness) / (255.0 - high))
    return level * (1.0 - min(1.0, clipped_share or 0.0))


def _covered(sample: FaceSample) -> float:
    known = (sample.occlusion_ratio, sample.occlusion_guess)
    return next((share for share in known if share is not None), UNKNOWN_OCCLUSION)


def components(sample: FaceSample, config: GateConfig) -> dict[str, float]:
    """Each component, 1 for very good, 0 and below for useless; `quality_score` clips them.

    What the pixels did not allow to measure counts as 1.
    """
    measures = sample.measures
    sharpness = measures.sharpness
    misfit = measures.alignment_error or 0.0
    return {
        "sharpness": 1.0 if sharpness is None else sharpness / (sharpness + config.sharpness_good),
        "size": measures.face_px / FULL_SIZE_PX,
        "exposure": _exposure(measures.brightness, measures.clipped_share),
        "confidence": sample.confidence,
        "occlusion": 1.0 - _covered(sample),
        "alignment": max(MISALIGNED, 1.0 - misfit / (2 * config.loose_alignment_error)),
    }


def quality_score(sample: FaceSample, config: GateConfig) -> float:
    """Weighted geometric mean of the components, 0..1: one very bad component spoils an image."""
    log_sum = 0.0
    for name, value in components(sample, config).items():
        if not value >= 1.0:
            log_sum += WEIGHTS[name] * math.log(value if value > FLOOR else FLOOR)
    return math.exp(log_sum)
