from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpx_identity_builder.core import geometry
from vpx_identity_builder.core.config import FACE_ID_MODELS, FaceIdModel, TrackConfig
from vpx_identity_builder.core.tracks import Assignment, Step, is_trusted, step
from vpx_identity_builder.core.types import FaceSample

from .strategies import SECOND, sample
from .world import ARCFACE, DLIB, SCALES, Look, Scale, World

CONFIG = TrackConfig()
FRAME_NS = SECOND // 10


def model_of(scale: Scale) -> FaceIdModel:
    return next(model for model in FACE_ID_MODELS if model.name == scale.name)


class Follower:
    """Feeds frames of (sample, strict) to `step` and keeps what it returns."""

    def __init__(self, scale: Scale = DLIB, config: TrackConfig = CONFIG) -> None:
        self.model, self.config = model_of(scale), config
        self.state = Step((), (), (), 0)

    def see(self, clock_ns: int, *faces: FaceSample, strict: bool = True) -> tuple[Assignment, ...]:
        gated = [(face, strict) for face in faces]
        self.state = step(self.state.active, gated, clock_ns, self.state.next_number, self.config, self.model)
        return self.state.assignments


def frontal(world: World, who: int, index: int, x: float = 400.0, spoilt: bool = False) -> FaceSample:
    return world.face(who, index, (x, 340.0), look=Look(), spoilt=spoilt).face


def numbers(found: Sequence[Assignment]) -> list[int]:
    return [assignment.tracklet.number for assignment in found]


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.name)
def test_a_spike_of_one_embedding_breaks_nothing(scale: Scale) -> None:
    world, follower = World(scale), Follower(scale)
    for i in range(30):
        (found,) = follower.see(world.time(i), frontal(world, 0, i, spoilt=i in (10, 11, 20)))
        assert found.tracklet.number == 0
        assert found.contradicts == (i in (10, 11, 20))
        assert found.settled == {12: 2, 21: 1}.get(i, 0)


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.name)
def test_a_jump_that_stays_splits_and_keeps_what_was_held(scale: Scale) -> None:
    world, follower = World(scale), Follower(scale)
    found = [follower.see(world.time(i), frontal(world, i // 10, i))[0] for i in range(20)]
    split = 10 + CONFIG.split_after - 1
    assert numbers(found) == [0] * split + [1] * (20 - split)
    assert [i for i, f in enumerate(found) if f.contradicts] == list(range(10, split))
    assert [f.settled for f in found if f.settled] == [CONFIG.split_after - 1]
    assert found[split].is_new
    assert float(found[-1].tracklet.reference @ world.identity(1, 99, 0.0)) >= model_of(scale).tau_id


def test_the_first_comes_back_to_its_own_tracklet_after_a_split() -> None:
    world, follower = World(DLIB), Follower(DLIB)
    found = [follower.see(world.time(i), frontal(world, int(10 <= i < 16), i))[0] for i in range(30)]
    assert numbers(found[-10:]) == [0] * 10


def test_an_untrusted_face_contradicts_only_where_it_surely_is_somebody_else() -> None:
    world = World(ARCFACE)
    for beside, expected in ((False, False), (True, True)):
        follower = Follower(ARCFACE)
        for i in range(5):
            faces = [frontal(world, 0, i), *([frontal(world, 1, i, 900.0)] if beside else [])]
            follower.see(world.time(i), *faces)
        (found,) = follower.see(world.time(5), frontal(world, 1, 5, 400.0), strict=False)
        assert (found.tracklet.number, found.contradicts) == (0, expected)


@pytest.mark.parametrize(("gap_ms", "same"), [(CONFIG.track_gap_ms - 50, True), (CONFIG.track_gap_ms + 50, False)])
def test_gaps_are_bridged_up_to_the_limit(gap_ms: float, same: bool) -> None:
    world, follower = World(DLIB), Follower(DLIB)
    follower.see(0, frontal(world, 0, 0))
    late = round(gap_ms * 1e6)
    (found,) = follower.see(late, frontal(world, 0, 1))
    assert (found.tracklet.number == 0) == same
    assert follower.state.ended == (() if same else (0,))


def test_a_face_out_of_reach_starts_a_tracklet() -> None:
    world, follower = World(DLIB), Follower(DLIB)
    follower.see(0, frontal(world, 0, 0, 200.0))
    (found,) = follower.see(FRAME_NS, frontal(world, 0, 1, 900.0))
    assert found.is_new
    assert found.tracklet.number == 1


def test_a_shared_face_id_joins_nothing_and_another_one_splits_nothing() -> None:
    world, follower = World(DLIB), Follower(DLIB)
    for i in range(10):
        faces = [replace(frontal(world, who, i, 300.0 + 500 * who), face_id=i * who) for who in (0, 1)]
        assert sorted(numbers(follower.see(world.time(i), *faces))) == [0, 1]


def test_two_faces_never_share_a_smoothing_state() -> None:
    world, follower = World(DLIB), Follower(DLIB)
    for i in range(40):
        shift = 3.0 * i
        found = follower.see(world.time(i), frontal(world, 0, i, 400 + shift), frontal(world, 1, i, 700 + shift))
        for assignment in found:
            assert geometry.iou(assignment.tracklet.smooth_box, assignment.sample.bbox) > 0.8


def test_smoothing_follows_its_weight_and_restarts_after_a_gap_or_a_jump() -> None:
    follower = Follower(DLIB)
    start, near = (500.0, 300.0, 600.0, 420.0), (510.0, 300.0, 610.0, 420.0)
    follower.see(0, sample(bbox=start))
    (found,) = follower.see(FRAME_NS, sample(bbox=near))
    assert found.tracklet.smooth_box == geometry.blend(start, near, CONFIG.smoothing_alpha)
    late = round(CONFIG.smoothing_gap_ms * 1e6) + 2 * FRAME_NS
    (found,) = follower.see(late, sample(bbox=start))
    assert found.tracklet.smooth_box == start
    jumped = geometry.shift(start, 70.0, 0.0)
    (found,) = follower.see(late + FRAME_NS, sample(bbox=jumped))
    assert found.tracklet.smooth_box == jumped


@settings(max_examples=25)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_order_of_faces_changes_nothing(random: object, people: int) -> None:
    world = World(DLIB, people=4)
    straight, shuffled = Follower(DLIB), Follower(DLIB)
    for i in range(8):
        faces = [frontal(world, who, i, 200.0 + 220 * ((who + (i > 4)) % people)) for who in range(people)]
        mixed = list(faces)
        random.shuffle(mixed)  # type: ignore[attr-defined]
        a = straight.see(world.time(i), *faces)
        b = shuffled.see(world.time(i), *mixed)
        assert [(x.tracklet.number, x.sample.bbox) for x in a] == [(x.tracklet.number, x.sample.bbox) for x in b]


def test_a_face_without_an_embedding_keeps_its_place() -> None:
    world, follower = World(DLIB), Follower(DLIB)
    for i in range(12):
        face = frontal(world, 0, i)
        (found,) = follower.see(world.time(i), face if i % 4 == 0 else replace(face, e_id=None))
        assert (found.tracklet.number, found.contradicts) == (0, False)


def test_trust_asks_for_a_strict_and_mild_face_with_an_embedding() -> None:
    e_id = np.ones(1, np.float32)
    good = sample(e_id=e_id, yaw=CONFIG.trusted_yaw_deg, pitch=-CONFIG.trusted_pitch_deg)
    assert is_trusted(good, CONFIG, strict=True)
    assert not is_trusted(good, CONFIG, strict=False)
    assert not is_trusted(sample(e_id=None), CONFIG, strict=True)
    assert not is_trusted(sample(e_id=e_id, yaw=-(CONFIG.trusted_yaw_deg + 1)), CONFIG, strict=True)
    assert not is_trusted(sample(e_id=e_id, pitch=CONFIG.trusted_pitch_deg + 1), CONFIG, strict=True)
    assert is_trusted(sample(e_id=e_id, yaw=None, pitch=None), CONFIG, strict=True)
