from __future__ import annotations

import itertools
import json

import pytest

from vpx_identity_builder.core.config import Config, SelectionConfig, StopConfig
from vpx_identity_builder.core.pair import TOGETHER_BONUS, pair_score

from .world import DLIB, READ_ALL, SCALES, Look, Run, Scale, World, drive

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


def test_a_shared_smile_is_worth_the_bonus_and_the_weaker_face_counts() -> None:
    assert pair_score((0.9, 0.4), ("neutral", "neutral")) == 0.4
    assert pair_score((0.9, 0.4), ("smile", "smile")) == pytest.approx(0.4 + TOGETHER_BONUS)
    assert pair_score((0.5, 0.4), ("mouth_open", "mouth_open")) == pytest.approx(0.4 + TOGETHER_BONUS)
    assert pair_score((0.5, 0.4), ("smile", "mouth_open")) == 0.4
