"""From raw measures to ratios: the cut points, winks, and what stays unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vpx.face_expression.calibration import (
    CUT,
    EYE_OPEN,
    EYE_OPEN_SMILING,
    EYES_ALIKE,
    LAUGH_FROM,
    MOUTH_OPEN,
    MOUTH_STRETCH_FROM,
    SMILE,
    SMILE_BACK,
    SMILE_WING,
    Scale,
)
from vpx.face_expression.geometry import MouthMeasures
from vpx.face_expression.judge import (
    expression_signals,
    eye_ratio,
    eye_scale,
    gaze_deg,
    intensity,
    mouth_opening,
    readable_eyes,
    smile_measure,
)

SCALES = [SMILE, MOUTH_OPEN, EYE_OPEN, EYE_OPEN_SMILING]
RAW = st.floats(-1, 2)


def mouth(smile: float = SMILE.zero, width: float = 0.58, gap: float = 0.0) -> MouthMeasures:
    """A mouth of this width whose corners are drawn back as far as this smile wants."""
    return MouthMeasures(width, gap, back=(smile - width - SMILE_WING * 0.33) / SMILE_BACK, wing=0.33)


@pytest.mark.parametrize("scale", SCALES)
def test_scale_meets_its_three_points(scale: Scale) -> None:
    assert scale.ratio(scale.zero) == 0.0
    assert scale.ratio(scale.cut) == pytest.approx(CUT)
    assert scale.ratio(scale.full) == pytest.approx(1.0)


@pytest.mark.parametrize("scale", SCALES)
@given(RAW, RAW)
def test_scale_is_monotonic_and_bounded(scale: Scale, first: float, second: float) -> None:
    low, high = scale.ratio(min(first, second)), scale.ratio(max(first, second))
    assert 0.0 <= low <= high <= 1.0


@pytest.mark.parametrize("scale", SCALES)
@given(RAW)
def test_cut_decides_as_the_raw_cut_does(scale: Scale, raw: float) -> None:
    if abs(raw - scale.cut) > 1e-6:
        assert (scale.ratio(raw) >= CUT) == (raw > scale.cut)


def test_a_wink_is_not_eyes_closed() -> None:
    assert eye_ratio([0.02, 0.30]) == pytest.approx(1.0)
    assert eye_ratio([0.02, 0.17]) == pytest.approx(EYE_OPEN.ratio(0.17))


def test_the_less_open_of_two_eyes_is_told_beside_their_ratio() -> None:
    signals = expression_signals(None, {"left": 0.02, "right": 0.30})
    assert signals["eye_open_ratio"] == pytest.approx(1.0)
    assert signals["eye_open_ratio_least"] == pytest.approx(EYE_OPEN_SMILING.ratio(0.02))
    assert signals["eye_open_ratio_least"] < CUT
    assert "eye_open_ratio_least" not in expression_signals(None, {"left": 0.30})


def test_eyes_that_agree_give_their_mean() -> None:
    assert eye_ratio([0.2, 0.3]) == pytest.approx((EYE_OPEN.ratio(0.2) + 1.0) / 2)
    assert eye_ratio([0.0, 0.06]) == pytest.approx(EYE_OPEN.ratio(0.06) / 2)
    assert eye_ratio([0.2]) == pytest.approx(EYE_OPEN.ratio(0.2))
    assert eye_ratio([]) is None


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=2), st.none() | st.floats(0, 1))
def test_eyes_are_closed_only_if_every_eye_is_or_both_nearly_are(gaps: list[float], smile: float | None) -> None:
    cut = eye_scale(smile).cut
    ratio = eye_ratio(gaps, smile)
    assert ratio is not None
    if max(gaps) < cut - 1e-6:
        assert ratio < CUT
    if max(gaps) > cut + EYES_ALIKE:
        assert ratio >= CUT - 1e-9


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_more_a_face_smiles_the_narrower_open_eyes_may_be(a: float, b: float) -> None:
    assert EYE_OPEN_SMILING.cut - 1e-9 <= eye_scale(max(a, b)).cut <= eye_scale(min(a, b)).cut <= EYE_OPEN.cut
    assert eye_scale(CUT).cut == EYE_OPEN.cut
    assert eye_scale(LAUGH_FROM).cut == pytest.approx(EYE_OPEN_SMILING.cut)
    assert eye_scale(None).cut == pytest.approx(EYE_OPEN_SMILING.cut)


def test_two_eyes_that_read_alike_are_one_measurement() -> None:
    below, above = EYE_OPEN.cut - 0.02, EYE_OPEN.cut + 0.01
    assert eye_ratio([below, above]) == pytest.approx(EYE_OPEN.ratio((below + above) / 2))


def test_a_mouth_that_a_dropped_jaw_widens_does_not_smile() -> None:
    shouting = MouthMeasures(width=0.65, gap=0.3, back=0.20, wing=0.36)
    smiling = MouthMeasures(width=0.65, gap=0.0, back=0.28, wing=0.36)
    assert SMILE.ratio(smile_measure(shouting)) < CUT <= SMILE.ratio(smile_measure(smiling))


@given(st.floats(0.4, 1.0), st.floats(0.1, 0.4), st.floats(0.2, 0.5), st.floats(0.001, 0.2))
def test_a_smile_grows_with_each_of_its_three_movements(width: float, back: float, wing: float, more: float) -> None:
    least = smile_measure(MouthMeasures(width, 0.0, back, wing))
    assert smile_measure(MouthMeasures(width + more, 0.0, back, wing)) > least
    assert smile_measure(MouthMeasures(width, 0.0, back + more, wing)) > least
    assert smile_measure(MouthMeasures(width, 0.0, back, wing + more)) > least


def test_what_is_nearly_closed_is_open_in_a_laugh() -> None:
    gap = (EYE_OPEN.cut + EYE_OPEN_SMILING.cut) / 2
    calm, laughing = mouth(SMILE.zero), mouth(SMILE.full)
    assert expression_signals(calm, {"left": gap})["eye_open_ratio"] < CUT
    assert expression_signals(laughing, {"left": gap})["eye_open_ratio"] >= CUT
    assert expression_signals(None, {"left": gap})["eye_open_ratio"] >= CUT


def test_a_laughs_stretch_is_taken_off_the_lip_gap() -> None:
    assert mouth_opening(mouth(width=MOUTH_STRETCH_FROM, gap=0.15)) == pytest.approx(0.15)
    assert mouth_opening(mouth(width=MOUTH_STRETCH_FROM + 0.1, gap=0.15)) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("widths", "expected"),
    [((20, 20), (True, True)), ((20, 11), (True, False)), ((11, 20), (False, True)), ((0, 0), (False, False))],
)
def test_only_the_nearer_eye_of_a_turned_face_is_read(widths: tuple, expected: tuple) -> None:
    assert readable_eyes(widths) == expected


def test_what_is_unknown_is_left_out() -> None:
    assert expression_signals(None, {}) == {}
    assert set(expression_signals(None, {"right": 0.2})) == {"eye_open_ratio", "eye_open_raw_right"}
    assert "eye_open_ratio" not in expression_signals(mouth(gap=0.1), {})


def test_intensity_is_the_larger_of_smile_and_mouth() -> None:
    assert intensity({"smile_intensity": 0.2, "mouth_open_ratio": 0.7, "eye_open_ratio": 0.9}) == 0.7
    assert intensity({"smile_intensity": 0.2}) == 0.2
    assert intensity({"eye_open_ratio": 0.1}) is None


def test_gaze_is_the_eyes_turn_against_the_head() -> None:
    assert gaze_deg(0.0, 0.0) == 0.0
    assert gaze_deg(0.2, 0.2) == pytest.approx(30.0)
    assert gaze_deg(0.05, -0.05) == 0.0
    assert gaze_deg(-9.0, -9.0) == pytest.approx(-90.0)


@pytest.mark.parametrize(
    ("gaps", "shifts", "known"),
    [
        ({"left": 0.3, "right": 0.3}, {"left": 0.1, "right": 0.1}, True),
        ({"left": 0.02, "right": 0.02}, {"left": 0.1, "right": 0.1}, False),
        ({"left": 0.3}, {"left": 0.1}, False),
        ({}, {}, False),
    ],
)
def test_gaze_needs_two_open_eyes(gaps: dict, shifts: dict, known: bool) -> None:
    assert ("gaze_deg" in expression_signals(None, gaps, shifts)) == known
