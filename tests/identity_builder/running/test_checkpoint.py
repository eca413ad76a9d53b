"""What a killed process leaves behind: a whole set of what was seen so far, and never in place of an earlier result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ecosystem.behaviours import contents, pipeline, published
from tests.ecosystem.upstream import clip
from vpx_identity_builder.module import IdentityBuilder


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


def test_a_finished_run_replaces_a_finished_set_and_an_interrupted_one(tmp_path: Path) -> None:
    for reason in ("interrupted", "end_of_video", "end_of_video"):
        builder = feed(tmp_path, 3.5, checkpoint_s=0)
        builder.end_run(reason)
        builder.finish()
        assert not builder.kept_earlier
        assert result_of(tmp_path)["stop_reason"] == reason
