"""What covers a face: told from the person's other moments, even if it stays for most of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vpx_identity_builder.core.face_cells import NEIGHBOURS, ROWS
from vpx_identity_builder.core.gallery import Gallery
from vpx_identity_builder.core.moments import MOMENTS
from vpx_identity_builder.core.occlusion import LEAST_GUESS, PARTIAL, judged
from vpx_identity_builder.core.types import ExpressionSignals, FaceSample, Pose

from .strategies import sample

CELLS, CHANNELS = sum(ROWS), 40
LOWER = np.arange(18, CELLS)
CLEAR_ODD, COVERED_ODD = 0.3, 0.9


def _rows(seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(CELLS, CHANNELS)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


FACE, HAND = _rows(1), _rows(2)


def face(
    index: int,
    covered: NDArray[np.intp] | None = None,
    yaw: float = 0.0,
    odd: float = COVERED_ODD,
    unseen: NDArray[np.intp] | None = None,
) -> FaceSample:
    """One sighting with a little noise; `covered` cells show a hand, `unseen` ones are turned away."""
    cells = FACE + np.random.default_rng(100 + index).normal(0, 0.01, FACE.shape)
    oddness = np.full(CELLS, CLEAR_ODD)
    if covered is not None:
        cells[covered], oddness[covered] = HAND[covered], odd
    cells /= np.linalg.norm(cells, axis=1, keepdims=True)
    rows = np.column_stack([cells, oddness]).astype(np.float32)
    if unseen is not None:
        rows[unseen] = 0.0
    t_ns = index * 100_000_000
    return replace(sample(), t_ns=t_ns, pose=Pose(yaw, 0.0, 0.0), appearance=rows, occlusion_ratio=None)


def gallery_of(*samples: FaceSample) -> Gallery:
    gallery = Gallery()
    for item in samples:
        gallery = gallery.add(item)
    return gallery


def ratio(item: FaceSample, gallery: Gallery) -> float | None:
    return judged(item, gallery).occlusion_ratio


def share(item: FaceSample, gallery: Gallery) -> float:
    found = ratio(item, gallery)
    assert found is not None
    return found


def test_a_clear_face_stays_below_partial_and_a_hand_gets_its_share() -> None:
    gallery = gallery_of(*(face(i) for i in range(20)))
    assert share(face(50), gallery) < PARTIAL / 2
    assert share(face(51, LOWER), gallery) == pytest.approx(len(LOWER) / CELLS, abs=0.02)


def test_the_share_grows_with_what_is_covered() -> None:
    gallery = gallery_of(*(face(i) for i in range(20)))
    shares = [share(face(60, np.arange(CELLS - n, CELLS)), gallery) for n in range(CELLS)]
    assert shares == sorted(shares)
    assert shares[2] >= PARTIAL


@pytest.mark.parametrize(
    ("cells", "eyes", "mouth"),
    [(range(8, 13), True, False), (range(18, 28), False, True), (range(28, 31), False, False)],
)
def test_what_is_covered_of_eyes_and_mouth_is_told_apart(cells: range, eyes: bool, mouth: bool) -> None:
    gallery = gallery_of(*(face(i) for i in range(20)))
    covered = judged(face(61, np.array(cells)), gallery).covered
    assert covered is not None
    assert (covered.eyes > 0.9, covered.mouth > 0.9) == (eyes, mouth)
    assert (covered.eyes < 0.05, covered.mouth < 0.05) == (not eyes, not mouth)


def test_two_cells_apart_are_no_occluder() -> None:
    gallery = gallery_of(*(face(i) for i in range(20)))
    assert share(face(70, np.array([3, 27])), gallery) < PARTIAL * 1.5
    assert share(face(70, np.array([3])), gallery) <= share(face(70, np.array([3, 4])), gallery)


def test_a_hand_that_stays_for_most_of_the_video_is_still_a_hand() -> None:
    gallery = gallery_of(*(face(i, LOWER if i % 4 else None) for i in range(40)))
    assert share(face(80), gallery) < PARTIAL
    assert share(face(81, LOWER), gallery) > 0.3


def test_a_hand_that_is_all_that_one_pose_knows_does_not_become_the_face() -> None:
    gallery = gallery_of(*(face(i) for i in range(10)), *(face(10 + i, LOWER, yaw=18.0) for i in range(10)))
    assert ratio(face(50, LOWER, yaw=18.0), gallery) is None
    assert share(face(51), gallery) < PARTIAL
    assert share(face(52, LOWER), gallery) > 0.3


def test_a_rare_look_that_is_typical_of_faces_is_not_covered() -> None:
    gallery = gallery_of(*(face(i) for i in range(20)))
    assert share(face(90, LOWER, odd=CLEAR_ODD), gallery) < PARTIAL


def test_nothing_is_said_without_evidence() -> None:
    gallery = gallery_of(*(face(i) for i in range(20)))
    assert ratio(face(0), Gallery()) is None
    assert ratio(face(0, yaw=30.0), gallery) is None
    assert ratio(face(0, yaw=60.0), gallery) is None
    assert ratio(face(0, unseen=np.arange(20)), gallery) is None
    assert ratio(replace(face(0), appearance=None), gallery) is None
    assert ratio(replace(face(0), pose=Pose()), gallery) is None
    assert ratio(replace(face(0), appearance=np.ones((5, 3), np.float32)), gallery) is None


def test_cells_turned_away_do_not_count() -> None:
    gallery = gallery_of(*(face(i) for i in range(20)))
    away = np.array([0, 1, 2])
    assert share(face(95, unseen=away), gallery) < PARTIAL
    assert share(face(95, LOWER, unseen=away), gallery) == pytest.approx(len(LOWER) / (CELLS - 3), abs=0.02)


def test_memory_is_bounded_and_spread_over_the_video() -> None:
    gallery = gallery_of(*(face(i) for i in range(1000)))
    assert gallery.moments is not None
    assert len(gallery.moments) <= MOMENTS
    assert gallery.kept.offered == 1000
    assert np.diff(gallery.moments.t_ns).max() <= 2 * np.diff(gallery.moments.t_ns).min()
    assert gallery.moments.t_ns[-1] > 900 * 100_000_000


def test_merging_keeps_both_halves_and_bounds() -> None:
    first, second = gallery_of(*(face(i) for i in range(40))), gallery_of(*(face(i, LOWER) for i in range(40, 60)))
    union = first.merged(second)
    assert union.moments is not None
    assert len(union.moments) <= MOMENTS
    assert union.kept.offered == 60
    assert union.moments.t_ns.min() < 3 * 100_000_000
    assert share(face(99, LOWER), union) > 0.3
    assert first.merged(Gallery()) is first
    assert Gallery().merged(first) is first


def test_short_sightings_do_not_take_over_the_moments_of_a_long_one() -> None:
    """Twenty times five frames behind a hand, joined to four hundred clear ones."""
    union = gallery_of(*(face(i) for i in range(400)))
    for k in range(20):
        piece = gallery_of(*(face(i, LOWER) for i in range(400 + 5 * k, 405 + 5 * k)))
        assert union.merged(piece).kept.times_ns == piece.merged(union).kept.times_ns
        union = union.merged(piece)
    assert union.moments is not None
    assert 0.1 <= float(np.mean(union.moments.t_ns >= 400 * 100_000_000)) <= 0.4


def test_a_ratio_of_another_module_stays() -> None:
    """Where another module measured the ratio, the sample carries no appearance."""
    gallery = gallery_of(*(face(i) for i in range(20)))
    given = replace(face(1), appearance=None, occlusion_ratio=0.7)
    assert judged(given, gallery) is given
    provisional = replace(face(1), occlusion_ratio=0.7)
    assert (judged(provisional, gallery).occlusion_ratio or 0.0) < PARTIAL


def test_reversed_pitch_finds_the_same_explanations() -> None:
    up = [replace(face(i), pose=Pose(0.0, 20.0, 0.0)) for i in range(10)]
    down = replace(face(11), pose=Pose(0.0, -20.0, 0.0))
    gallery = gallery_of(*up)
    assert ratio(down, gallery) is None
    assert share(down, gallery.with_pitch_reversed()) < PARTIAL


@given(st.lists(st.integers(0, 400), max_size=12), st.lists(st.integers(0, 400), max_size=12), st.integers(0, 400))
def test_what_was_told_is_told_again_beside_the_same_moments_only(ones: list[int], others: list[int], one: int) -> None:
    def seen(index: int) -> FaceSample:
        return face(index, LOWER if index % 5 == 0 else None, yaw=float(index % 40))

    gallery, other = gallery_of(*map(seen, ones)), gallery_of(*map(seen, others))
    item = seen(one)
    told = judged(judged(item, other), gallery)
    afresh = judged(item, gallery)
    assert told.told == afresh.told
    assert (told.occlusion_ratio, told.covered, told.occlusion_guess) == (
        afresh.occlusion_ratio,
        afresh.covered,
        afresh.occlusion_guess,
    )
    known = judged(item, other).told
    assert known is not None
    made_up = replace(known, ratio=0.123, guess=0.321)
    taken = judged(replace(item, told=made_up), gallery).occlusion_ratio == 0.123
    assert taken == (gallery.evidence.digest == other.evidence.digest)
    for changed in (face(one + 1), replace(item, pose=Pose(1.5, 0.0)), replace(item, pose=Pose(0.0, 1.5))):
        assert judged(replace(changed, told=made_up), other).occlusion_ratio != 0.123


def test_neighbours_touch_and_are_listed_once() -> None:
    pairs = {frozenset(pair) for pair in NEIGHBOURS.tolist()}
    assert len(pairs) == len(NEIGHBOURS)
    assert frozenset({9, 10}) in pairs
    assert frozenset({1, 5}) in pairs
    assert frozenset({2, 3}) not in pairs
    assert frozenset({28, 29}) in pairs, "the chin is no rim: hands lie there"


def test_hair_and_background_along_the_rim_are_no_occluder() -> None:
    gallery = gallery_of(*(face(i) for i in range(20)))
    top, side, inner = np.array([0, 1, 2]), np.array([7, 12, 17]), np.array([8, 13])
    assert share(face(75, top), gallery) < PARTIAL * 1.5
    assert share(face(75, side), gallery) < PARTIAL * 1.5
    assert share(face(75, inner), gallery) > share(face(75, side), gallery) - 0.05


def test_a_face_that_changed_all_over_but_is_no_other_thing_is_not_judged() -> None:
    """Glaring light changes every cell a good part of the way, not wholly."""
    gallery = gallery_of(*(face(i) for i in range(20)))
    glare = face(76, np.arange(CELLS))
    between = glare.appearance[:, :-1] + 0.8 * face(76).appearance[:, :-1]
    between /= np.linalg.norm(between, axis=1, keepdims=True)
    rows = np.column_stack([between, glare.appearance[:, -1]]).astype(np.float32)
    assert ratio(replace(glare, appearance=rows), gallery) is None


def test_what_cannot_be_judged_gets_a_guess_and_what_can_none() -> None:
    gallery = gallery_of(*(face(i) for i in range(20)))
    assert judged(face(50), gallery).occlusion_guess is None
    assert judged(face(50, yaw=60.0), gallery).occlusion_guess == LEAST_GUESS
    assert judged(face(50), Gallery()).occlusion_guess == LEAST_GUESS


def test_a_wide_open_mouth_needs_more_before_it_is_called_covered() -> None:
    """The jaw drops: two neighbouring cells of the chin look a little unlike the face."""
    gallery = gallery_of(*(face(i) for i in range(20)))
    dropped = face(50, np.array([28, 29]), odd=CLEAR_ODD + 0.22)
    wide = replace(dropped, expression=ExpressionSignals(mouth_open=1.0))
    assert share(dropped, gallery) >= PARTIAL
    assert share(wide, gallery) < PARTIAL
    hand = replace(face(51, LOWER), expression=ExpressionSignals(mouth_open=1.0))
    assert share(hand, gallery) == pytest.approx(share(face(51, LOWER), gallery))


def test_moments_of_another_pose_give_a_guess_only() -> None:
    gallery = gallery_of(*(face(i) for i in range(20)))
    clear, covered = judged(face(50, yaw=30.0), gallery), judged(face(51, LOWER, yaw=30.0), gallery)
    assert (clear.occlusion_ratio, clear.occlusion_guess) == (None, LEAST_GUESS)
    assert (covered.occlusion_ratio, clear.covered) == (None, None)
    assert covered.covered is not None
    assert covered.covered.mouth > 0.9
    assert covered.occlusion_guess == pytest.approx(len(LOWER) / CELLS, abs=0.02)
