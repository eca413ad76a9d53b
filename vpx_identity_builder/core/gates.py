"""The strict and the loose quality gate (contract §11, design document §6 and §14).

Every component reports its value and limit. A value that could not be measured passes: a gate rejects what is known to
be bad, and what must be known (identity) is asked for elsewhere.
"""

from __future__ import annotations

from .config import GateConfig
from .types import Check, FaceSample, GateResult

GATE_VERSION = "v1"

GATE_WORDS = {
    "confidence": "the detector is not sure that it is a face",
    "face_px": "the face is too small",
    "area": "the face is too small in the frame",
    "underexposed": "the face is too dark",
    "overexposed": "the face is too bright",
    "clipped": "too much of the face is pure black or white",
    "blur": "the face is too blurred",
    "edge": "the frame cuts the face",
    "occlusion": "too much of the face is covered",
    "roll": "the head is tilted too far sideways",
    "alignment": "the eyes, nose and mouth do not fit a face",
}
"""What is wrong with a face that fails a component."""


Measured = tuple[str, float | None, float, bool]
"""The fields of a `Check`."""


def _at_least(name: str, value: float | None, limit: float) -> Measured:
    return name, value, limit, value is None or value >= limit


def _at_most(name: str, value: float | None, limit: float) -> Measured:
    return name, value, limit, value is None or value <= limit


def _magnitude(value: float | None) -> float | None:
    return None if value is None else abs(value)


def sharpness_limit(config: GateConfig, median_sharpness: float | None, *, strict: bool) -> float:
    """Sharpness asked of a face: relative to the person's own median, never under the absolute floor."""
    ratio = config.strict_sharpness_ratio if strict else config.strict_sharpness_ratio / 2
    return max(config.sharpness_floor, ratio * (median_sharpness or 0.0))


def strict_gate(sample: FaceSample, median_sharpness: float | None, config: GateConfig) -> GateResult:
    """Gate for anchors and prototype updates."""
    return _result(_strict(sample, median_sharpness, config))


def passes_strict(sample: FaceSample, median_sharpness: float | None, config: GateConfig) -> bool:
    """Whether the strict gate is passed."""
    return _first_failure(_strict(sample, median_sharpness, config)) is None


def loose_gate(sample: FaceSample, median_sharpness: float | None, config: GateConfig) -> GateResult:
    """Gate for coverage images."""
    return _result(_loose(sample, median_sharpness, config))


def loose_failure(sample: FaceSample, median_sharpness: float | None, config: GateConfig) -> str | None:
    """The first component of the loose gate that does not pass, None where all do."""
    return _first_failure(_loose(sample, median_sharpness, config))


def challenge_gate(sample: FaceSample, config: GateConfig) -> GateResult:
    """Gate of challenge images: the blur floor (§8), and what spoils any image: roll (§14) and a cut face."""
    return _result(_challenge(sample, config))


def challenge_failure(sample: FaceSample, config: GateConfig) -> str | None:
    """The first component of the gate of challenge images that does not pass, None where all do."""
    return _first_failure(_challenge(sample, config))


def passes_challenge(sample: FaceSample, config: GateConfig) -> bool:
    """Whether the gate of challenge images is passed."""
    return challenge_failure(sample, config) is None


def _strict(sample: FaceSample, median_sharpness: float | None, config: GateConfig) -> tuple[Measured, ...]:
    measures = sample.measures
    return (
        _at_least("confidence", sample.confidence, config.strict_confidence),
        _at_least("face_px", measures.face_px, config.strict_face_px),
        _at_least("area", measures.area_share, config.strict_area_share),
        _at_least("underexposed", measures.brightness, config.exposure_low),
        _at_most("overexposed", measures.brightness, config.exposure_high),
        _at_most("clipped", measures.clipped_share, config.strict_clipped),
        _at_least("blur", measures.sharpness, sharpness_limit(config, median_sharpness, strict=True)),
        _at_least("edge", measures.edge_margin, config.strict_edge_margin),
        _at_most("occlusion", sample.occlusion_ratio, config.strict_occlusion),
        _at_most("roll", _magnitude(sample.pose.roll_deg), config.strict_roll_deg),
        _at_most("alignment", measures.alignment_error, config.strict_alignment_error),
    )


def _loose(sample: FaceSample, median_sharpness: float | None, config: GateConfig) -> tuple[Measured, ...]:
    measures = sample.measures
    return (
        _at_least("confidence", sample.confidence, config.loose_confidence),
        _at_least("face_px", measures.face_px, config.loose_face_px),
        _at_most("clipped", measures.clipped_share, config.loose_clipped),
        _at_least("blur", measures.sharpness, sharpness_limit(config, median_sharpness, strict=False)),
        _at_least("edge", measures.edge_margin, config.loose_edge_margin),
        _at_most("occlusion", sample.occlusion_ratio, config.loose_occlusion),
        _at_most("roll", _magnitude(sample.pose.roll_deg), config.loose_roll_deg),
        _at_most("alignment", measures.alignment_error, config.loose_alignment_error),
    )


def _challenge(sample: FaceSample, config: GateConfig) -> tuple[Measured, ...]:
    measures = sample.measures
    return (
        _at_least("blur", measures.sharpness, config.sharpness_floor),
        _at_least("edge", measures.edge_margin, config.loose_edge_margin),
        _at_most("roll", _magnitude(sample.pose.roll_deg), config.loose_roll_deg),
    )


def _result(measured: tuple[Measured, ...]) -> GateResult:
    return GateResult(tuple(Check(*one) for one in measured))


def _first_failure(measured: tuple[Measured, ...]) -> str | None:
    for name, _, _, passed in measured:
        if not passed:
            return name
    return None
