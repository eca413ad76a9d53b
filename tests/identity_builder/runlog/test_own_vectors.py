"""A crop that is kept is looked at with its own vision embedding, and the run log replays what was chosen by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.identity_builder.core.strategies import sample, unit_rows
from vpx_identity_builder.core.frame_views import OwnVectors, not_looked, with_own
from vpx_identity_builder.core.results import RunResult, StopReason
from vpx_identity_builder.core.types import Box, FaceSample, IntBox, Pose, Vector
from vpx_identity_builder.place import SourceInfo
from vpx_identity_builder.replay import replay
from vpx_identity_builder.run import Run
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.settings import resolve
from vpx_identity_builder.translation import Translation, VisionModel

FRAMES = 80
WHO = unit_rows(3, 2, 128)
PLACES = ((80.0, 100.0, 280.0, 340.0), (700.0, 100.0, 880.0, 320.0))
CARRIED = unit_rows(11, 2, 16)
IMAGE = np.zeros((720, 1280, 3), np.uint8)


def own_vector(person: int, index: int) -> Vector:
    """What a face really looks like at a moment: it changes all the time."""
    return unit_rows(1000 * person + index, 1, 16)[0]


def face(person: int, index: int) -> FaceSample:
    """One of two riders, who carry the vision embedding of their first moment all along."""
    e_id = WHO[person] + np.random.default_rng(index).normal(0, 0.01, 128)
    return replace(
        sample(t_ns=index * 100_000_000, bbox=PLACES[person], e_id=(e_id / np.linalg.norm(e_id)).astype(np.float32)),
        pose=Pose(25 * np.sin(index / 9), 12 * np.cos(index / 7), 0.0),
        e_vis_face=CARRIED[person],
        e_vis_body=None,
    )


def ride(out: Path, looks: bool = True, **settings: object) -> tuple[RunResult, set[tuple[int, int]]]:
    """The result of a published ride of two, and (frame, person) of every face that was looked at."""
    given = {"output_dir": out, "video_id": "ride", "stop_when_covered": False, **settings}
    run = Run(resolve(given, {}, out), SourceInfo(video_id="ride", fps=10.0, announced=True))
    asked = set()
    for index in range(FRAMES):
        t_ns = index * 100_000_000
        told = Translation((face(0, index), face(1, index)), None, VisionModel("model"))
        samples = run.learn(IMAGE, t_ns, told)

        def encode(box: IntBox, index: int = index) -> bytes:
            return b"\xff\xd8\xff" + repr((index, box)).encode()

        def look(box: Box, index: int = index) -> OwnVectors:
            asked.add((index, PLACES.index(box)))
            return OwnVectors(own_vector(PLACES.index(box), index), unit_rows(index, 1, 16)[0])

        run.builder.add(t_ns, samples, run.logged(encode), run.logged_look(look if looks else not_looked))
    result = run.finish(StopReason.END_OF_VIDEO)
    run.publish(result)
    return result, asked


def test_what_is_published_was_looked_at(tmp_path: Path) -> None:
    result, asked = ride(tmp_path)
    images = [(person.person_id, image.candidate.sample) for person in result.persons for image in person.images]

    assert len(images) > 10
    assert len(asked) < FRAMES  # of twice as many faces
    for _, shown in images:
        index, person = shown.t_ns // 100_000_000, PLACES.index(shown.bbox)
        assert (index, person) in asked
        assert shown.e_vis_face is not None
        np.testing.assert_array_equal(shown.e_vis_face, own_vector(person, index))
        assert shown.e_vis_body is None  # nothing was carried that it could take the place of


def test_without_a_look_faces_keep_what_they_carry(tmp_path: Path) -> None:
    result, asked = ride(tmp_path, looks=False)

    assert not asked
    for person in result.persons:
        for image in person.images:
            assert any(np.array_equal(image.candidate.sample.e_vis_face, carried) for carried in CARRIED)


def test_the_log_holds_own_vectors_of_what_was_looked_at_alone(tmp_path: Path) -> None:
    _, asked = ride(tmp_path)
    with RunLog(tmp_path / "ride" / "run.sqlite") as log:
        for frame in log.frames():
            for place, logged in enumerate(frame.translation.samples):
                was_asked = (frame.seq - 1, place) in asked
                expected = own_vector(place, frame.seq - 1) if was_asked else CARRIED[place]
                assert logged.e_vis_face is not None
                np.testing.assert_array_equal(logged.e_vis_face, expected)


@pytest.mark.parametrize("settings", [{}, {"anchors_max": 3}, {"max_persons": 1}])
def test_a_replay_chooses_the_same_for_the_same_reasons(tmp_path: Path, settings: dict[str, object]) -> None:
    result, _ = ride(tmp_path, **settings)
    with RunLog(tmp_path / "ride" / "run.sqlite") as log:
        again = replay(log, resolve({"stop_when_covered": False, **settings}, {}, tmp_path)).result

    assert chosen(again) == chosen(result)
    assert pairs(again) == pairs(result)
    assert len(again.persons) == len(result.persons) > 0
    if not settings:
        assert len(pairs(result)) > 1
        assert again.fates == result.fates


def test_a_look_that_fails_is_counted_and_leaves_what_is_carried(tmp_path: Path) -> None:
    run = Run(resolve({"output_dir": tmp_path, "video_id": "ride"}, {}, tmp_path), SourceInfo(fps=10.0, announced=True))

    def broken(_box: Box) -> OwnVectors:
        raise RuntimeError("out of memory")

    for index in range(30):
        samples = run.learn(IMAGE, index * 100_000_000, Translation((face(0, index),), None, VisionModel("model")))
        run.builder.add(index * 100_000_000, samples, lambda _box: b"\xff\xd8\xff", run.logged_look(broken))
    result = run.finish(StopReason.END_OF_VIDEO)
    run.publish(result)

    assert result.faults["vision_not_embedded"] > 0
    assert all(
        np.array_equal(image.candidate.sample.e_vis_face, CARRIED[0])
        for person in result.persons
        for image in person.images
    )
    with RunLog(tmp_path / "ride" / "run.sqlite") as log:
        assert log.ending.faults == {"vision_not_embedded": result.faults["vision_not_embedded"]}


def chosen(result: RunResult) -> list[tuple[int, str, int, float, float]]:
    """Person, set, time, novelty and quality of every image."""
    return [
        (person.person_id, image.set_name, image.candidate.sample.t_ns, image.novelty, image.quality)
        for person in result.persons
        for image in person.images
    ]


def pairs(result: RunResult) -> list[tuple[int, float]]:
    """Time and novelty of every pair image."""
    return [(image.candidate.first.sample.t_ns, image.novelty) for image in result.pair]


def test_vectors_of_another_length_and_none_take_nobodys_place() -> None:
    carries = face(0, 0)
    for other in (unit_rows(1, 1, 32)[0], None):
        kept = with_own(carries, OwnVectors(other, None)).e_vis_face
        assert kept is not None
        np.testing.assert_array_equal(kept, CARRIED[0])
