from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpx_identity_builder.core.config import Config, SelectionConfig, StopConfig
from vpx_identity_builder.core.pair import (
    CELL_SLOTS,
    MAX_CELLS,
    PAIR_SLOTS,
    TOGETHER_BONUS,
    PairSlots,
    Together,
    joint_expression,
    pair_score,
    placing,
    together,
)
from vpx_identity_builder.core.results import PairCandidate
from vpx_identity_builder.core.types import Box, Buckets, Candidate, ExpressionSignals

from .strategies import SECOND, boxes, sample
from .world import DLIB, READ_ALL, SCALES, Look, Run, Scale, Shot, World, drive

BOX = (0, 0, 10, 10)

LEFT, RIGHT = (400.0, 340.0), (860.0, 350.0)
RULES = READ_ALL.selection


def pair_of(run: Run) -> list[tuple[int, int]]:
    """True people of every pair image, image-left first."""
    found = []
    for image in run.result.pair:
        faces = (image.candidate.first.sample, image.candidate.second.sample)
        found.append(tuple(run.truth[(face.t_ns, face.bbox)] for face in faces))
    return found


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.name)
def test_pair_images_show_both_riders_and_say_who_is_who(scale: Scale) -> None:
    """The riders change seats half-way, so person ids must follow the faces and not the places."""
    world = World(scale)
    seats = lambda i: (LEFT, RIGHT) if i < 150 else (RIGHT, LEFT)  # noqa: E731
    run = drive(world.shot(i, world.face(0, i, seats(i)[0]), world.face(1, i, seats(i)[1])) for i in range(300))
    owners = {person.person_id: run.owner(person) for person in run.result.persons}
    assert 1 <= len(run.result.pair) <= RULES.pair_max
    assert {tuple(owners[k] for k in image.person_ids) for image in run.result.pair} == set(pair_of(run))
    assert set(pair_of(run)) == {(0, 1), (1, 0)}
    for image in run.result.pair:
        assert min(image.stability) > 0
        assert json.loads(image.candidate.image)["whole"] == [0, 1]
        first, second = image.candidate.first.sample.bbox, image.candidate.second.sample.bbox
        assert first[0] < second[0]
    assert [image.name for image in run.result.pair] == [f"pair_{k:03d}" for k in range(1, len(run.result.pair) + 1)]


def test_pair_images_are_apart_in_time() -> None:
    world = World(DLIB)
    run = drive(world.shot(i, world.face(0, i, LEFT), world.face(1, i, RIGHT)) for i in range(300))
    times = sorted(image.candidate.first.sample.t_ns for image in run.result.pair)
    assert len(times) > 1
    assert all(b - a >= RULES.anchor_gap_ms * 1e6 for a, b in itertools.pairwise(times))


def test_no_pair_image_holds_a_third_face() -> None:
    world = World(DLIB)
    run = drive(
        world.shot(
            i,
            world.face(0, i, LEFT),
            world.face(1, i, RIGHT),
            *([world.face(2, i, (630.0, 200.0), 60)] if i % 10 else []),
        )
        for i in range(300)
    )
    assert len(run.result.pair) > 0
    assert {tuple(json.loads(image.candidate.image)["touched"]) for image in run.result.pair} <= {
        (0, 1),
        (0, 2),
        (1, 2),
    }


def test_one_rider_or_a_limit_of_none_gives_no_pair() -> None:
    world = World(DLIB)
    solo = drive(world.shot(i, world.face(0, i, LEFT)) for i in range(100))
    assert solo.result.pair == ()
    none = Config(selection=SelectionConfig(pair_max=0), stop=StopConfig(stop_when_covered=False))
    both = drive((world.shot(i, world.face(0, i, LEFT), world.face(1, i, RIGHT)) for i in range(100)), none)
    assert both.result.pair == ()


def test_faces_that_cover_each_other_make_no_pair() -> None:
    world = World(DLIB)
    run = drive(
        world.shot(i, world.face(0, i, (600.0, 340.0), look=Look()), world.face(1, i, (690.0, 340.0), look=Look()))
        for i in range(60)
    )
    assert run.result.pair == ()


def test_every_kind_of_moment_is_shown_before_any_is_shown_twice() -> None:
    """A smile and an open mouth that both share for half a second each outlast two minutes of plain faces."""
    world = World(DLIB)

    def look(index: int) -> Look:
        return Look(smile=0.8) if 40 <= index < 45 else Look(mouth=0.7) if 80 <= index < 85 else Look()

    def shot(index: int) -> Shot:
        left = world.face(0, index, LEFT, look=look(index))
        right = world.face(1, index, RIGHT, look=replace(look(index), sharpness=150.0))
        return world.shot(index, left, right)

    run = drive(shot(i) for i in range(1200))
    kinds = [joint_expression(*image.candidate.faces) for image in run.result.pair]
    assert set(kinds[:3]) == {"both_smile", "both_mouth_open", "neutral/neutral"}
    assert set(kinds[:2]) == {"both_smile", "both_mouth_open"}


def test_closed_eyes_make_no_pair_image() -> None:
    world = World(DLIB)
    blink = Look(eyes=0.1)
    run = drive(
        world.shot(i, world.face(0, i, LEFT, look=blink if i % 3 else Look()), world.face(1, i, RIGHT, look=Look()))
        for i in range(200)
    )
    shown = {image.candidate.first.buckets.expression for image in run.result.pair}
    assert shown == {"neutral"}


def test_both_faces_pass_the_strict_gate_of_the_end() -> None:
    """Sharp by the median of the first seconds, soft by that of the whole ride."""
    world = World(DLIB)
    run = drive(
        world.shot(
            i,
            world.face(0, i, LEFT, look=Look(sharpness=150 if i < 60 else 400)),
            world.face(1, i, RIGHT, look=Look()),
        )
        for i in range(300)
    )
    assert len(run.result.pair) >= RULES.pair_min
    assert all(gate.passed for image in run.result.pair for gate in image.strict)
    assert min(image.candidate.first.sample.t_ns for image in run.result.pair) >= 6 * SECOND


def test_fewer_pair_images_than_wanted_are_explained() -> None:
    world = World(DLIB)
    both = [world.shot(i, world.face(0, i, LEFT, look=Look()), world.face(1, i, RIGHT, look=Look())) for i in range(60)]
    assert [note.split(":")[0] for note in drive(both[:12]).result.notes] == ["2 of at least 3 pair images"]
    assert drive(both).result.notes == ()
    near = [world.shot(i, world.face(0, i, (600.0, 340.0)), world.face(1, i, (690.0, 340.0))) for i in range(60)]
    assert [note.split(":")[0] for note in drive(near).result.notes] == ["No pair image"]


@settings(max_examples=60)
@given(
    left=boxes(),
    right=boxes(),
    factor=st.floats(1, 3),
)
def test_the_placing_does_not_depend_on_the_size_of_the_picture(left: Box, right: Box, factor: float) -> None:
    plain = placing(left, right)
    scaled = placing(*(tuple(factor * value for value in box) for box in (left, right)))
    back = placing(right, left)
    assert (scaled.dx, scaled.dy) == pytest.approx((plain.dx, plain.dy))
    assert (back.dx, back.dy) == pytest.approx((-plain.dx, -plain.dy))


@pytest.mark.parametrize(
    ("left", "right", "label"),
    [
        ((0, 0, 100, 130), (120, 0, 220, 130), "touching_level"),
        ((0, 0, 100, 130), (200, 80, 300, 210), "near_right_lower"),
        ((0, 60, 100, 190), (260, 0, 360, 130), "apart_left_lower"),
        ((0, 0, 100, 130), (800, 0, 900, 130), "far_level"),
    ],
)
def test_relative_positions_have_names(left: Box, right: Box, label: str) -> None:
    assert placing(left, right).label == label


def test_the_pool_of_pairs_is_bounded_and_a_better_kind_takes_the_place_of_the_worst() -> None:
    slots = PairSlots()
    for index in range(400):
        seat = (900 + 37.0 * (index % 50), 340.0 + 3 * (index % 70))
        expressions = [("neutral", "smile", "mouth_open", "unknown")[(index // step) % 4] for step in (1, 4)]
        pair = made_pair(index, seat, expressions)
        score = 0.5 + 0.001 * index
        if slots.wants(*pair.faces, score):
            slots = slots.with_pair(pair, score)
    assert len(slots.cells) == MAX_CELLS
    assert len(slots.pairs) <= PAIR_SLOTS + CELL_SLOTS * MAX_CELLS
    assert {entry.candidate.first.sample.t_ns for entry in slots.entries()} == set(slots.pairs)
    assert [entry.score for entry in slots.entries()] == sorted((e.score for e in slots.entries()), reverse=True)


def made_pair(index: int, seat: tuple[float, float], expressions: list[str]) -> PairCandidate:
    world = World(DLIB)
    faces = [world.face(0, index, LEFT).face, world.face(1, index, seat).face]
    plain = ExpressionSignals()
    members = [
        Candidate(replace(face, expression=plain), Buckets("[-5,5]", "neutral", name, "none", "normal"), BOX, b"", 0.0)
        for face, name in zip(faces, expressions, strict=True)
    ]
    return PairCandidate(members[0], members[1], BOX, b"", 0.0)


def test_a_shared_smile_is_worth_the_bonus_and_the_weaker_face_counts() -> None:
    apart, shared = Together(False, None), Together(True, False)
    assert pair_score((0.9, 0.4), apart, 0.0) == 0.4
    assert pair_score((0.9, 0.4), shared, 0.0) == pytest.approx(0.4 + TOGETHER_BONUS)
    assert pair_score((0.5, 0.4), Together(None, True), 0.0) == pytest.approx(0.4 + TOGETHER_BONUS)
    assert pair_score((0.5, 0.4), apart, 0.03) == pytest.approx(0.37)


def test_what_both_do_is_told_by_signals_and_unknown_where_it_is() -> None:
    laugh, smile, unknown = (
        sample(smile=0.8, mouth=0.6),
        sample(smile=0.8, mouth=0.0),
        replace(sample(), expression=ExpressionSignals()),
    )
    assert together(laugh, laugh) == Together(True, True)
    assert together(laugh, smile) == Together(True, False)
    assert together(laugh, unknown) == Together(None, None)
    assert together(smile, unknown) == Together(None, False)
    happy = replace(sample(), expression=ExpressionSignals(happy_probability=0.9))
    assert together(smile, happy) == Together(True, False)
