from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from vpx_identity_builder.builder import IdentitySetBuilder
from vpx_identity_builder.core.config import Config, PersonConfig, SelectionConfig, StopConfig
from vpx_identity_builder.core.results import StopReason
from vpx_identity_builder.core.types import FaceSample

from .strategies import FRAME
from .world import ARCFACE, DLIB, READ_ALL, VISION, Look, Seen, Shot, World, drive, fingerprint, tag

LEFT, RIGHT = (400.0, 340.0), (860.0, 350.0)


def ride(world: World, frames: int = 140, start: int = 0) -> list[Shot]:
    return [world.shot(i, world.face(0, i, LEFT), world.face(1, i, RIGHT)) for i in range(start, start + frames)]


def changed(shots: Sequence[Shot], index: int, **fields: object) -> list[Shot]:
    """The shots with the first face of one frame changed."""
    first, *others = shots[index].seen
    spoilt = Seen(first.who, replace(first.face, **fields))
    return [*shots[:index], replace(shots[index], seen=(spoilt, *others)), *shots[index + 1 :]]


def new_builder(config: Config = READ_ALL) -> IdentitySetBuilder:
    return IdentitySetBuilder(config, face_novelty=VISION, body_novelty=VISION)


def test_a_run_without_frames_or_faces_has_an_empty_result() -> None:
    empty = new_builder().finish(StopReason.END_OF_VIDEO)
    assert (empty.persons, empty.pair, empty.unpublished, empty.frames) == ((), (), (), 0)
    assert (empty.first_t_ns, empty.last_t_ns) == (None, None)
    faceless = drive([Shot(i * 10, ()) for i in range(50)]).result
    assert (faceless.persons, faceless.frames, faceless.frames_with_faces) == ((), 50, 0)
    assert (faceless.first_t_ns, faceless.last_t_ns) == (0, 490)


def test_finish_is_idempotent_and_ends_the_run() -> None:
    run = drive(ride(World(DLIB), 60))
    assert run.builder.finish(StopReason.FAILED) is run.result
    assert run.result.stop_reason is StopReason.END_OF_VIDEO
    with pytest.raises(RuntimeError, match="finished"):
        run.builder.add(0, [], tag(Shot(0, ())))


def test_the_same_input_gives_the_same_result() -> None:
    shots = ride(World(ARCFACE))
    assert fingerprint(drive(shots).result) == fingerprint(drive(shots).result)


def test_every_face_has_a_fate_and_every_frame_counts() -> None:
    shots = ride(World(DLIB))
    result = drive(shots).result
    assert sum(result.fates.values()) == 2 * len(shots)
    assert (result.frames, result.frames_with_faces) == (len(shots), len(shots))
    assert result.faults == {}
    assert (result.first_t_ns, result.last_t_ns) == (shots[0].t_ns, shots[-1].t_ns)


def test_a_face_that_is_not_kept_names_the_image_it_lost_to() -> None:
    """The same look again and again: after the first, each frame loses to one that was kept before it."""
    world, builder = World(DLIB), new_builder()
    losses, kept = [], set()
    for i in range(60):
        shot = world.shot(i, world.face(0, i, LEFT, look=Look()))
        builder.add(shot.t_ns, [seen.face for seen in shot.seen], tag(shot))
        for fate in builder.last_fates:
            t_ns = fate.assignment.sample.t_ns
            if fate.code in ("not_novel", "worse_than_kept"):
                losses.append((t_ns, fate.lost_to_t_ns))
                assert fate.lost_to_t_ns in kept
            else:
                assert fate.lost_to_t_ns is None
                kept.add(t_ns)
    assert len(losses) > 30


def test_the_largest_face_is_not_simply_the_person() -> None:
    """Whoever is nearer the camera changes; two riders still never share a set."""
    world = World(DLIB)
    shots = [
        world.shot(
            i,
            world.face(0, i, LEFT, 130 + 40 * float(np.sin(i / 9))),
            world.face(1, i, RIGHT, 130 - 40 * float(np.sin(i / 9))),
        )
        for i in range(300)
    ]
    run = drive(shots)
    assert sorted(run.owner(person) for person in run.result.persons) == [0, 1]
    assert run.impure == []


def test_images_are_cut_around_their_own_face() -> None:
    run = drive(ride(World(DLIB)))
    for person in run.result.persons:
        for image in person.images:
            x1, y1, x2, y2 = image.candidate.crop_box
            face = image.candidate.sample.bbox
            assert x1 <= face[0] < face[2] <= x2
            assert y1 <= face[1] < face[3] <= y2
            assert x2 <= FRAME[0]
            assert y2 <= FRAME[1]
            stored = json.loads(image.candidate.image)
            assert (stored["t_ns"], tuple(stored["crop"])) == (image.candidate.sample.t_ns, (x1, y1, x2, y2))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_one_broken_embedding_does_not_capture_the_prototype(bad: float) -> None:
    shots = ride(World(DLIB))
    broken = np.full(DLIB.dim, bad, np.float32)
    vision = np.full(48, bad, np.float32)
    run = drive(changed(changed(shots, 3, e_id=broken, e_vis_face=vision), 90, e_id=broken))
    clean = drive(shots)
    assert run.result.faults == {"embedding_unusable": 3}
    assert run.impure == []
    assert len(run.result.persons) == 2
    for person, expected in zip(run.result.persons, clean.result.persons, strict=True):
        assert np.isfinite(person.prototype).all()
        assert float(person.prototype @ expected.prototype) > 0.9


def test_embeddings_that_are_not_unit_are_normalised() -> None:
    shots = ride(World(DLIB), 60)
    first = shots[0].seen[0].face
    run = drive(changed(shots, 0, e_id=5 * first.e_id))
    assert run.result.faults == {}
    assert [float(np.linalg.norm(p.prototype)) for p in run.result.persons] == pytest.approx([1.0, 1.0], abs=1e-3)


def test_embeddings_of_another_model_are_counted_and_ignored() -> None:
    shots = ride(World(DLIB))
    other = World(ARCFACE)
    run = drive(changed(changed(shots, 20, e_id=other.identity(0, 1, 0)), 30, e_id=other.identity(1, 1, 0)))
    assert run.result.faults == {"face_id_dimension": 2}
    assert {person.prototype.shape for person in run.result.persons} == {(DLIB.dim,)}
    assert run.result.fates["no_identity"] == 2


def test_repeated_and_backward_timestamps_are_counted_and_survived() -> None:
    shots = ride(World(DLIB), 300)
    start, back = shots[100].t_ns, shots[60].t_ns
    rewound = [shot if i < 100 else shifted(shot, shot.t_ns - start + back + 1_000_000) for i, shot in enumerate(shots)]
    rewound.insert(50, rewound[49])
    run = drive(rewound)
    assert run.result.faults["timestamp_not_increasing"] == 2
    assert len(run.result.persons) == 2
    assert [run.completeness(person) for person in run.result.persons] == [1.0, 1.0]


def test_a_host_without_timestamps_still_gets_two_riders() -> None:
    shots = [shifted(shot, 0) for shot in ride(World(DLIB), 300)]
    run = drive(shots)
    assert run.result.faults == {"timestamp_not_increasing": 299}
    assert sorted(run.owner(person) for person in run.result.persons) == [0, 1]


def shifted(shot: Shot, t_ns: int) -> Shot:
    return Shot(t_ns, tuple(Seen(s.who, replace(s.face, t_ns=t_ns)) for s in shot.seen))


def crowd(world: World, index: int) -> list[FaceSample]:
    """Different strangers at different places in every frame."""
    rng = np.random.default_rng(index)
    return [
        world.face(int(who), index, (float(rng.uniform(80, 1200)), float(rng.uniform(80, 640))), 60.0).face
        for who in rng.integers(0, 24, 4)
    ]


def test_there_are_never_more_persons_than_the_limit() -> None:
    world = World(ARCFACE, people=24)
    config = replace(READ_ALL, persons=PersonConfig(max_tracked=6))
    builder = new_builder(config)
    for i in range(100):
        builder.add(world.time(i), crowd(world, i), lambda crop: b"x")
        assert len(builder._cast.riders) <= 6
        known = set(builder._cast.riders)
        assert all(rider.person.met <= known for rider in builder._cast.riders.values())
    assert builder.finish(StopReason.END_OF_VIDEO).faults["persons_forgotten"] > 0


def held(builder: IdentitySetBuilder) -> int:
    """Everything that could grow: kept images, embeddings, persons, tracklets."""
    riders = builder._cast.riders.values()
    return (
        sum(len(rider.pool.candidates()) + len(rider.person.strict) + len(rider.person.loose) for rider in riders)
        + sum(len(slots.entries()) for slots in builder._cast.pairs.values())
        + len(builder._tracklets)
        + len(builder._person_of)
    )


def test_memory_does_not_grow_with_the_video() -> None:
    """A short tour is repeated with new noise; after sixteen tours no more is held than after ten."""
    world = World(DLIB, fps=5.0)
    sizes = drive(ride(world, 2800), watch=held).counts
    assert max(sizes[2000:]) <= 1.15 * max(sizes[:1750])


def test_a_rider_stays_published_whatever_passes_by() -> None:
    world = World(ARCFACE, people=24)
    shots = []
    for i in range(200):
        passing = world.face(2 + i // 10, i, (900.0, 200.0), 70.0)
        shots.append(world.shot(i, world.face(0, i, LEFT), passing))
    run = drive(shots, replace(READ_ALL, persons=PersonConfig(max_tracked=4)))
    assert [run.owner(person) for person in run.result.persons] == [0]
    assert run.impure == []


def test_progress_follows_the_stop_condition() -> None:
    world = World(DLIB)
    stop = StopConfig(stop_yaw=1, stop_pitch=1, stop_expression=1)
    builder = new_builder(Config(stop=stop, selection=SelectionConfig(anchors_min=2)))
    assert builder.progress().should_stop is False
    first = None
    for i in range(120):
        shot = world.shot(i, world.face(0, i % 40, LEFT, look=Look(yaw=float(i % 8))))
        builder.add(shot.t_ns, [replace(s.face, t_ns=shot.t_ns) for s in shot.seen], tag(shot))
        if first is None and builder.progress().should_stop:
            first = i
    assert first is not None
    assert first > stop.novelty_window
    progress = builder.progress()
    assert (progress.person_count, progress.coverage_pitch) == (1, 1)
    assert progress.saved_total >= 1


def test_a_passer_by_does_not_hold_up_the_stop() -> None:
    builder = new_builder(Config(stop=StopConfig(stop_yaw=1, stop_pitch=1, stop_expression=1)))
    world = World(DLIB)
    for i in range(150):
        seen = [world.face(0, i % 40, LEFT, look=Look())]
        if i in (100, 101, 102, 103):
            seen.append(world.face(1, i, RIGHT))
        shot = world.shot(i, *seen)
        builder.add(shot.t_ns, [replace(s.face, t_ns=shot.t_ns) for s in shot.seen], tag(shot))
    assert builder.progress().should_stop


def test_a_soft_video_gives_a_set_marked_soft() -> None:
    world = World(DLIB)
    soft = READ_ALL.gates.sharpness_floor * 2
    assert soft < READ_ALL.gates.sharpness_good
    shots = [world.shot(i, world.face(0, i, LEFT, look=replace(world.look(0, i), sharpness=soft))) for i in range(200)]
    (person,) = drive(shots).result.persons
    assert person.soft
    assert len(person.images) > 5
