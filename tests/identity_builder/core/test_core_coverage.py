from __future__ import annotations

import pytest

from vpx_identity_builder.core.buckets import EXPRESSION_BINS, PITCH_BINS, YAW_BINS, classify
from vpx_identity_builder.core.challenge import CUES, condition_scores
from vpx_identity_builder.core.config import SelectionConfig, StopConfig
from vpx_identity_builder.core.coverage import coverage_of, is_satisfied
from vpx_identity_builder.core.results import Coverage
from vpx_identity_builder.core.types import Buckets

from .strategies import sample

STOP = StopConfig()
SELECTION = SelectionConfig()
PLATEAU = 0.08


def covering(yaw: int, pitch: int, expression: int) -> Coverage:
    images = [Buckets(name, "unknown", "unknown", "none", "normal") for name in YAW_BINS[:yaw]]
    images += [Buckets("unknown", name, "unknown", "none", "normal") for name in PITCH_BINS[:pitch]]
    images += [Buckets(">45", "unknown", name, "none", "normal") for name in EXPRESSION_BINS[:expression]]
    return coverage_of(images)


def test_unknown_and_extreme_yaw_fill_nothing() -> None:
    coverage = coverage_of([Buckets("unknown", "unknown", "unknown", "none", "dark"), Buckets(">45", *["unknown"] * 4)])
    assert (str(coverage.yaw), str(coverage.pitch), str(coverage.expression)) == ("0/7", "0/5", "0/4")


def test_bins_are_listed_once_and_in_order() -> None:
    one = Buckets("[5,15]", "up", "smile", "none", "normal")
    two = Buckets("[-45,-30]", "down", "neutral", "none", "normal")
    coverage = coverage_of([one, two, one])
    assert coverage.yaw.filled == ("[-45,-30]", "[5,15]")
    assert coverage.pitch.filled == ("down", "up")
    assert str(coverage.expression) == "2/4"


def satisfied(
    yaw: int = 6, pitch: int = 4, expression: int = 3, anchors: int = 3, novelty: float = 0.079, frames: int = 20
) -> bool:
    coverage = covering(yaw, pitch, expression)
    return is_satisfied(coverage, anchors, [novelty] * frames, PLATEAU, SELECTION.anchors_min, STOP)


def test_the_stop_condition_is_the_document_s() -> None:
    assert (STOP.stop_yaw, STOP.stop_pitch, STOP.stop_expression, STOP.novelty_window) == (6, 4, 3, 20)
    assert SELECTION.anchors_min == 3
    assert satisfied()
    assert satisfied(yaw=7, pitch=5, expression=4, anchors=5, novelty=0.0)


@pytest.mark.parametrize(
    "short", [{"yaw": 5}, {"pitch": 3}, {"expression": 2}, {"anchors": 2}, {"novelty": PLATEAU}, {"frames": 19}]
)
def test_each_part_of_the_stop_condition_is_needed(short: dict[str, float]) -> None:
    assert not satisfied(**short)  # type: ignore[arg-type]


LIMIT = SELECTION.challenge_yaw_deg


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        ({}, set()),
        ({"yaw": LIMIT - 0.1}, set()),
        ({"yaw": LIMIT}, {"yaw_right"}),
        ({"yaw": -LIMIT}, {"yaw_left"}),
        ({"yaw": 80.0}, {"yaw_right"}),
        ({"pitch": 20.0}, set()),
        ({"pitch": 20.1}, {"pitch_up"}),
        ({"pitch": -20.1}, {"pitch_down"}),
        ({"brightness": 59.0}, {"dark"}),
        ({"brightness": 201.0}, {"overexposed"}),
        ({"occlusion": 0.4}, set()),
        ({"occlusion": 0.41}, {"occluded"}),
        ({"yaw": None, "pitch": None, "brightness": None, "occlusion": None}, set()),
        ({"yaw": 45.0, "brightness": 20.0}, {"yaw_right", "dark"}),
    ],
)
def test_challenge_is_only_what_is_really_extreme(look: dict[str, float], expected: set[str]) -> None:
    face = sample(**look)
    scores = condition_scores(face, classify(face, None, SELECTION), SELECTION)
    assert set(scores) == expected
    assert all(score >= 0 for score in scores.values())
    assert set(scores) <= set(CUES)


def test_the_more_extreme_scores_higher() -> None:
    pairs = [
        ({"yaw": 35.0}, {"yaw": 60.0}),
        ({"yaw": -35.0}, {"yaw": -60.0}),
        ({"pitch": 25.0}, {"pitch": 40.0}),
        ({"brightness": 50.0}, {"brightness": 20.0}),
        ({"brightness": 210.0}, {"brightness": 240.0}),
        ({"occlusion": 0.45}, {"occlusion": 0.9}),
    ]
    for less, more in pairs:
        (low,), (high,) = (
            condition_scores(face, classify(face, None, SELECTION), SELECTION).values()
            for face in (sample(**less), sample(**more))
        )
        assert low < high
