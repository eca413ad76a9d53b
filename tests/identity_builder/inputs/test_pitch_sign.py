"""The pitch's sign, told from the video: right where it is sure, silent where it is not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vpx_identity_builder.pitch_sign import ENOUGH, PitchEvidence, PitchHint, nose_height

FRONTAL = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])


def nods(
    sign: float, count: int = 120, noise: float = 0.01, track: int = 0, rest: float = 0.5, witness: str = "landmarks"
) -> list[PitchHint]:
    """A head that nods by 12 degrees; the nose rises with the true pitch."""
    rng = np.random.default_rng(track)
    pitches = [12 * math.sin(i / 5) for i in range(count)]
    return [
        PitchHint("face.detect", witness, track, sign * p, rest + 0.004 * p + noise * rng.normal()) for p in pitches
    ]


@pytest.mark.parametrize(("sign", "expected"), [(1.0, frozenset()), (-1.0, frozenset({"face.detect"}))])
def test_a_nodding_head_tells(sign: float, expected: frozenset[str]) -> None:
    evidence = PitchEvidence()
    evidence.add(nods(sign))
    assert evidence.reversed_sources() == expected


@pytest.mark.parametrize(
    "hints",
    [
        nods(-1.0, ENOUGH - 1),
        nods(-1.0, noise=0.5),
        [PitchHint("face.detect", "landmarks", 0, -1.0, 0.5)] * 100,
        [PitchHint("face.detect", "landmarks", i, -12.0 * i, 0.01 * i) for i in range(100)],
    ],
    ids=["too few", "too noisy", "no nod", "different people only"],
)
def test_doubtful_evidence_changes_nothing(hints: list[PitchHint]) -> None:
    evidence = PitchEvidence()
    evidence.add(hints)
    assert evidence.reversed_sources() == frozenset()


def test_people_with_other_noses_do_not_confuse_it() -> None:
    evidence = PitchEvidence()
    for track in range(4):
        evidence.add(nods(1.0, track=track, rest=0.3 + 0.1 * track))
    assert evidence.correlation("face.detect", "landmarks") == pytest.approx(0.96, abs=0.03)


def test_landmarks_are_believed_before_another_source() -> None:
    evidence = PitchEvidence()
    evidence.add(nods(1.0))
    evidence.add(nods(-1.0, witness="head.pose"))
    assert evidence.reversed_sources() == frozenset()
    alone = PitchEvidence()
    alone.add(nods(-1.0, witness="head.pose"))
    assert alone.reversed_sources() == frozenset({"face.detect"})


def test_memory_is_bounded() -> None:
    evidence = PitchEvidence()
    evidence.add(PitchHint("face.detect", "landmarks", i, 1.0, 0.5) for i in range(10_000))
    assert len(evidence._sums) <= 256


def test_the_nose_is_placed_between_mouth_and_eyes_however_the_head_rolls() -> None:
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    assert nose_height(FRONTAL) == pytest.approx(0.5)
    assert nose_height(FRONTAL @ turn.T) == pytest.approx(0.5)
    assert nose_height(np.zeros((5, 2))) is None
