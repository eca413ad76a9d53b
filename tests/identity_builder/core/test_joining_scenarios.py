"""When persons join while a video runs: photos and sparse frames lose nobody, two people side by side stay two."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vpx_identity_builder.core.cast import join_all
from vpx_identity_builder.core.config import Config, PersonConfig, StopConfig, TrackConfig
from vpx_identity_builder.core.persons import Evidence

from .test_core_persons import CONFIG, cast_of, person
from .test_core_tracks import model_of
from .world import ARCFACE, DLIB, SCALES, Look, Scale, Shot, World, drive, fingerprint, reordered

PHOTOS = Config(
    persons=PersonConfig(min_frames=1),
    tracks=TrackConfig(track_gap_ms=0, smoothing_alpha=1),
    stop=StopConfig(stop_when_covered=False),
)
"""A folder of photos: nothing is followed from one to the next."""
LEFT, RIGHT = (300.0, 340.0), (860.0, 340.0)


@pytest.mark.parametrize("count", [16, 40, 100])
@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.name)
def test_a_folder_of_photos_of_one_person_loses_none(scale: Scale, count: int) -> None:
    world = World(scale, fps=1.0)
    run = drive(
        [world.shot(i, world.face(0, i, (300.0 + 5 * (i % 20), 340.0), face_id=i)) for i in range(count)], PHOTOS
    )
    assert [person.frames_seen for person in run.result.persons] == [count]
    assert run.result.faults == {}
    assert run.result.unpublished == ()
    assert run.impure == []
    days = {image.candidate.sample.t_ns * 4 // (count * 1_000_000_000) for image in run.result.persons[0].images}
    assert days == {0, 1, 2, 3}


def sparse(world: World) -> list[Shot]:
    return [
        world.shot(i, world.face(0, i, LEFT, face_id=2 * i), world.face(1, i, RIGHT, face_id=2 * i + 1))
        for i in range(48)
    ]


@pytest.mark.parametrize("fps", [0.4, 0.2])
@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.name)
def test_a_ride_sampled_so_sparsely_that_nobody_is_followed_loses_none(scale: Scale, fps: float) -> None:
    shots = sparse(World(scale, people=2, fps=fps))
    run = drive(shots)
    assert sorted((run.owner(p), p.frames_seen) for p in run.result.persons) == [(0, len(shots)), (1, len(shots))]
    assert run.result.faults == {}
    assert run.impure == []
    turned = drive(reordered(shots, lambda seen: seen[::-1]))
    assert fingerprint(turned.result) == fingerprint(run.result)


def test_poor_frames_of_different_people_do_not_join_only_because_there_are_too_many() -> None:
    """Persons known from poor frames alone are as like as one person's: only a person known well takes them in."""
    world = World(DLIB)
    poor = [person(world, 10 + k, 0, 50 * k, frames=1, trusted=False) for k in range(3)]
    alone, _ = join_all(cast_of(*poor), model_of(DLIB), CONFIG, Evidence.ONE_KNOWN)
    assert len(alone.people()) == 3
    barely = person(world, 1, 0, 700, frames=PersonConfig().prototype_min_strict - 1)
    beside, _ = join_all(cast_of(barely, *poor), model_of(DLIB), CONFIG, Evidence.ONE_KNOWN)
    assert len(beside.people()) == 4
    known = person(world, 2, 0, 900, frames=PersonConfig().prototype_min_strict)
    together, _ = join_all(cast_of(known, *poor), model_of(DLIB), CONFIG, Evidence.ONE_KNOWN)
    assert [p.frames for p in together.people()] == [known.frames + 3]


def test_strict_frames_join_one_by_one_only_when_there_are_too_many() -> None:
    world = World(ARCFACE)
    singles = [person(world, k, 0, 50 * k, frames=1) for k in range(5)]
    assert len(join_all(cast_of(*singles), model_of(ARCFACE), CONFIG, Evidence.BOTH_KNOWN)[0].people()) == 5
    (one,) = join_all(cast_of(*singles), model_of(ARCFACE), CONFIG, Evidence.ONE_KNOWN)[0].people()
    assert one.frames == 5


ALIKE = (Scale("arcface-512", 512, 0.75, 0.65, 0.0), Scale("dlib-resnet-128", 128, 0.97, 0.96, 0.0))
"""Two people whose prototypes agree."""


def alone_first(alone: int) -> Callable[[World], list[Shot]]:
    """One is seen alone, then the other so many frames alone, then both side by side."""

    def shots(world: World) -> list[Shot]:
        sides = [
            *[(True, False)] * 20,
            *[(False, True)] * alone,
            *[(True, True)] * 100,
        ]
        return [
            world.shot(
                i,
                *([world.face(0, i, LEFT, look=Look())] if first else []),
                *([world.face(1, i, RIGHT, look=Look())] if second else []),
            )
            for i, (first, second) in enumerate(sides)
        ]

    return shots


@pytest.mark.parametrize("alone", [0, 2, 3, 10, 40])
@pytest.mark.parametrize("scale", ALIKE, ids=lambda scale: scale.name)
def test_two_people_side_by_side_are_never_one_for_good(scale: Scale, alone: int) -> None:
    """Whether they are about to join as they first meet, or were joined before."""
    shots = alone_first(alone)(World(scale, people=2))
    run = drive(shots)
    assert sorted(run.owner(p) for p in run.result.persons) == [0, 1]
    assert run.impure == []
    assert min(person.frames_seen for person in run.result.persons) >= 90
    assert fingerprint(drive(reordered(shots, lambda seen: seen[::-1])).result) == fingerprint(run.result)


@pytest.mark.parametrize("scale", ALIKE, ids=lambda scale: scale.name)
def test_who_was_told_apart_does_not_join_again(scale: Scale) -> None:
    """After they met, one is out of sight for a while, again and again."""
    world = World(scale, people=2)
    shots = alone_first(5)(world)
    for i in range(len(shots), len(shots) + 200):
        both = (world.face(0, i, LEFT, look=Look()), world.face(1, i, RIGHT, look=Look()))
        shots.append(world.shot(i, *(both if i // 25 % 2 else both[:1])))
    run = drive(shots, watch=lambda builder: builder.progress().person_count)
    settled = run.counts[60:]
    assert set(settled) == {2}
    assert sorted(run.owner(p) for p in run.result.persons) == [0, 1]
    assert run.impure == []
