"""What the look of a face alone tells of its being covered. The descriptions are made up: a direction that the network
takes for covered is found by asking it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from vpx_identity_builder.core.cover_look import CHANNELS, SURE, certainty, cover_log_odds
from vpx_identity_builder.core.eligible import doubts
from vpx_identity_builder.core.face_cells import CELLS, LOWER_CELLS, MIRRORED, TOUCHING
from vpx_identity_builder.core.occlusion import PARTIAL, Gallery, judged
from vpx_identity_builder.core.types import FaceSample, Pose

from .strategies import sample

Floats = NDArray[np.float32]


def _look(seed: int, odd: float) -> Floats:
    cells = np.tile(np.random.default_rng(seed).normal(size=CHANNELS), (CELLS, 1)).astype(np.float32)
    cells /= np.linalg.norm(cells, axis=1, keepdims=True)
    return np.column_stack([cells, np.full(CELLS, odd, np.float32)])


def _certainty(rows: Floats) -> float:
    log_odds = cover_log_odds(rows[:, :-1], rows[:, -1])
    assert log_odds is not None
    return certainty(log_odds)


def _covered_face() -> Floats:
    """A face whose lower part looks like something else, of many made-up pairs the one that is told most surely."""
    candidates = []
    for seed in range(40):
        rows, other = _look(seed, 0.2), _look(seed + 1000, 1.0)
        rows[LOWER_CELLS] = other[LOWER_CELLS]
        candidates.append(rows)
    return max(candidates, key=_certainty)


def _clear_face() -> Floats:
    return min((_look(seed, 0.2) for seed in range(40)), key=_certainty)


def _sample(rows: Floats, index: int = 0) -> FaceSample:
    noise = np.random.default_rng(index).normal(0, 0.002, rows.shape).astype(np.float32)
    return replace(
        sample(), t_ns=index * 10**8, pose=Pose(0.0, 0.0, 0.0), appearance=rows + noise, occlusion_ratio=None
    )


COVERED, CLEAR = _covered_face(), _clear_face()


def test_the_made_up_faces_are_told_apart() -> None:
    assert _certainty(COVERED) >= SURE
    assert _certainty(CLEAR) < 0.0


def test_a_cover_is_told_without_any_other_moment() -> None:
    found = judged(_sample(COVERED), Gallery())
    assert found.occlusion_ratio is not None
    assert found.occlusion_ratio >= PARTIAL
    assert found.covered is not None
    assert found.occlusion_guess is None


def test_a_look_that_is_not_surely_covered_stays_unknown() -> None:
    found = judged(_sample(CLEAR), Gallery())
    assert (found.occlusion_ratio, found.covered) == (None, None)
    assert found.occlusion_guess == PARTIAL


def test_a_cover_that_is_always_there_does_not_become_the_face() -> None:
    gallery = Gallery()
    for index in range(20):
        gallery = gallery.add(_sample(COVERED, index))
    assert not gallery.trusted.any()
    assert (judged(_sample(COVERED, 50), gallery).occlusion_ratio or 0.0) >= PARTIAL


def test_descriptions_of_another_kind_are_not_read() -> None:
    assert cover_log_odds(COVERED[:, :12], COVERED[:, -1]) is None
    assert cover_log_odds(COVERED[:9, :-1], COVERED[:9, -1]) is None
    assert cover_log_odds(np.zeros((CELLS, CHANNELS), np.float32), COVERED[:, -1]) is None


def test_cells_turned_away_are_not_told() -> None:
    rows = COVERED.copy()
    rows[[4, 9, 14]] = 0.0
    log_odds = cover_log_odds(rows[:, :-1], rows[:, -1])
    assert log_odds is not None
    assert np.flatnonzero(np.isnan(log_odds)).tolist() == [4, 9, 14]


def test_cells_touch_and_mirror_each_other_both_ways() -> None:
    assert (TOUCHING == TOUCHING.T).all()
    assert (MIRRORED[MIRRORED] == np.arange(CELLS)).all()
    assert MIRRORED[0] == 2
    assert TOUCHING[0, 1] == 1


@pytest.mark.parametrize(
    ("ratio", "guess", "expected"), [(0.05, None, 0), (None, PARTIAL, 1), (None, 0.3, 2), (None, None, 1)]
)
def test_a_likely_cover_is_one_more_doubt(ratio: float | None, guess: float | None, expected: int) -> None:
    assert doubts(replace(sample(), occlusion_ratio=ratio, occlusion_guess=guess)) == expected
