"""Choosing once more of some frames alone, after everything was seen: as if no other picture had ever been there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpx_identity_builder.builder import IdentitySetBuilder
from vpx_identity_builder.core.afterwards import SeenFrame
from vpx_identity_builder.core.config import Config, PersonConfig
from vpx_identity_builder.core.fates import FaceFate
from vpx_identity_builder.core.frame_views import Encoder
from vpx_identity_builder.core.results import RunResult, StopReason
from vpx_identity_builder.core.types import IntBox

from .test_core_builder import new_builder, ride
from .test_joining_scenarios import sparse
from .world import DLIB, READ_ALL, SCALES, Scale, Shot, World, fingerprint, tag

SHOTS = ride(World(DLIB), 90)
FEW = replace(READ_ALL, persons=PersonConfig(max_tracked=2))
Held = Callable[[int, IntBox], bool]


def of_held(shot: Shot, held: Held) -> Encoder:
    whole = tag(shot)
    return lambda box: whole(box) if held(shot.t_ns, box) else None


def looked(shots: Sequence[Shot], held: Held, config: Config = READ_ALL) -> tuple[IdentitySetBuilder, list[SeenFrame]]:
    """A builder that has seen all with every picture at hand, and the frames for another choice of those held."""
    builder, frames = new_builder(config), list[SeenFrame]()

    def note(arrival: int, found: Sequence[FaceFate]) -> None:
        frames.append(SeenFrame(tuple(found), (), of_held(shots[arrival - 1], held)))

    builder.watch = note
    for shot in shots:
        builder.add(shot.t_ns, [seen.face for seen in shot.seen], tag(shot))
    builder.catch_up()
    return builder, frames


def with_held_only(shots: Sequence[Shot], held: Held, config: Config = READ_ALL) -> RunResult:
    """What a builder chooses that could never have any other picture."""
    builder = new_builder(config)
    for shot in shots:
        builder.add(shot.t_ns, [seen.face for seen in shot.seen], of_held(shot, held))
    return builder.finish(StopReason.END_OF_VIDEO)


def images(result: RunResult) -> list[tuple[object, ...]]:
    return [*fingerprint(result), *((pair.name, pair.candidate.image) for pair in result.pair)]


@given(st.sets(st.integers(20, len(SHOTS) - 1)))
@settings(max_examples=12, deadline=None)
def test_it_is_as_if_no_other_picture_had_ever_been_there(numbers: set[int]) -> None:
    """From when the two are known on; of which two faces make a pair, more can be told afterwards."""
    times = {SHOTS[number].t_ns for number in numbers}

    def held(t_ns: int, _box: IntBox) -> bool:
        return t_ns in times

    builder, frames = looked(SHOTS, held)
    builder.choose_among(frames)
    afterwards, expected = builder.finish(StopReason.END_OF_VIDEO), with_held_only(SHOTS, held)
    assert fingerprint(afterwards) == fingerprint(expected)
    assert len(afterwards.pair) >= len(expected.pair)


def test_what_came_before_anybody_was_known_is_judged_by_what_is_known_now() -> None:
    builder, frames = looked(SHOTS, lambda t_ns, _: t_ns == SHOTS[0].t_ns)
    builder.choose_among(frames)
    result = builder.finish(StopReason.END_OF_VIDEO)
    assert [len(person.images) for person in result.persons] == [1, 1]
    assert [pair.person_ids for pair in result.pair] == [(1, 0)]
    assert with_held_only(SHOTS, lambda t_ns, _: t_ns == SHOTS[0].t_ns).pair == ()


def test_a_branch_goes_its_own_way() -> None:
    builder, frames = looked(SHOTS, lambda t_ns, _: t_ns > SHOTS[40].t_ns)
    untouched, _ = looked(SHOTS, lambda *_: True)
    branch = builder.branched()
    branch.choose_among(frames)
    branch.faults["of_the_branch"] += 1
    late = branch.finish(StopReason.END_OF_VIDEO)
    whole, expected = builder.finish(StopReason.END_OF_VIDEO), untouched.finish(StopReason.END_OF_VIDEO)
    assert images(whole) == images(expected) != images(late)
    assert (whole.fates, whole.faults, whole.frames) == (expected.fates, expected.faults, expected.frames)
    assert len(frames) == len(SHOTS)


def test_who_has_no_picture_has_no_image() -> None:
    builder, frames = looked(SHOTS, lambda *_: False)
    builder.choose_among(frames)
    result = builder.finish(StopReason.END_OF_VIDEO)
    assert [person.images for person in result.persons] == [(), ()]
    assert result.pair == ()


@pytest.mark.parametrize("config", [READ_ALL, FEW], ids=["all kept in mind", "many forgotten"])
@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.name)
def test_people_who_were_joined_on_the_way_keep_their_pictures(scale: Scale, config: Config) -> None:
    """Nobody is followed from one frame to the next here: each person is joined of many."""
    shots = sparse(World(scale, people=2, fps=0.4))
    builder, frames = looked(shots, lambda *_: True, config)
    branch = builder.branched()
    branch.choose_among(frames)
    once, again = builder.finish(StopReason.END_OF_VIDEO), branch.finish(StopReason.END_OF_VIDEO)
    assert len(builder.final_numbers) > 2
    assert [p.frames_seen for p in again.persons] == [p.frames_seen for p in once.persons]
    assert [len(p.anchors) for p in again.persons] == [len(p.anchors) for p in once.persons]
    assert [p.coverage for p in again.persons] == [p.coverage for p in once.persons]
