"""Half-closed by the person's own measure: wide eyes, narrow eyes, blinks, short videos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpx_identity_builder.core.buckets import (
    EYES_OPEN_FROM,
    NARROW_OPEN_FROM,
    PARTIAL_OCCLUSION_FROM,
    expression_bin,
    eyes_open_from,
    readable,
)
from vpx_identity_builder.core.cast import STRICT_BONUS, new_rider
from vpx_identity_builder.core.eyes import (
    ENOUGH,
    FRONTAL_YAW_DEG,
    HALF_CLOSED_BELOW,
    HALF_CLOSED_OF_USUAL,
    beside_usual,
    half_closed,
    narrowing,
    reading,
    usual_opening,
)
from vpx_identity_builder.core.pair import TOGETHER_BONUS, Together, pair_score
from vpx_identity_builder.core.pool import Scored, TimeSlots
from vpx_identity_builder.core.thinned import Spread
from vpx_identity_builder.core.types import Buckets, CoveredParts, ExpressionSignals

from .strategies import SECOND, candidate, sample, shares, unit
from .world import DLIB, READ_ALL, VISION_DIM, Look, Run, World, drive

LEFT, RIGHT = (400.0, 340.0), (860.0, 350.0)
ANCHORS_MIN = READ_ALL.selection.anchors_min


def eyes(opening: float | None, usual: float | None) -> ExpressionSignals:
    return ExpressionSignals(mouth_open=0.0, eye_open=opening, smile=0.0, eye_usual=usual)


def winking(opening: float, other: float, usual: float | None = None) -> ExpressionSignals:
    return replace(eyes(opening, usual), eye_open_least=other)


def openings(values: list[float]) -> Spread:
    spread = Spread()
    for index, value in enumerate(values):
        spread = spread.add(value, index * SECOND)
    return spread


def ride(looks: list[Look]) -> Run:
    """One rider with these looks at ten frames per second."""
    world = World(DLIB)
    return drive(world.shot(i, world.face(0, i, look=look)) for i, look in enumerate(looks))


def anchor_eyes(run: Run) -> list[float | None]:
    return [image.candidate.sample.expression.eye_open for image in run.result.persons[0].anchors]


def test_half_closed_goes_by_the_persons_own_opening_and_by_an_absolute_one_where_that_is_unknown() -> None:
    assert half_closed(eyes(0.6, 0.98))
    assert not half_closed(eyes(0.6, 0.8))
    assert not half_closed(eyes(0.35, 0.4))
    assert half_closed(eyes(HALF_CLOSED_BELOW - 0.01, None))
    assert not half_closed(eyes(HALF_CLOSED_BELOW, None))
    assert not half_closed(eyes(None, 0.9))


def test_a_wink_counts_as_lids_down_and_not_as_closed_eyes() -> None:
    for usual in (None, 0.9):
        assert half_closed(winking(0.9, 0.1, usual))
        assert expression_bin(winking(0.9, 0.1, usual)) == "neutral"
        assert not half_closed(winking(0.9, 0.5, usual))
    assert expression_bin(winking(0.1, 0.05)) == "eyes_closed"


def test_eyes_of_one_who_always_narrows_one_of_them_are_judged_by_the_persons_own_cut() -> None:
    assert not half_closed(winking(0.35, 0.27, 0.35))
    assert half_closed(winking(0.35, NARROW_OPEN_FROM - 0.01, 0.35))


def test_covered_eyes_are_no_wink() -> None:
    covered = replace(
        sample(occlusion=PARTIAL_OCCLUSION_FROM), expression=winking(0.9, 0.1), covered=CoveredParts(1.0, 0.0)
    )
    assert readable(covered).eye_open_least is None


def test_a_wink_is_no_anchor_however_sharp() -> None:
    looks = [
        Look(other_eye=0.05, sharpness=260) if i % 10 < 5 else Look(other_eye=0.9, yaw=8.0, smile=0.1 * (i % 3))
        for i in range(300)
    ]
    anchors = ride(looks).result.persons[0].anchors
    assert len(anchors) >= ANCHORS_MIN
    assert {image.candidate.sample.expression.eye_open_least for image in anchors[:ANCHORS_MIN]} == {0.9}


def test_nothing_is_usual_before_enough_was_read_and_blinks_do_not_change_it() -> None:
    assert usual_opening(openings([0.9] * (ENOUGH - 1))) is None
    assert usual_opening(openings([0.9] * ENOUGH)) == pytest.approx(0.9)
    assert usual_opening(openings([0.9, 0.9, 0.05] * ENOUGH)) == pytest.approx(0.9)
    signals = sample(eyes=0.5).expression
    assert beside_usual(signals, openings([0.9] * ENOUGH)) == replace(signals, eye_usual=0.9)


def test_covered_eyes_turned_faces_and_unknown_poses_are_not_read() -> None:
    assert reading(sample(eyes=0.7)) == 0.7
    assert reading(sample(eyes=0.7, yaw=FRONTAL_YAW_DEG + 1)) is None
    assert reading(sample(eyes=0.7, yaw=None)) is None
    assert reading(sample(eyes=0.7, occlusion=PARTIAL_OCCLUSION_FROM)) is None
    assert reading(sample(eyes=None)) is None


@given(shares, shares)
def test_the_cut_for_closed_eyes_rises_with_the_usual_opening_and_never_above_the_documents(a: float, b: float) -> None:
    low, high = eyes_open_from(min(a, b)), eyes_open_from(max(a, b))
    assert NARROW_OPEN_FROM <= low <= high <= EYES_OPEN_FROM
    assert eyes_open_from(None) == EYES_OPEN_FROM
    assert eyes_open_from(EYES_OPEN_FROM / HALF_CLOSED_OF_USUAL) == pytest.approx(EYES_OPEN_FROM)


@given(shares, st.none() | shares, shares)
def test_narrowing_falls_with_the_opening(opening: float, usual: float | None, more: float) -> None:
    wider = min(1.0, opening + more)
    assert 0.0 <= narrowing(eyes(wider, usual)) <= narrowing(eyes(opening, usual)) <= 1.0
    assert narrowing(eyes(None, usual)) == 0.0


def test_narrow_eyes_are_open_where_they_are_always_narrow_and_closed_eyes_stay_closed() -> None:
    assert expression_bin(eyes(0.27, None)) == "eyes_closed"
    assert expression_bin(eyes(0.27, 0.3)) == "neutral"
    assert expression_bin(eyes(0.27, 0.9)) == "eyes_closed"
    assert expression_bin(eyes(NARROW_OPEN_FROM - 0.01, 0.1)) == "eyes_closed"


def test_a_person_with_narrow_eyes_keeps_anchors_and_they_do_not_blink() -> None:
    run = ride([Look(eyes=0.08 if i % 7 == 0 else 0.27, yaw=i % 11 - 5.0) for i in range(200)])
    assert len(anchor_eyes(run)) >= ANCHORS_MIN
    assert set(anchor_eyes(run)) == {0.27}


def test_lids_that_are_down_for_this_person_make_no_anchor_however_sharp() -> None:
    looks = [
        Look(eyes=0.55, sharpness=260, yaw=0.0) if i % 10 < 5 else Look(eyes=0.95, yaw=8.0, smile=0.1 * (i % 3))
        for i in range(300)
    ]
    found = anchor_eyes(ride(looks))
    assert len(found) >= ANCHORS_MIN
    assert set(found[:ANCHORS_MIN]) == {0.95}


def test_a_person_whose_eyes_never_open_has_no_anchor() -> None:
    assert anchor_eyes(ride([Look(eyes=0.12, yaw=i % 11 - 5.0) for i in range(100)])) == []


def test_pair_images_prefer_open_eyes_to_a_shared_smile() -> None:
    apart, shared = Together(False, False), Together(True, False)
    assert pair_score((0.8, 0.8), apart, 0.0) > pair_score((0.8, 0.8), shared, 0.0, half_closed_eyes=True)
    assert pair_score((0.8, 0.8), shared, 0.0) == pytest.approx(0.8 + TOGETHER_BONUS)


@pytest.mark.parametrize(("open_frames", "wanted"), [(150, set()), (4, {0.55})])
def test_half_closed_eyes_make_a_pair_image_only_where_too_few_others_are(
    open_frames: int, wanted: set[float | None]
) -> None:
    world = World(DLIB)
    alone = [world.shot(i, world.face(0, i, LEFT, look=Look(eyes=0.95))) for i in range(150)]
    both = [
        world.shot(
            i,
            world.face(0, i, LEFT, look=Look(eyes=0.95 if i < 150 + open_frames else 0.55, smile=0.8, sharpness=250)),
            world.face(1, i, RIGHT, look=Look(smile=0.8)),
        )
        for i in range(150, 350)
    ]
    images = drive([*alone, *both]).result.pair
    found = [image.candidate.first.sample.expression.eye_open for image in images]
    assert len(found) >= READ_ALL.selection.pair_min
    assert set(found) - {0.95} == wanted
    assert found == sorted(found, key=lambda opening: -(opening or 0.0))


def test_a_run_does_not_count_anchors_whose_lids_are_down_towards_its_stop() -> None:
    def moments(openings_seen: list[float]) -> int:
        slots = TimeSlots(48)
        for index, opening in enumerate(openings_seen):
            face = sample(t_ns=index * SECOND, eyes=opening)
            slots = slots.with_entry(Scored(STRICT_BONUS + 1.0, candidate(face, Buckets(*["unknown"] * 5))))
        rider = new_rider(0, 0, READ_ALL)
        return rider.with_pool(replace(rider.pool, anchors=slots)).anchor_moments(500)

    assert moments([0.9, 0.9, 0.9]) == 3
    assert moments([0.9, 0.35, 0.9]) == 2


def expressions(run: Run) -> set[str]:
    """Expressions of the frontal faces that are published."""
    return {image.candidate.buckets.expression for image in run.result.persons[0].images}


@pytest.mark.parametrize("vision_noise", [0.0, 0.5])
def test_a_blink_is_kept_though_open_eyes_were_once_taken_for_closed(vision_noise: float) -> None:
    """Until it is known how narrow these eyes are, they fill the bucket of closed ones with better pictures."""
    rng = np.random.default_rng(5)
    world = World(DLIB)
    looks = [Look(eyes=0.1, sharpness=150) if 3 * ENOUGH <= i < 3 * ENOUGH + 3 else Look(eyes=0.25) for i in range(100)]
    faces = [world.face(0, i, look=look) for i, look in enumerate(looks)]
    rows = [unit(seen.face.e_vis_face + vision_noise * unit(rng.normal(size=VISION_DIM))) for seen in faces]
    noisy = [replace(seen, face=replace(seen.face, e_vis_face=row)) for seen, row in zip(faces, rows, strict=True)]
    assert expressions(drive(world.shot(i, seen) for i, seen in enumerate(noisy))) == {"neutral", "eyes_closed"}
