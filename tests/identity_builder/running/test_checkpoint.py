"""What a killed process leaves behind: a whole set of what was seen so far, and never in place of an earlier result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ecosystem.behaviours import contents, pipeline, published
from tests.ecosystem.upstream import clip
from vpx_identity_builder.core.results import StopReason
from vpx_identity_builder.module import IdentityBuilder
from vpx_identity_builder.place import FINISHED, better_earlier
from vpx_identity_builder.runlog.reader import RunLog


def feed(folder: Path, seconds: float, **settings: object) -> IdentityBuilder:
    """Run scripted modules by hand and stop without a word, as a killed process does."""
    modules = pipeline(folder, None, **settings)
    for module in modules:
        module.initialize()
    for frame in clip(seconds):
        deps = {}
        for module in modules:
            observation = module.process(frame, {name: deps[name] for name in module.depends if name in deps})
            if observation is not None:
                deps[module.name] = observation
    builder = modules[-1]
    assert isinstance(builder, IdentityBuilder)
    return builder


def result_of(folder: Path) -> dict[str, object]:
    (target,) = published(folder)
    document: dict[str, object] = json.loads((target / "result.json").read_text())
    return document


def test_a_run_that_never_ends_leaves_its_last_checkpoint(tmp_path: Path) -> None:
    feed(tmp_path, 3.5, checkpoint_s=1)
    result = result_of(tmp_path)
    assert result["stop_reason"] == "interrupted"
    assert len(list(tmp_path.rglob("anchors/*.jpg"))) >= 1


def test_an_end_that_is_told_replaces_the_checkpoint(tmp_path: Path) -> None:
    builder = feed(tmp_path, 3.5, checkpoint_s=1)
    builder.finish()
    assert result_of(tmp_path)["stop_reason"] == "end_of_video"


def test_checkpoints_change_nothing_of_the_result(tmp_path: Path) -> None:
    images = []
    for name, often in (("often", 1), ("never", 0)):
        builder = feed(tmp_path / name, 3.5, checkpoint_s=often)
        result = builder.finish()
        assert result is not None
        images.append([(i.name, i.candidate.image) for person in result.persons for i in person.images])
    assert images[0] == images[1]
    assert images[0]


def test_an_earlier_result_of_the_same_video_is_not_replaced_by_a_checkpoint(tmp_path: Path) -> None:
    feed(tmp_path, 3.5, checkpoint_s=0).finish()
    before = contents(tmp_path)
    feed(tmp_path, 2.5, checkpoint_s=1)
    assert {name: data for name, data in contents(tmp_path).items() if not name.endswith("/.building")} == before != {}


def test_without_checkpoints_nothing_is_written_before_the_end(tmp_path: Path) -> None:
    feed(tmp_path, 3.5, checkpoint_s=0)
    assert published(tmp_path) == []


def test_a_checkpoint_that_cannot_be_written_costs_a_warning_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    builder = feed(tmp_path / "taken", 2.5, checkpoint_s=1)
    assert "no checkpoint could be written" in caplog.text
    assert builder.result is None


def test_an_interrupted_run_does_not_replace_a_finished_set(tmp_path: Path) -> None:
    feed(tmp_path, 3.5, checkpoint_s=0).finish()
    before = contents(tmp_path)
    builder = feed(tmp_path, 2.5, checkpoint_s=0)
    builder.end_run("interrupted")
    builder.finish()
    assert builder.kept_earlier
    assert contents(tmp_path) == before != {}


def interrupted(folder: Path, seconds: float, **settings: object) -> IdentityBuilder:
    builder = feed(folder, seconds, **settings)
    builder.end_run("interrupted")
    builder.finish()
    return builder


def frames_of(folder: Path) -> int:
    video = result_of(folder)["video"]
    assert isinstance(video, dict)
    return int(video["frames"])


def test_an_interrupted_run_does_not_replace_one_that_saw_more(tmp_path: Path) -> None:
    interrupted(tmp_path, 3.5, checkpoint_s=0)
    before, frames = contents(tmp_path), frames_of(tmp_path)
    (log,) = tmp_path.rglob("run.sqlite")
    builder = interrupted(tmp_path, 0.3, checkpoint_s=0)
    assert builder.kept_earlier == f"the earlier set, which saw {frames} frames, is kept"
    assert builder.output_summary == [builder.kept_earlier]
    assert contents(tmp_path) == before
    with RunLog(log) as kept:
        assert (kept.frame_count(), kept.ending.published) == (frames, True)
    assert list(tmp_path.rglob("run-next.sqlite*")) == []


def test_an_interrupted_run_replaces_one_that_saw_less(tmp_path: Path) -> None:
    interrupted(tmp_path, 2.5, checkpoint_s=0)
    few = frames_of(tmp_path)
    assert not interrupted(tmp_path, 3.5, checkpoint_s=0).kept_earlier
    assert frames_of(tmp_path) > few


def test_an_interrupted_run_that_found_nobody_replaces_no_people(tmp_path: Path) -> None:
    interrupted(tmp_path, 2.5, checkpoint_s=0)
    before = contents(tmp_path)
    builder = interrupted(tmp_path, 3.5, checkpoint_s=0, min_frames=1000)
    assert builder.result is not None
    assert builder.result.persons == ()
    assert builder.kept_earlier
    assert contents(tmp_path) == before


def test_a_run_that_is_interrupted_replaces_its_own_checkpoints(tmp_path: Path) -> None:
    builder = feed(tmp_path, 2.15, checkpoint_s=1)
    few = frames_of(tmp_path)
    assert builder._run is not None
    assert builder._run.checkpointed is not None
    builder.end_run("interrupted")
    builder.finish()
    assert not builder.kept_earlier
    assert frames_of(tmp_path) >= few


def test_a_finished_run_that_found_nobody_does_not_replace_a_finished_set_of_people(tmp_path: Path) -> None:
    feed(tmp_path, 3.5, checkpoint_s=0).finish()
    before = contents(tmp_path)
    builder = feed(tmp_path, 3.5, checkpoint_s=0, min_frames=1000)
    builder.end_run("end_of_video")
    builder.finish()
    assert builder.kept_earlier == "nobody was found, so the finished set of an earlier run is kept"
    assert builder.exit_code == 4
    assert contents(tmp_path) == before != {}
    (log,) = tmp_path.rglob("run*.sqlite")
    with RunLog(log) as kept:
        assert kept.header.settings["min_frames"] != 1000


@pytest.mark.parametrize(
    ("stop_reason", "frames", "persons", "kept"),
    [
        (StopReason.END_OF_VIDEO, 1, 0, True),
        (StopReason.COVERAGE_SATISFIED, 100, 0, True),
        (StopReason.END_OF_VIDEO, 1, 1, False),
        (StopReason.INTERRUPTED, 100, 2, True),
    ],
)
def test_what_replaces_a_finished_set_of_people(
    tmp_path: Path, stop_reason: StopReason, frames: int, persons: int, kept: bool
) -> None:
    document = {"stop_reason": "end_of_video", "video": {"frames": 10}, "persons": [{}]}
    (tmp_path / "result.json").write_text(json.dumps(document))
    assert (better_earlier(tmp_path, stop_reason, frames, persons) is not None) == kept
    document["persons"] = []
    (tmp_path / "result.json").write_text(json.dumps(document))
    assert (better_earlier(tmp_path, stop_reason, frames, persons) is not None) == (stop_reason not in FINISHED)


@pytest.mark.parametrize(
    ("stop_reason", "frames", "persons", "kept"),
    [
        (StopReason.INTERRUPTED, 9, 1, True),
        (StopReason.INTERRUPTED, 10, 1, False),
        (StopReason.FAILED, 9, 1, True),
        (None, 9, 1, True),
        (None, 11, 1, False),
        (None, 11, 0, True),
        (StopReason.END_OF_VIDEO, 1, 0, False),
        (StopReason.COVERAGE_SATISFIED, 1, 1, False),
    ],
)
def test_which_earlier_set_is_better(
    tmp_path: Path, stop_reason: StopReason | None, frames: int, persons: int, kept: bool
) -> None:
    document = {"stop_reason": "interrupted", "video": {"frames": 10}, "persons": [{}]}
    (tmp_path / "result.json").write_text(json.dumps(document))
    assert (better_earlier(tmp_path, stop_reason, frames, persons) is not None) == kept
    (tmp_path / "result.json").write_text("{}")
    assert better_earlier(tmp_path, stop_reason, frames, persons) is None


def test_a_finished_run_replaces_a_finished_set_and_an_interrupted_one(tmp_path: Path) -> None:
    for reason in ("interrupted", "end_of_video", "end_of_video"):
        builder = feed(tmp_path, 3.5, checkpoint_s=0)
        builder.end_run(reason)
        builder.finish()
        assert not builder.kept_earlier
        assert result_of(tmp_path)["stop_reason"] == reason
