from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from vpx_identity_builder.core import buckets as b
from vpx_identity_builder.core.config import SelectionConfig
from vpx_identity_builder.core.types import CoveredParts, ExpressionSignals, FaceSample

from .strategies import degrees, measured_faces, sample

CONFIG = SelectionConfig()
TINY = 1e-9


@pytest.mark.parametrize(
    ("yaw", "expected"),
    [
        (-45 - TINY, "<-45"),
        (-45, "[-45,-30]"),
        (-30 - TINY, "[-45,-30]"),
        (-30, "[-30,-15]"),
        (-15 - TINY, "[-30,-15]"),
        (-15, "[-15,-5]"),
        (-5 - TINY, "[-15,-5]"),
        (-5, "[-5,5]"),
        (-0.0, "[-5,5]"),
        (5, "[-5,5]"),
        (5 + TINY, "[5,15]"),
        (15, "[5,15]"),
        (15 + TINY, "[15,30]"),
        (30, "[15,30]"),
        (30 + TINY, "[30,45]"),
        (45, "[30,45]"),
        (45 + TINY, ">45"),
        (None, "unknown"),
    ],
)
def test_a_yaw_edge_belongs_to_the_bin_nearer_0(yaw: float | None, expected: str) -> None:
    assert b.yaw_bin(yaw) == expected


@pytest.mark.parametrize(
    ("pitch", "expected"),
    [
        (-90, "down"),
        (-20 - TINY, "down"),
        (-20, "slight-down"),
        (-7 - TINY, "slight-down"),
        (-7, "neutral"),
        (0, "neutral"),
        (7, "neutral"),
        (7 + TINY, "slight-up"),
        (20, "slight-up"),
        (20 + TINY, "up"),
        (90, "up"),
        (None, "unknown"),
    ],
)
def test_a_pitch_edge_belongs_to_the_bin_nearer_0(pitch: float | None, expected: str) -> None:
    assert b.pitch_bin(pitch) == expected


@given(degrees)
def test_bins_are_mirror_images(angle: float) -> None:
    bins = ("<-45", *b.YAW_BINS, ">45")
    assert bins.index(b.yaw_bin(angle)) == 8 - bins.index(b.yaw_bin(-angle))
    assert b.PITCH_BINS.index(b.pitch_bin(angle)) == 4 - b.PITCH_BINS.index(b.pitch_bin(-angle))


@pytest.mark.parametrize(
    ("mouth", "eyes", "smile", "happy", "expected"),
    [
        (0.29, 0.3, 0.29, None, "neutral"),
        (0.0, 1.0, 0.3, None, "smile"),
        (0.3, 1.0, 0.0, None, "mouth_open"),
        (0.0, 0.29, 0.0, None, "eyes_closed"),
        (0.9, 0.1, 0.9, None, "eyes_closed"),
        (0.9, 1.0, 0.9, None, "smile"),
        (0.9, 1.0, None, 0.9, "smile"),
        (0.0, 1.0, 0.0, 0.9, "neutral"),
        (0.0, 1.0, None, 0.1, "unknown"),
        (None, 1.0, 0.0, None, "unknown"),
        (0.0, None, 0.0, None, "unknown"),
        (None, None, 0.9, None, "smile"),
        (None, None, None, None, "unknown"),
    ],
)
def test_expression_precedence(
    mouth: float | None, eyes: float | None, smile: float | None, happy: float | None, expected: str
) -> None:
    assert b.expression_bin(ExpressionSignals(mouth, eyes, smile, happy)) == expected


@pytest.mark.parametrize(
    ("ratio", "covered", "eyes", "expected"),
    [
        (0.05, CoveredParts(1.0, 1.0), 1.0, "smile"),
        (None, None, 1.0, "smile"),
        (None, CoveredParts(0.0, 0.0), 1.0, "smile"),
        (None, CoveredParts(0.0, 1.0), 1.0, "unknown"),
        (0.2, None, 1.0, "unknown"),
        (0.2, None, 0.1, "unknown"),
        (0.2, CoveredParts(0.0, 0.0), 1.0, "smile"),
        (0.2, CoveredParts(0.0, 0.5), 1.0, "unknown"),
        (0.2, CoveredParts(0.0, 0.5), 0.1, "eyes_closed"),
        (0.2, CoveredParts(0.5, 0.0), 0.1, "smile"),
        (0.6, CoveredParts(0.5, 0.5), 0.1, "unknown"),
    ],
)
def test_nothing_is_read_from_what_is_covered(
    ratio: float | None, covered: CoveredParts | None, eyes: float, expected: str
) -> None:
    face = replace(sample(smile=0.9, mouth=0.5, eyes=eyes, happy=0.9, occlusion=ratio), covered=covered)
    assert b.classify(face, None, SelectionConfig()).expression == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(0.0, "none"), (0.0999, "none"), (0.1, "partial"), (0.4, "partial"), (0.4001, "heavy"), (None, "unknown")],
)
def test_occlusion_bins(ratio: float | None, expected: str) -> None:
    assert b.occlusion_bin(ratio) == expected


@pytest.mark.parametrize(
    ("brightness", "median", "expected"),
    [
        (59.9, None, "dark"),
        (60.0, None, "normal"),
        (200.0, None, "normal"),
        (200.1, None, "overexposed"),
        (None, 100.0, "unknown"),
        (50.0, 120.0, "dark"),
        (220.0, 120.0, "overexposed"),
        (55.0, 58.0, "normal"),
        (20.0, 21.0, "dark"),
    ],
)
def test_dark_is_a_condition_and_not_a_skin_tone(brightness: float | None, median: float | None, expected: str) -> None:
    assert b.lighting_bin(brightness, median, CONFIG) == expected


@given(measured_faces())
def test_every_face_inside_the_bins_has_a_file_stem(face: FaceSample) -> None:
    found = b.classify(face, None, CONFIG)
    if b.fills_bucket(found):
        stem = b.bucket_key(found)
        assert stem.startswith("yaw")
        assert stem.endswith(found.expression)
    else:
        assert found.yaw in ("unknown", "<-45", ">45") or found.pitch == "unknown"


def test_the_stem_of_the_design_document() -> None:
    assert b.bucket_key(b.classify(sample(yaw=-20, smile=0.8), None, CONFIG)) == "yaw-30_pitch0_smile"
    assert b.bucket_key(b.classify(sample(yaw=31, pitch=-25), None, CONFIG)) == "yaw45_pitch-30_neutral"
