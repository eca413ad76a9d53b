"""What the eyes do to an anchor's rank: nearly closed ones count, the gaze breaks near-ties only."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpx_identity_builder.core.config import Config
from vpx_identity_builder.core.eligible import GAZE_WEIGHT, NARROW_WEIGHT, anchor_score
from vpx_identity_builder.core.types import ExpressionSignals, FaceSample, Pose

from .strategies import sample, shares

CONFIG = Config()


def face(eyes: float | None = 1.0, gaze: float | None = 0.0, yaw: float = 0.0) -> FaceSample:
    return replace(sample(), pose=Pose(yaw, 0.0, 0.0), expression=ExpressionSignals(0.0, eyes, 0.0, gaze_deg=gaze))


def score(item: FaceSample, quality: float = 0.8) -> float:
    return anchor_score(item, quality, CONFIG)


def test_eyes_at_the_camera_come_before_eyes_beside_it() -> None:
    assert score(face(gaze=0.0)) > score(face(gaze=10.0)) > score(face(gaze=-20.0))
    assert score(face(eyes=0.9)) > score(face(eyes=0.4))


def test_eyes_that_turn_back_to_the_camera_make_up_for_the_head() -> None:
    assert score(face(gaze=-8.0, yaw=8.0)) > score(face(gaze=0.0, yaw=8.0)) > score(face(gaze=8.0, yaw=8.0))


@given(st.none() | shares, st.none() | st.floats(-90, 90), shares)
def test_eyes_cost_no_more_than_their_weights(eyes: float | None, gaze: float | None, quality: float) -> None:
    found, best = score(face(eyes, gaze), quality), score(face(), quality)
    assert best * (1 - NARROW_WEIGHT) * (1 - GAZE_WEIGHT) - 1e-12 <= found <= best + 1e-12
    assert score(face(1.0, gaze), quality) >= best * (1 - GAZE_WEIGHT) - 1e-12


def test_unknown_eyes_cost_nothing() -> None:
    assert score(face(None, None)) == pytest.approx(score(face()))
