"""What a host may do to the builder, and what a video may bring: the run goes on and says what was wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from visualbase import Frame
from vpx.runner import LiteRunner

from vpx_identity_builder import IdentityBuilder
from vpx_identity_builder.core.results import RunResult

from .behaviours import DIRECT, chosen, contents, pipeline, published
from .upstream import FakeDetect, FakeExpression, FakeVision, Script, clip

SETTINGS = {"stop_when_covered": False}


def feed(builder: IdentityBuilder, frames: list[Frame], script: Script | None = None) -> list[Any]:
    """The frames with scripted dependencies, straight into the builder."""
    upstream = [FakeDetect(script), FakeExpression(script), FakeVision(script)]
    answers = []
    for frame in frames:
        deps = {module.name: obs for module in upstream if (obs := module.process(frame)) is not None}
        answers.append(builder.process(frame, deps))
    return answers


def builder_in(folder: Path, **settings: object) -> IdentityBuilder:
    return IdentityBuilder({**SETTINGS, "output_dir": folder, **settings})


def document(folder: Path) -> dict[str, Any]:
    (path,) = folder.glob("*/identity_builder/result.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def finished(builder: IdentityBuilder) -> RunResult:
    result = builder.finish()
    assert result is not None
    return result


def test_finish_is_idempotent_and_survives_every_ending(tmp_path: Path) -> None:
    builder = builder_in(tmp_path)
    feed(builder, clip())
    first = finished(builder)
    stamp = (tmp_path / published(tmp_path)[0] / "result.json").stat().st_mtime_ns
    for ending in (builder.finish, builder.reset, builder.release, builder.cleanup, builder.cleanup):
        ending()
    assert builder.result is first
    assert (published(tmp_path)[0] / "result.json").stat().st_mtime_ns == stamp


def test_nothing_is_written_where_no_frame_came(tmp_path: Path) -> None:
    builder = builder_in(tmp_path)
    for call in (
        builder.reset,
        builder.initialize,
        builder.initialize,
        builder.reset,
        builder.release,
        builder.cleanup,
    ):
        call()
    assert builder.finish() is None
    assert list(tmp_path.iterdir()) == []


def test_initialize_twice_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    builder = builder_in(tmp_path)
    frames = clip()
    feed(builder, frames[:10])
    builder.initialize()
    builder.warmup(None)
    feed(builder, frames[10:])
    assert finished(builder).frames == len(frames)


def test_many_videos_through_one_instance_equal_fresh_runs(tmp_path: Path) -> None:
    videos = [clip(2.5, start=start) for start in (0, 300, 700)]
    warm = builder_in(tmp_path / "warm")
    for video in videos:
        warm.reset()
        feed(warm, video)
    warm.release()
    for video in videos:
        fresh = builder_in(tmp_path / "fresh")
        feed(fresh, video)
        fresh.cleanup()
    assert contents(tmp_path / "warm") == contents(tmp_path / "fresh")
    assert len(published(tmp_path / "warm")) == len(videos)


def test_the_next_video_may_begin_without_any_call_after_finish(tmp_path: Path) -> None:
    builder = builder_in(tmp_path)
    feed(builder, clip(2.0))
    finished(builder)
    feed(builder, clip(2.0, start=400))
    assert builder.result is None
    assert finished(builder).first_t_ns == 40_000_000_000


def test_the_pitch_of_a_reversed_source_is_set_right(tmp_path: Path) -> None:
    frames = clip(12.0)
    right, wrong = builder_in(tmp_path / "right"), builder_in(tmp_path / "wrong")
    feed(right, frames)
    feed(wrong, frames, Script(pitch_sign=-1.0))
    assert finished(wrong).faults == {"pitch_reversed:face.detect": 1}
    assert finished(right).faults == {}
    assert chosen(wrong) == chosen(right)
    assert right.result is not None
    assert wrong.result is not None
    assert wrong.result.persons[0].coverage == right.result.persons[0].coverage


def test_a_sign_given_by_the_settings_is_final(tmp_path: Path) -> None:
    builder = builder_in(tmp_path, face_detect_pitch="as_given")
    feed(builder, clip(12.0), Script(pitch_sign=-1.0))
    assert finished(builder).faults == {}


AT = round(1e9)
BESIDE = (0.1, 0.1, 0.0, 0.2)


class Explosive:
    @property
    def faces(self) -> list[Any]:
        raise RuntimeError("broken upstream")


def without_box(data: Any) -> Any:
    return replace(data, faces=[replace(data.faces[0], bbox=BESIDE)], detected_faces=[])


def not_a_number(data: Any) -> Any:
    nan = float("nan")
    return replace(data, faces=[replace(data.faces[0], bbox=(nan,) * 4)], detected_faces=[])


def bad_embedding(data: Any) -> Any:
    vector = np.full(512, np.nan, np.float32)
    return replace(data, faces=[replace(data.faces[0], embedding=vector)], detected_faces=[])


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda _: Explosive(), "unreadable:face.detect"),
        (not_a_number, "malformed_face"),
        (without_box, "malformed_face"),
        (bad_embedding, "bad_face_id_embedding"),
    ],
    ids=["property raises", "NaN box", "box of no size", "NaN embedding"],
)
def test_one_bad_frame_is_counted_and_reported(tmp_path: Path, spoil: Callable[[Any], Any], fault: str) -> None:
    builder = builder_in(tmp_path)
    answers = feed(builder, clip(), Script(spoilt={AT: spoil}))
    assert len(answers) == len(clip())
    assert answers[-1].metadata["_metrics"]["faults"] == 1
    assert len(finished(builder).persons) == 1
    assert document(tmp_path)["faults"] == {fault: 1}


def test_a_frame_that_is_no_picture_is_counted_and_reported(tmp_path: Path) -> None:
    frames = clip()
    frames[10] = replace(frames[10], data=np.zeros((240, 320), np.uint8))
    builder = builder_in(tmp_path)
    feed(builder, frames)
    finished(builder)
    assert document(tmp_path)["faults"] == {"malformed_frame": 1}


def test_a_frame_size_that_changes_is_no_fault(tmp_path: Path) -> None:
    frames = clip()
    for index in range(15, len(frames)):
        half = np.ascontiguousarray(frames[index].data[::2, ::2])
        frames[index] = Frame.from_array(half, frames[index].frame_id, frames[index].t_src_ns)
    builder = builder_in(tmp_path)
    feed(builder, frames)
    assert finished(builder).frames == len(frames)
    assert len(finished(builder).persons) == 1


def times(frames: list[Frame], change: Callable[[int, int], int]) -> list[Frame]:
    return [replace(frame, t_src_ns=change(index, frame.t_src_ns)) for index, frame in enumerate(frames)]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda i, t: t - 2 * 10**9 if i >= 25 else t, True),
        (lambda i, t: t - 10**8 if i == 12 else t, True),
        (lambda i, t: t + 10**10 if i >= 15 else t, False),
    ],
    ids=["backwards", "repeating", "a gap of 10 s"],
)
def test_odd_timestamps_do_not_end_the_run(tmp_path: Path, change: Callable[[int, int], int], fault: bool) -> None:
    frames = clip(4.0)
    script = Script()
    builder = builder_in(tmp_path)
    upstream = [FakeDetect(script), FakeExpression(script), FakeVision(script)]
    for frame, sent in zip(frames, times(frames, change), strict=True):
        deps = {module.name: obs for module in upstream if (obs := module.process(frame)) is not None}
        builder.process(sent, deps)
    result = finished(builder)
    assert (result.frames, len(result.persons)) == (len(frames), 1)
    assert ("timestamp_not_increasing" in document(tmp_path)["faults"]) is fault


def test_a_changed_vision_model_is_never_compared_silently(tmp_path: Path) -> None:
    builder = builder_in(tmp_path)
    for index, frame in enumerate(clip()):
        detect, vision = FakeDetect(), FakeVision()
        obs = vision.process(frame)
        assert obs is not None
        obs.data = replace(obs.data, face_model="scripted-48" if index < 20 else "another-48")
        found = detect.process(frame)
        assert found is not None
        builder.process(frame, {"face.detect": found, "vision.embed": obs})
    result = finished(builder)
    assert result.faults["vision_model_changed"] == 10
    late = [i.candidate.sample for p in result.persons for i in p.images if i.candidate.sample.t_ns >= 2 * 10**9]
    assert all(sample.e_vis_face is None for sample in late)


def test_a_short_ride_asks_for_no_stop(tmp_path: Path) -> None:
    done = DIRECT.run(lambda: pipeline(tmp_path), [clip(1.0)])
    assert done.signals("identity_builder")[-1]["should_stop"] is False
    assert done.module("identity_builder").result.persons[0].frames_seen == 10


def test_photos_that_cannot_be_read_are_counted_and_the_others_used(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for index, frame in enumerate(clip(1.0)):
        cv2.imwrite(str(photos / f"{index}.png"), frame.data)
    (photos / "4.png").write_bytes(b"not an image")
    modules = pipeline(tmp_path / "out")
    assert LiteRunner(modules).run(photos).frame_count == 9
    written = document(tmp_path / "out")
    assert (written["faults"], written["stop_reason"]) == ({"source_unreadable_part": 1}, "end_of_video")
    assert len(written["persons"]) == 1
