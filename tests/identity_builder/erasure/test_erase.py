"""Erasure: what goes is gone from every file, what stays is whole, and what cannot be removed is named."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.identity_builder.erasure.kept import Vector, call, embeddings, files, held
from tests.identity_builder.runlog.rides import killed, ride
from vpx_identity_builder.published import read_person, read_result
from vpx_identity_builder.runlog.reader import RunLog


def beside_the_log(out: Path) -> dict[str, bytes]:
    return {name: data for name, data in files(out).items() if "sqlite" not in name}


def aged(out: Path, days: float, name: str = "ride") -> None:
    """Let a published run have taken place so long ago."""
    path = out / name / "identity_builder" / "result.json"
    document = json.loads(path.read_text())
    moment = datetime.now(UTC) - timedelta(days=days)
    document["_version"]["created_at"] = moment.isoformat(timespec="seconds")
    path.write_text(json.dumps(document))


def test_a_video_goes_with_everything_and_leaves_a_note(out: Path) -> None:
    vectors = embeddings(out)
    assert held(out, vectors) == len(vectors) > 100
    done = call("erase", out, "--video", "ride")
    assert done.exit_code == 0, done.output
    assert "nothing remains" in done.stdout
    assert list(files(out)) == ["ride/erased.json"]
    assert held(out, vectors) == 0
    note = json.loads((out / "ride" / "erased.json").read_text())
    (erasure,) = note["erasures"]
    assert (note["video_id"], erasure["what"], erasure["person_id"], erasure["remaining"]) == ("ride", "video", None, 0)
    assert erasure["embeddings_sought"] == len(vectors)
    assert erasure["images"] > 20
    assert stat.S_IMODE((out / "ride" / "erased.json").stat().st_mode) == 0o600


def test_a_dry_run_names_everything_and_removes_nothing(out: Path) -> None:
    before, vectors = files(out), embeddings(out)
    done = call("erase", out, "--video", "ride", "--dry-run", "--verbose")
    assert done.exit_code == 0
    assert all(str(out / name) in done.stdout for name in before)
    short = call("erase", out, "--video", "ride", "--dry-run")
    assert short.exit_code == 0
    folders = {str((out / name).parent) for name in before}
    assert sorted(line.split(": ")[0].strip() for line in short.stdout.splitlines()[1:]) == sorted(folders)
    assert sum(int(line.split()[-2]) for line in short.stdout.splitlines()[1:]) == len(before)
    assert beside_the_log(out) == {name: data for name, data in before.items() if "sqlite" not in name}
    assert held(out, vectors) == len(vectors)


def test_one_person_goes_and_the_other_stays_whole(out: Path) -> None:
    gone, stays = embeddings(out, 1), embeddings(out, 0)
    before = files(out)
    assert held(out, gone) == len(gone) > 50
    done = call("erase", out, "--video", "ride", "--person", 1)
    assert done.exit_code == 0, done.output
    after = files(out)
    folder = out / "ride" / "identity_builder"
    assert held(out, gone) == 0
    assert held(out, stays) == len(stays)
    result = read_result(folder)
    assert [person.person_id for person in result.persons] == [0]
    assert result.pair_count == 0
    assert not any("/pair/" in name or "/person_1/" in name for name in after)
    mine = {name: data for name, data in before.items() if "/person_0/" in name}
    assert {name: data for name, data in after.items() if "/person_0/" in name} == mine
    person = read_person(folder, 0)
    assert len(person.images) == person.meta.total_saved
    assert "person_1" not in after["ride/identity_builder/report.html"].decode()
    assert {name for name in after if "run.sqlite" in name} == {"ride/run.sqlite"}


def test_after_a_person_was_erased_a_rebuild_gives_the_other_one_only(out: Path) -> None:
    before = {name: data for name, data in files(out).items() if "/person_1/" in name and name.endswith(".jpg")}
    assert call("erase", out, "--video", "ride", "--person", 0).exit_code == 0
    done = call("rebuild", out / "ride")
    assert done.exit_code == 0, done.output
    result = read_result(out / "ride" / "identity_builder")
    assert len(result.persons) == 1
    assert {data for name, data in files(out).items() if name.endswith(".jpg")} <= set(before.values())


def test_both_one_after_the_other(out: Path) -> None:
    vectors = embeddings(out)
    for person_id in (0, 1):
        assert call("erase", out, "--video", "ride", "--person", person_id).exit_code == 0
    assert held(out, vectors) == 0
    assert read_result(out / "ride" / "identity_builder").persons == []
    assert not any(name.endswith(".jpg") for name in files(out))
    note = json.loads((out / "ride" / "erased.json").read_text())
    assert [erasure["person_id"] for erasure in note["erasures"]] == [0, 1]


def test_free_pages_of_the_log_hold_nothing(out: Path) -> None:
    call("erase", out, "--video", "ride", "--person", 1)
    connection = sqlite3.connect(out / "ride" / "run.sqlite")
    assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


HIDINGS: dict[str, Callable[[Vector], bytes]] = {
    "float32": lambda v: b"head" + v.astype("<f4").tobytes(),
    "float16": lambda v: b"x" + v.astype("<f2").tobytes(),
    "float64": lambda v: v.astype("<f8").tobytes(),
    "base64": lambda v: b'{"v": "' + base64.b64encode(v.astype("<f4").tobytes()) + b'"}',
    "base64_after_a_header": lambda v: base64.b64encode(b"npy!" + v.astype("<f2").tobytes()),
    "json": lambda v: json.dumps({"vec_id": [float(value) for value in v]}).encode(),
    "rounded_json": lambda v: json.dumps([[round(float(value), 4) for value in v]], indent=1).encode(),
    "scaled_text": lambda v: " ".join(f"{value * 0.3:.5f}" for value in v).encode(),
}


@pytest.mark.parametrize("form", HIDINGS)
def test_what_hides_elsewhere_is_named_and_the_exit_code_is_1(out: Path, form: str) -> None:
    stray = out / "notes" / "stray.dat"
    stray.parent.mkdir()
    dense = next(vector for vector in embeddings(out, 1) if np.count_nonzero(vector) > 100)
    stray.write_bytes(HIDINGS[form](dense))
    done = call("erase", out, "--video", "ride", "--person", 1)
    assert done.exit_code == 1
    assert f"{stray}: " in done.stderr
    assert "of an embedding" in done.stderr
    assert json.loads((out / "ride" / "erased.json").read_text())["erasures"][0]["remaining"] == 1


def test_copies_of_the_images_go_with_what_lies_beside_them(out: Path) -> None:
    images = sorted((out / "ride" / "identity_builder").glob("person_*/anchors/*.jpg"))
    export = out / "training"
    export.mkdir()
    for index, image in enumerate(images):
        shutil.copy(image, export / f"{index}.jpg")
        (export / f"{index}.txt").write_text("a caption")
    (export / "readme.txt").write_text("stays")
    assert call("erase", out, "--video", "ride").exit_code == 0
    assert [path.name for path in export.iterdir()] == ["readme.txt"]


def test_the_set_of_another_video_is_not_touched_but_named_where_it_shows_the_same(out: Path) -> None:
    shutil.copytree(out / "ride", out / "again")
    before = files(out / "again")
    done = call("erase", out, "--video", "ride")
    assert done.exit_code == 1
    assert files(out / "again") == before
    assert str(out / "again" / "run.sqlite") in done.stderr


def test_what_others_put_into_the_folder_of_a_video_stays_but_for_copies_of_its_images(out: Path) -> None:
    ride = out / "ride"
    copied = next((ride / "identity_builder").rglob("anchor_001.jpg"))
    (ride / "raw").mkdir()
    for path in (ride / "original.mp4", ride / "raw" / "cam2.mp4", ride / "notes.txt"):
        path.write_bytes(b"mine")
    shutil.copy(copied, ride / "raw" / "best.jpg")
    (ride / "raw" / "best.txt").write_text("a caption")
    for words in (["--dry-run"], []):
        done = call("erase", out, "--video", "ride", *words)
        assert done.exit_code == 0, done.output
        assert f"kept in {ride}: notes.txt, original.mp4, raw\n" in done.stdout
    assert sorted(files(out)) == ["ride/erased.json", "ride/notes.txt", "ride/original.mp4", "ride/raw/cam2.mp4"]


def test_leftovers_of_killed_runs_go_too(out: Path) -> None:
    killed(out.parent / "other", 4.0)
    for name in (".identity_builder.new", ".identity_builder.old"):
        shutil.copytree(out / "ride" / "identity_builder", out / "ride" / name)
    for path in (out.parent / "other" / "ride").glob("run*.sqlite*"):
        shutil.copy(path, out / "ride" / path.name.replace("run.sqlite", "run-next.sqlite"))
    assert call("erase", out, "--video", "ride").exit_code == 0
    assert list(files(out)) == ["ride/erased.json"]


def test_a_log_that_is_being_written_is_left_alone(out: Path) -> None:
    before = beside_the_log(out)
    with RunLog(out / "ride" / "run.sqlite"):
        done = call("erase", out, "--video", "ride")
    assert done.exit_code != 0
    assert "a build is writing it" in done.stderr
    assert beside_the_log(out) == before


def test_a_damaged_log_goes_as_a_whole(out: Path) -> None:
    (out / "ride" / "run.sqlite").write_bytes(b"SQLite format 3\0" + bytes(4000))
    assert call("erase", out, "--video", "ride", "--person", 1).exit_code == 0
    assert not (out / "ride" / "run.sqlite").exists()
    assert [person.person_id for person in read_result(out / "ride" / "identity_builder").persons] == [0]


def test_by_age(out: Path) -> None:
    aged(out, 40)
    assert call("erase", out, "--older-than", "41d").stdout == "nothing to erase\n"
    assert call("erase", out, "--older-than", "6w").stdout == "nothing to erase\n"
    assert call("erase", out, "--older-than", "30d").exit_code == 0
    assert list(files(out)) == ["ride/erased.json"]
    assert "older than 30 days" in (out / "ride" / "erased.json").read_text()


def test_an_age_of_nothing_is_everything(out: Path) -> None:
    assert "nothing remains" in call("erase", out, "--older-than", "0d").stdout
    assert list(files(out)) == ["ride/erased.json"]


def test_expired_logs_go_after_30_days_and_sets_stay(out: Path) -> None:
    aged(out, 29)
    assert call("erase", out, "--expired").stdout == "nothing to erase\n"
    aged(out, 31)
    vectors = embeddings(out)
    assert call("erase", out, "--expired").exit_code == 0
    assert held(out, vectors) == 0
    assert not (out / "ride" / "run.sqlite").exists()
    assert len(read_result(out / "ride" / "identity_builder").persons) == 2
    assert call("erase", out, "--expired").stdout == "nothing to erase\n"


def test_a_run_says_itself_how_long_it_is_kept(tmp_path: Path) -> None:
    ride(tmp_path, 4.0, keep_days=2, keep_log_days=1)
    aged(tmp_path, 1.5)
    assert call("erase", tmp_path, "--expired").exit_code == 0
    assert not (tmp_path / "ride" / "run.sqlite").exists()
    assert (tmp_path / "ride" / "identity_builder").is_dir()
    aged(tmp_path, 2.5)
    assert call("erase", tmp_path, "--expired").exit_code == 0
    assert list(files(tmp_path)) == ["ride/erased.json"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--video", "none"), 3, "nothing is kept of this video\n"),
        (("--video", "rdie"), 3, "nothing is kept of this video; did you mean ride?\n"),
        (("--video", "../out"), 2, "cannot name a folder"),
        (("--video", "ride", "--person", "7"), 2, "there is no person 7"),
        (("--person", "1"), 2, "--person needs --video"),
        (("--older-than", "soon"), 2, "30d"),
        (("--older-than", "99999999999999d"), 2, "30d"),
        (("--video", "ride", "--expired"), 2, "give one of"),
        ((), 2, "give one of"),
    ],
)
def test_wrong_usage_is_named_and_removes_nothing(out: Path, words: tuple[str, ...], code: int, said: str) -> None:
    before = beside_the_log(out)
    done = call("erase", out, *words)
    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr
    assert beside_the_log(out) == before


def test_links_are_not_followed(out: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    (out / "ride" / "away").symlink_to(precious)
    (out / "link").symlink_to(out / "ride")
    refused = call("erase", out, "--video", "link")
    assert (refused.exit_code, "it is a link" in refused.stderr) == (2, True)
    assert call("erase", out, "--video", "ride").exit_code == 0
    assert (precious / "photo.jpg").exists()
    assert list(files(out)) == ["ride/erased.json"]


@pytest.mark.parametrize("person", [None, 1])
def test_what_memory_learnt_is_forgotten(tmp_path: Path, person: int | None) -> None:
    ride(tmp_path, memory_bank=tmp_path / "people")
    banks = sorted((tmp_path / "people").glob("*/memory_bank.json"))
    assert len(banks) == 2
    before = {path: path.read_bytes() for path in banks}
    words = [] if person is None else ["--person", person]
    done = call("erase", tmp_path, "--video", "ride", *words)
    assert done.exit_code == 0, done.output
    left = sorted((tmp_path / "people").glob("*/memory_bank.json"))
    assert len(left) == (0 if person is None else 1)
    assert all(path.read_bytes() == before[path] for path in left)
    erasure = json.loads((tmp_path / "ride" / "erased.json").read_text())["erasures"][0]
    assert erasure["bank_shares"] > 0


def test_a_bank_elsewhere_is_named_by_option(tmp_path: Path) -> None:
    ride(tmp_path / "out", memory_bank=tmp_path / "people")
    assert call("erase", tmp_path / "out", "--video", "ride", "--bank", tmp_path / "people").exit_code == 0
    assert list((tmp_path / "people").glob("*/memory_bank.json")) == []
