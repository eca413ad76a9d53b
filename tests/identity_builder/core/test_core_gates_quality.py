from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpx_identity_builder.core.buckets import HEAVY_OCCLUSION_ABOVE
from vpx_identity_builder.core.config import GateConfig
from vpx_identity_builder.core.gates import (
    challenge_gate,
    loose_failure,
    loose_gate,
    passes_challenge,
    passes_strict,
    sharpness_limit,
    strict_gate,
)
from vpx_identity_builder.core.quality import components, quality_score
from vpx_identity_builder.core.types import FaceSample

from .strategies import levels, measured_faces, sample, shares

CONFIG = GateConfig()
MEDIAN = 200.0
INSIDE = (600.0, 300.0, 720.0, 440.0)


def small(side: float) -> tuple[float, float, float, float]:
    return (600.0, 300.0, 600.0 + side, 300.0 + 1.2 * side)


SPOILT = {
    "confidence": sample(bbox=INSIDE, confidence=CONFIG.strict_confidence - 0.01),
    "face_px": sample(bbox=small(CONFIG.strict_face_px - 1), frame=(320, 240)),
    "area": sample(bbox=INSIDE, frame=(12800, 7200)),
    "underexposed": sample(bbox=INSIDE, brightness=CONFIG.exposure_low - 1),
    "overexposed": sample(bbox=INSIDE, brightness=CONFIG.exposure_high + 1),
    "clipped": sample(bbox=INSIDE, clipped=CONFIG.strict_clipped + 0.01),
    "blur": sample(bbox=INSIDE, sharpness=CONFIG.strict_sharpness_ratio * MEDIAN - 1),
    "occlusion": sample(bbox=INSIDE, occlusion=CONFIG.strict_occlusion + 0.01),
    "edge": sample(bbox=INSIDE, edge=CONFIG.strict_edge_margin - 0.01),
    "roll": sample(bbox=INSIDE, roll=-(CONFIG.strict_roll_deg + 1)),
    "alignment": sample(bbox=INSIDE, alignment=CONFIG.strict_alignment_error * 3),
}
"""A good face with one component spoilt, by the name of the component."""


def test_a_good_face_passes_both_gates() -> None:
    face = sample(bbox=INSIDE)
    assert strict_gate(face, MEDIAN, CONFIG).failed == ()
    assert loose_gate(face, MEDIAN, CONFIG).failed == ()
    assert strict_gate(face, MEDIAN, CONFIG).passed


@pytest.mark.parametrize("component", SPOILT)
def test_each_component_alone_fails_the_strict_gate(component: str) -> None:
    result = strict_gate(SPOILT[component], MEDIAN, CONFIG)
    assert result.failed == (component,)
    assert not result.passed


def test_coverage_never_takes_a_face_of_low_confidence() -> None:
    assert loose_gate(sample(bbox=INSIDE, confidence=0.05), MEDIAN, CONFIG).failed == ("confidence",)


@given(measured_faces(), st.none() | st.floats(0, 1000))
def test_who_passes_the_strict_gate_passes_the_loose_one(face: FaceSample, median: float | None) -> None:
    if strict_gate(face, median, CONFIG).passed:
        assert loose_gate(face, median, CONFIG).failed == ()


@given(measured_faces())
def test_every_check_reports_what_it_compared(face: FaceSample) -> None:
    for check in (*strict_gate(face, MEDIAN, CONFIG).checks, *loose_gate(face, MEDIAN, CONFIG).checks):
        assert check.passed or check.value is not None
        assert check.limit == check.limit


def test_sharpness_is_relative_with_an_absolute_floor() -> None:
    assert sharpness_limit(CONFIG, None, strict=True) == CONFIG.sharpness_floor
    assert sharpness_limit(CONFIG, 0.0, strict=True) == CONFIG.sharpness_floor
    assert sharpness_limit(CONFIG, 1000, strict=True) == 1000 * CONFIG.strict_sharpness_ratio
    assert sharpness_limit(CONFIG, 1000, strict=False) == 500 * CONFIG.strict_sharpness_ratio


def test_a_wholly_soft_video_still_passes_by_its_own_median() -> None:
    soft = CONFIG.sharpness_floor * 1.5
    assert strict_gate(sample(bbox=INSIDE, sharpness=soft), soft, CONFIG).failed == ()
    assert strict_gate(sample(bbox=INSIDE, sharpness=soft), MEDIAN, CONFIG).failed == ("blur",)


def test_a_challenge_image_needs_the_blur_floor_and_no_more_of_the_loose_gate() -> None:
    dark = sample(bbox=INSIDE, brightness=5, sharpness=CONFIG.sharpness_floor, occlusion=0.9, confidence=0.2)
    assert challenge_gate(dark, CONFIG).failed == ()
    assert challenge_gate(sample(bbox=INSIDE, sharpness=CONFIG.sharpness_floor - 0.1), CONFIG).failed == ("blur",)
    assert challenge_gate(sample(bbox=INSIDE, sharpness=None), CONFIG).passed


@given(measured_faces(), st.none() | st.floats(0, 1000))
def test_whether_a_gate_is_passed_is_what_its_checks_say(face: FaceSample, median: float | None) -> None:
    assert passes_strict(face, median, CONFIG) == strict_gate(face, median, CONFIG).passed
    assert loose_failure(face, median, CONFIG) == next(iter(loose_gate(face, median, CONFIG).failed), None)
    assert passes_challenge(face, CONFIG) == challenge_gate(face, CONFIG).passed


@given(measured_faces())
def test_quality_and_its_components_are_shares(face: FaceSample) -> None:
    assert 0.0 < quality_score(face, CONFIG) <= 1.0
    assert set(components(face, CONFIG)) >= {"sharpness", "size", "exposure", "occlusion"}


@settings(max_examples=40)
@given(face=measured_faces(), a=shares, b=shares)
@pytest.mark.parametrize("component", ["sharpness", "occlusion", "alignment", "clipped", "confidence", "size"])
def test_quality_never_rises_when_one_component_gets_worse(
    component: str, face: FaceSample, a: float, b: float
) -> None:
    worse, better = sorted((a, b))
    make = {
        "sharpness": lambda good: _measured(face, sharpness=1000 * good),
        "occlusion": lambda good: replace(face, occlusion_ratio=1 - good),
        "alignment": lambda good: _measured(face, alignment_error=1 - good),
        "clipped": lambda good: _measured(face, clipped_share=1 - good),
        "confidence": lambda good: replace(face, confidence=good),
        "size": lambda good: _measured(face, face_px=400 * good),
    }[component]
    assert quality_score(make(worse), CONFIG) <= quality_score(make(better), CONFIG) + 1e-12


@given(measured_faces(), shares, shares)
def test_a_face_of_unknown_occlusion_ranks_between_the_partly_and_the_heavily_covered(
    face: FaceSample, a: float, b: float
) -> None:
    unknown = quality_score(replace(face, occlusion_ratio=None), CONFIG)
    clearer, heavier = sorted((a * HEAVY_OCCLUSION_ABOVE, HEAVY_OCCLUSION_ABOVE + b * (1 - HEAVY_OCCLUSION_ABOVE)))
    assert quality_score(replace(face, occlusion_ratio=clearer), CONFIG) >= unknown - 1e-12
    assert quality_score(replace(face, occlusion_ratio=heavier), CONFIG) <= unknown + 1e-12


@given(measured_faces(), levels, levels)
def test_quality_never_rises_towards_black_or_white(face: FaceSample, a: float, b: float) -> None:
    middle = 130.0
    near, far = sorted((a, b), key=lambda level: abs(level - middle))
    if (near - middle) * (far - middle) < 0:
        return
    assert (
        quality_score(_measured(face, brightness=far), CONFIG)
        <= quality_score(_measured(face, brightness=near), CONFIG) + 1e-12
    )


def _measured(face: FaceSample, **changes: float) -> FaceSample:
    return replace(face, measures=replace(face.measures, **changes))


def test_a_measure_that_is_no_number_counts_as_the_worst() -> None:
    face = sample(bbox=INSIDE)
    broken = replace(face, measures=replace(face.measures, sharpness=float("nan")))
    worst = replace(face, measures=replace(face.measures, sharpness=0.0))
    assert quality_score(broken, CONFIG) == quality_score(worst, CONFIG) < quality_score(face, CONFIG)
