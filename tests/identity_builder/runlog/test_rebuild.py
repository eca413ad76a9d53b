"""The same choice, or another, from the log alone."""

from __future__ import annotations

import gc
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.ecosystem.upstream import RIDER, clip
from vpx_identity_builder.cli import app
from vpx_identity_builder.hooks import hookimpl
from vpx_identity_builder.module import IdentityBuilder
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.runlog.rows import LoggedFrame

from .rides import feed, killed, published, ride, started


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("most", [1, 2])
def test_the_same_settings_give_the_same_bytes(tmp_path: Path, most: int) -> None:
    ride(tmp_path, max_persons=most)
    before = published(tmp_path)
    assert len(before) > 20
    shutil.rmtree(tmp_path / "ride" / "identity_builder")
    done = call("rebuild", tmp_path / "ride", "--diff")
    assert done.exit_code == 0, done.output
    assert published(tmp_path) == before


class BrokenAxis:
    """A plugin that fails."""

    @hookimpl
    def identity_builder_bucket_axes(self) -> None:
        raise ValueError("broken")


def test_a_plugin_that_failed_before_the_log_is_still_said_to_have_failed(tmp_path: Path) -> None:
    modules = started(tmp_path, (RIDER,), run_log=True)
    builder = IdentityBuilder({"output_dir": str(tmp_path), "video_id": "ride"}, {"broken": BrokenAxis()})
    builder.begin_run({"source": None, "fps": 10.0})
    feed([*modules[:-1], builder], clip(3.0)).finish()
    before = published(tmp_path)
    assert b"hook:broken:identity_builder_bucket_axes" in before["result.json"]
    assert call("rebuild", tmp_path / "ride").exit_code == 0
    assert published(tmp_path) == before


def test_other_settings_give_what_a_build_with_them_gives(tmp_path: Path) -> None:
    ride(tmp_path / "one")
    ride(tmp_path / "other", anchors_max=3, loose_roll_deg=30, novelty_threshold=0.3)
    done = call(
        "rebuild",
        tmp_path / "one" / "ride",
        *("--set", "identity_builder.anchors_max=3", "--set", "identity_builder.loose_roll_deg=30"),
        *("--set", "identity_builder.novelty_threshold=0.3"),
    )
    assert done.exit_code == 0, done.output
    assert published(tmp_path / "one") == published(tmp_path / "other")
    assert call("rebuild", tmp_path / "one" / "ride").exit_code == 0
    ride(tmp_path / "third")
    assert published(tmp_path / "one") == published(tmp_path / "third")


def test_the_difference_names_what_comes_goes_and_moves(tmp_path: Path) -> None:
    ride(tmp_path)
    before = published(tmp_path)
    words = ("rebuild", tmp_path / "ride", "--diff", "--dry-run")
    count = sum(name.startswith("person_") and name.endswith(".jpg") for name in before)
    assert call(*words).stdout == f"{count} images stay as they are\n"
    sizes = ("--set", "identity_builder.loose_face_px=80", "--set", "identity_builder.strict_face_px=84")
    lines = call(*words, *sizes).stdout.splitlines()
    assert any(line.startswith("- person_0/coverage/cov_") and line.endswith("the face is too small") for line in lines)
    assert any(line.startswith("> person_") and " -> person_" in line for line in lines)
    assert published(tmp_path) == before


def test_the_difference_says_why_an_image_is_no_anchor_any_more_and_which_pictures_are_gone(tmp_path: Path) -> None:
    ride(tmp_path)
    narrow = call("rebuild", tmp_path / "ride", "--dry-run", "--set", "identity_builder.anchor_yaw_deg=1").stdout
    assert re.search(
        r"> person_0/anchors/.*; no longer an anchor \(turned by more than 1 degrees\), a coverage", narrow
    )
    other = call("rebuild", tmp_path / "ride", "--dry-run", "--set", "identity_builder.smoothing_alpha=0.5").stdout
    assert "; now: wanted, but cut otherwise, and that picture was not kept" in other
    shutil.rmtree(tmp_path / "ride" / "identity_builder" / "person_0" / "anchors")
    again = call("rebuild", tmp_path / "ride", "--dry-run").stdout
    assert re.search(r"\+ person_0/anchors/anchor_001  at .*; before: chosen by the build, but not in this set", again)


def test_the_difference_says_of_whole_people_why_they_are_not_published(tmp_path: Path) -> None:
    ride(tmp_path)
    images = [name for name in published(tmp_path) if name.startswith("person_1/") and name.endswith(".jpg")]
    reason = "published (max_persons: 1 with a higher track_score published already)"
    fewer = ("--diff", "--set", "identity_builder.max_persons=1")
    gone = call("rebuild", tmp_path / "ride", *fewer).stdout.splitlines()
    assert sum(line.startswith("- ") for line in gone) == len(images) > 10
    assert all(f"; now: this person is not {reason}" in line for line in gone if line.startswith("- person_1"))
    again = call("rebuild", tmp_path / "ride", "--diff").stdout.splitlines()
    assert sum(line.startswith("+ ") for line in again) == len(images)
    assert all(f"; before: this person was not {reason}" in line for line in again if line.startswith("+ person_1"))


def test_environment_and_files_have_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ride(tmp_path)
    before = published(tmp_path)
    monkeypatch.setenv("VPX_IDENTITY_BUILDER__ANCHORS_MAX", "3")
    assert call("rebuild", tmp_path / "ride").exit_code == 0
    assert published(tmp_path) == before


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("identity_builder.extra_inputs=face.parse", "acts before the run log is written"),
        ("identity_builder.face_detect_pitch=reversed", "acts before the run log is written"),
        ("face.detect.det_size=512", "acts before the run log is written"),
        ("decode.cpu_s=0", "wrong setting: decode.cpu_s must be a whole number in 1..3600, not '0' [--set]"),
        ("decode.memory_mb=1", "decode.memory_mb must be a whole number in 64..1048576, not '1' [--set]"),
        ("identity_builder.sharpness_floor=-1", "must be a number from 0 to 1000000 (sharpness) [--set]"),
        ("identity_builder.window_fps=20", "acts before the run log is written"),
        ("identity_builder.stop_yaw=1", "says when to stop looking at the video; `identity-builder build` it anew"),
        ("identity_builder.output_dir=elsewhere", "a rebuild stays in its folder"),
        ("identity_builder.anchors_max=0", "must be a whole number from 1 to 50"),
        ("identity_builder.anchor_max=3", "did you mean"),
    ],
)
def test_what_a_rebuild_cannot_change_is_said(tmp_path: Path, assignment: str, words: str) -> None:
    ride(tmp_path, 2.0, (RIDER,))
    before = published(tmp_path)
    done = call("rebuild", tmp_path / "ride", "--set", assignment)
    assert (done.exit_code, words in done.stderr) == (2, True), done.output
    assert published(tmp_path) == before


def test_a_rebuild_says_what_a_build_says(tmp_path: Path) -> None:
    ride(tmp_path)
    pairs = sum(name.startswith("pair/") and name.endswith(".jpg") for name in published(tmp_path))
    both = call("rebuild", tmp_path / "ride").stdout
    assert f"\nboth in one picture: {pairs} pair images\n" in both
    done = call("rebuild", tmp_path / "ride", "--set", "identity_builder.max_persons=1")
    lines = done.stdout.splitlines()
    assert (lines[0].rstrip(), lines[-1]) == ("ride", str(tmp_path / "ride" / "identity_builder"))
    assert lines[1].split()[:4] == ["person", "track", "score", "anchors"]
    assert [line.split()[0] for line in lines[2:-1]] == ["0"]
    assert "both in one picture" not in done.stdout
    assert "note: ride: 1 more person was seen: max_persons is 1, the most prominent are published." in done.stderr


@pytest.mark.parametrize("name", ["file", "file/bank"])
def test_a_memory_bank_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    ride(tmp_path, 2.0, (RIDER,))
    before = published(tmp_path)
    (tmp_path / "file").touch()
    done = call("rebuild", tmp_path / "ride", "--set", f"identity_builder.memory_bank={tmp_path / name}")
    said = f"error: cannot write into {tmp_path / name} (memory_bank): {tmp_path / 'file'} is not a folder\n"
    assert (done.exit_code, done.stderr) == (2, said)
    assert published(tmp_path) == before


def test_a_bank_of_another_model_is_said_as_a_build_says_it(tmp_path: Path) -> None:
    ride(tmp_path, 2.0, (RIDER,))
    bank = tmp_path / "bank" / "anna"
    bank.mkdir(parents=True)
    (bank / "memory_bank.json").write_text("{}")
    done = call("rebuild", tmp_path / "ride", "--set", f"identity_builder.memory_bank={tmp_path / 'bank'}")
    assert (done.exit_code, "memory" in done.stderr) == (1, True)
    assert done.stderr.startswith("error: ")


def test_a_run_that_was_killed_is_recovered_first(tmp_path: Path) -> None:
    out = tmp_path / "my rides"
    killed(out)
    done = call("rebuild", out / "ride")
    assert done.exit_code == 3
    assert f"`identity-builder recover '{out / 'ride'}'` first" in done.stderr
    assert not (out / "ride" / "identity_builder").exists()


def test_no_log_is_said(tmp_path: Path) -> None:
    done = call("rebuild", tmp_path)
    assert (done.exit_code, done.stderr) == (3, f"error: run log {tmp_path / 'run.sqlite'}: there is no run log\n")


@pytest.mark.parametrize("command", ["rebuild", "recover"])
def test_what_is_no_folder_is_said(tmp_path: Path, command: str) -> None:
    (tmp_path / "ride.mp4").touch()
    for name, said in (("ride.mp4", "it is a file"), ("nowhere", "it does not exist")):
        done = call(command, tmp_path / name)
        assert (done.exit_code, done.stderr.count("\n")) == (3, 1)
        assert f"cannot read {tmp_path / name}: {said}; give the folder OUTPUT/VIDEO" in done.stderr


def test_a_set_without_a_log_is_to_be_built_anew(tmp_path: Path) -> None:
    ride(tmp_path, 2.0, (RIDER,), run_log=False)
    done = call("rebuild", tmp_path / "ride")
    said = "its run log is switched off, erased or expired; `identity-builder build` it anew"
    assert (done.exit_code, done.stderr) == (3, f"error: cannot read {tmp_path / 'ride'}: {said}\n")


def test_an_output_folder_is_told_from_a_run(tmp_path: Path) -> None:
    ride(tmp_path, 2.0, (RIDER,))
    one = call("rebuild", tmp_path)
    assert gc.isenabled()
    said = f"error: cannot read {tmp_path}: there is no run log in it; it holds"
    assert (one.exit_code, one.stderr) == (3, f"{said} the run ride: give {tmp_path / 'ride'}\n")
    shutil.copytree(tmp_path / "ride", tmp_path / "another")
    some = call("rebuild", tmp_path, "--dry-run")
    runs = f"the runs another, ride: give one, as in {tmp_path / 'another'}"
    assert (some.exit_code, some.stderr) == (3, f"{said} {runs}\n")


@pytest.mark.parametrize("command", ["rebuild", "recover"])
@pytest.mark.parametrize("inner", ["identity_builder", "identity_builder/person_0/anchors", "none"])
def test_a_folder_within_a_run_is_told_from_it(tmp_path: Path, command: str, inner: str) -> None:
    ride(tmp_path, 2.0, (RIDER,))
    done = call(command, tmp_path / "ride" / inner)
    said = f"cannot read {tmp_path / 'ride' / inner}: there is no run log in it; it is part of a run"
    assert (done.exit_code, done.stderr) == (3, f"error: {said}: give {tmp_path / 'ride'}\n")


def test_pictures_that_are_gone_are_reported_and_the_best_kept_stand_in(tmp_path: Path) -> None:
    ride(tmp_path, run_log_crops_mb=0)
    done = call("rebuild", tmp_path / "ride", "--set", "identity_builder.smoothing_alpha=0.5")
    assert done.exit_code == 0, done.output
    note = done.stderr.splitlines()[-1]
    said = r"note: (\d+) of (\d+) pictures wanted now were not kept; the best kept stand in, (\d+) images in all"
    found = re.fullmatch(said + "; where the video lies is not in the run log: name it with --source", note)
    assert found is not None, note
    lost, wanted, images = map(int, found.groups())
    assert 0 < lost <= wanted
    assert images == len(list((tmp_path / "ride" / "identity_builder").rglob("*.jpg"))) < wanted
    result = json.loads((tmp_path / "ride" / "identity_builder" / "result.json").read_text())
    assert len(result["persons"]) == 2
    assert all(person["coverage_count"] for person in result["persons"])


def test_a_log_is_read_once_also_where_pictures_are_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ride(tmp_path, run_log_crops_mb=0)
    frames_of, readings = RunLog.frames, list[Path]()

    def counted(self: RunLog, *args: Any) -> Iterator[LoggedFrame]:
        readings.append(self.path)
        return frames_of(self, *args)

    monkeypatch.setattr(RunLog, "frames", counted)
    done = call("rebuild", tmp_path / "ride", "--set", "identity_builder.smoothing_alpha=0.5")
    assert (done.exit_code, "the best kept stand in" in done.stderr) == (0, True)
    assert readings == [tmp_path / "ride" / "run.sqlite"]


def test_nothing_is_replaced_where_no_picture_is_left(tmp_path: Path) -> None:
    ride(tmp_path)
    before = published(tmp_path)
    done = call("rebuild", tmp_path / "ride", "--set", "identity_builder.crop_scale=1.8")
    assert (done.exit_code, "give the video with --source" in done.stderr) == (3, True)
    assert published(tmp_path) == before


def test_who_was_not_published_cannot_come_back(tmp_path: Path) -> None:
    ride(tmp_path, max_persons=1)
    done = call("rebuild", tmp_path / "ride", "--set", "identity_builder.max_persons=2")
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "ride" / "identity_builder" / "result.json").read_text())
    assert len(result["persons"]) == 1
    assert [person["reason"].split(":")[0] for person in result["unpublished"]] == ["left_the_log"]


def test_a_log_is_for_its_owner_only_and_one_file(tmp_path: Path) -> None:
    ride(tmp_path)
    assert sorted(path.name for path in (tmp_path / "ride").iterdir()) == ["identity_builder", "run.sqlite"]
    assert (tmp_path / "ride" / "run.sqlite").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ride").stat().st_mode & 0o777 == 0o700
    with RunLog(tmp_path / "ride" / "run.sqlite") as log:
        assert log.ending.published
        assert log.frame_count() == 60


def test_a_source_that_is_given_must_be_the_video_also_where_none_of_it_is_wanted(tmp_path: Path) -> None:
    ride(tmp_path)
    before = published(tmp_path)
    other = tmp_path / "other.mp4"
    missing = call("rebuild", tmp_path / "ride", "--source", other)
    assert (missing.exit_code, missing.stderr.count("\n")) == (3, 1)
    assert f"cannot read {other}: " in missing.stderr
    other.write_bytes(b"another video")
    done = call("rebuild", tmp_path / "ride", "--source", other)
    assert (done.exit_code, done.stdout) == (3, "")
    assert "its content hash differs" in done.stderr
    assert published(tmp_path) == before


def test_of_two_settings_that_do_not_fit_the_one_that_was_changed_is_wrong(tmp_path: Path) -> None:
    ride(tmp_path)
    done = CliRunner().invoke(app, ["rebuild", str(tmp_path / "ride"), "--set", "identity_builder.anchors_max=2"])
    assert done.exit_code == 2
    assert "anchors_max = 2: must be at least anchors_min (3); lower anchors_min too" in done.stderr


@pytest.mark.parametrize("damaged", ["{", "", "[]", "{}"])
def test_a_set_whose_summary_is_damaged_is_made_again_by_rebuild_and_build(tmp_path: Path, damaged: str) -> None:
    ride(tmp_path)
    before, summary = published(tmp_path), tmp_path / "ride" / "identity_builder" / "result.json"
    for again in (lambda: call("rebuild", tmp_path / "ride"), lambda: ride(tmp_path)):
        summary.write_text(damaged)
        asked = call("query", tmp_path / "ride", "--person", 0)
        assert (asked.exit_code, str(summary) in asked.stderr) == (3, True), asked.output
        assert "`identity-builder rebuild`" in asked.stderr
        again()
        assert published(tmp_path) == before
        assert [path.name for path in tmp_path.iterdir()] == ["ride"]
