"""The command line `identity-builder`: exit codes, one-line errors, and what is printed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result
from visualbase import DecodeLimits, SourceNotFound
from vpx.runner import StartError
from vpx.sdk import discover_modules

from vpx_identity_builder.cli import app
from vpx_identity_builder.commands.assignments import effective, parse
from vpx_identity_builder.commands.build import PHOTO_SETTINGS, build_one, request
from vpx_identity_builder.commands.edge import combined, exit_code, explain
from vpx_identity_builder.core.config import GateConfig
from vpx_identity_builder.errors import ExportError, FolderNameError, SettingsError
from vpx_identity_builder.schema import json_schema
from vpx_identity_builder.settings import resolve, specs

SHARED = Path(os.environ.get("IDENTITY_TEST_DATA", Path(__file__).parents[3].parent / "shared" / "data"))


def call(*words: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env=env or {})


def bad_inputs(folder: Path) -> dict[str, Path]:
    text, empty, bare = folder / "text.mp4", folder / "empty.mp4", folder / "bare"
    text.write_text("hello")
    empty.touch()
    bare.mkdir()
    return {"missing": folder / "missing.mp4", "text": text, "empty": empty, "folder": bare}


@pytest.mark.parametrize("kind", ["missing", "text", "empty", "folder"])
def test_unreadable_input_is_one_line_and_code_3(tmp_path: Path, kind: str) -> None:
    source = bad_inputs(tmp_path)[kind]
    result = call("build", source, "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith(f"error: {source}: ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_several_unreadable_inputs_are_each_reported(tmp_path: Path) -> None:
    sources = list(bad_inputs(tmp_path).values())
    result = call("build", *sources, "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert [line.split(": ")[1] for line in result.stderr.splitlines()] == [str(source) for source in sources]


def test_wrong_settings_are_all_named_before_anything_starts(tmp_path: Path) -> None:
    own = call(
        "build", "x.mp4", "--set", "identity_builder.stop_yaw=8", env={"VPX_IDENTITY_BUILDER__JPEG_QUALITY": "10"}
    )
    assert own.exit_code == 2
    assert own.stderr.splitlines()[0] == "error: 2 wrong settings:"
    assert "stop_yaw = '8': must be a whole number from 1 to 7" in own.stderr
    assert "[environment VPX_IDENTITY_BUILDER__JPEG_QUALITY]" in own.stderr


@pytest.mark.parametrize(
    ("assignment", "words"),
    [("det_size", "module.key=value"), ("face.detect.nonsense=1", "nonsense"), ("no.module=1", "no module")],
)
def test_a_setting_that_reaches_nothing_is_code_2(tmp_path: Path, assignment: str, words: str) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    result = call("build", tmp_path / "a.mp4", "--set", assignment)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_setting_without_its_module_is_understood(tmp_path: Path) -> None:
    done = call("build", tmp_path / "a.mp4", "--set", "anchors_max=3", "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "must be written module.key=value; did you mean identity_builder.anchors_max? [--set]" in done.stderr


@pytest.mark.parametrize("words", [["config"], ["build", "none.mp4"]])
def test_variables_that_nobody_reads_are_named(words: list[str]) -> None:
    env = {"VPX_IDENTITY_BUILDER_STOP_YAW": "5", "VPX_FACE_DETECT_DET_SIZE": "320"}
    lines = call(*words, env=env).stderr.splitlines()
    assert lines[0].endswith(
        "VPX_FACE_DETECT_DET_SIZE is not read: the one of the setting is VPX_FACE_DETECT__DET_SIZE"
    )
    assert lines[1].endswith("is VPX_IDENTITY_BUILDER__STOP_YAW")
    assert all(line.startswith("note: ") for line in lines[:2])


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("plugins_off=nobody", "plugins_off names 'nobody', which is no installed plugin"),
        ("extra_inputs=face.pars", "extra_inputs names 'face.pars', which is no module of this run"),
        (
            "highlight_inputs=face.detct",
            "highlight_inputs names 'face.detct', which is no module of this run; did you mean face.detect?",
        ),
        ("memory_person=anna", "memory_person names people of a memory, and there is none without memory_bank"),
    ],
)
def test_a_setting_that_changes_nothing_is_named(tmp_path: Path, assignment: str, said: str) -> None:
    words = ("--set", f"identity_builder.{assignment}")
    assert call("config", *words).stderr == f"note: {said}\n"
    assert call("build", tmp_path / "none.mp4", *words).stderr.startswith(f"note: {said}\n")
    for right in ("plugins_off=", "extra_inputs=face.detect", "memory_bank=bank"):
        assert call("config", "--set", f"identity_builder.{right}").stderr == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["http://host/a.mp4"], 3, "cannot read http://host/a.mp4: it is an address: only local files are read"),
        ([""], 3, "cannot read '': it is empty: name a video, an image or a folder of photos"),
        (["a.mp4", "-o", ""], 2, "wrong setting: output_dir = '': must be a path [argument]"),
        (
            ["a.mp4", "--set", "identity_bilder.anchors_max=2"],
            2,
            "wrong setting: identity_bilder.anchors_max = '2': there is no module 'identity_bilder' in this run; "
            "did you mean identity_builder? [--set]",
        ),
    ],
)
def test_what_names_nothing_is_refused_as_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("build", *words)
    assert (done.exit_code, done.stderr) == (code, f"error: {said}\n")
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage_is_code_2() -> None:
    assert call("build").exit_code == 2
    assert call("build", "x.mp4", "--fps", "0").exit_code == 2
    assert call("nonsense").exit_code == 2


def test_the_list_of_commands_is_whole_sentences() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).stdout
    commands = shown.partition("Commands:\n")[2].splitlines()
    assert len(commands) == len(app.registered_commands)
    assert all(line.endswith(".") and not line.endswith("...") for line in commands)


def test_config_tells_whether_all_is_valid_and_shows_origins() -> None:
    brief = call("config", env={"VPX_IDENTITY_BUILDER__STOP_YAW": "5"})
    assert (brief.exit_code, brief.stdout) == (
        0,
        f"{len(specs())} settings, 1 of them set, all valid; --show lists them\n",
    )
    shown = call("config", "--show", env={"VPX_IDENTITY_BUILDER__STOP_YAW": "5", "COLUMNS": "80"}).stdout.splitlines()
    assert "identity_builder.stop_yaw = 5   [environment VPX_IDENTITY_BUILDER__STOP_YAW]" in shown
    assert sum(line.startswith("identity_builder.") for line in shown) == len(specs())
    assert call("config", "--set", "identity_builder.stop_yaw=0").exit_code == 2


@pytest.mark.parametrize("columns", [80, 100])
def test_config_shows_every_setting_of_the_run_with_what_it_may_be_and_stays_readable(columns: int) -> None:
    env = {"COLUMNS": str(columns), "VPX_FACE_DETECT__THREADS": "1"}
    shown = call("config", "--show", "--set", "body.pose.threads=1", env=env).stdout
    lines = shown.splitlines()
    assert max(map(len, lines)) <= columns
    settings = {line.split(" = ")[0]: number for number, line in enumerate(lines) if not line.startswith(" ")}
    assert [key for key in settings if key.startswith("identity_builder.")] == [
        f"identity_builder.{k}" for k in specs()
    ]
    assert "face.detect.threads = 1   [environment VPX_FACE_DETECT__THREADS]" in lines
    assert "body.pose.threads = 1   [--set]" in lines
    flat = " ".join(shown.split())
    for key, value, about in (
        ("identity_builder.stop_yaw", "6", "(1..7 of 7 bins)"),
        ("identity_builder.tau_id", "-", "(-1..1 cosine; or nothing)"),
        ("identity_builder.image_format", "jpeg", "(jpeg, png)"),
        ("identity_builder.stop_when_covered", "true", "(true, false)"),
        ("face.detect.det_size", "480", "(64..4096)"),
        ("face.expression.max_yaw_deg", "50.0", "(0..90)"),
        ("vision.embed.max_faces", "8", "(1..64)"),
        ("vision.embed.device", "auto", "(auto, cpu, cuda)"),
        ("decode.stall_s", "60.0", "(0.1..3600)"),
        ("decode.memory_mb", str(DecodeLimits().memory_mb), "(64..1048576)"),
        ("identity_builder.sharpness_floor", str(GateConfig().sharpness_floor), "(0..1000000 sharpness)"),
    ):
        start = flat.index(f"{key} = {value} ")
        assert about in flat[start : start + 300]


def test_config_names_the_line_of_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[identity_builder\n")
    result = call("config", env={"IDENTITY_BUILDER_CONFIG": str(tmp_path / "mine.toml")})
    assert result.exit_code == 2
    assert "mine.toml" in result.stderr
    assert "line 1" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`identity_builder.toml` in the working folder, to be written."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "identity_builder.toml"


TABLES = """
[identity_builder]
stop_yaw = 5

[face.detect]
det_size = 320
mirror = false

["vision.embed"]
max_faces = 4

[body.pose]
crop_scale = 5.5
"""


def test_tables_of_other_modules_are_read_like_set(settings_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings_file.write_text(TABLES)
    monkeypatch.setenv("VPX_BODY_POSE__CROP_SCALE", "7")
    found = effective(["face.detect.det_size=640", "face.detect.threads=1"])
    assert found.others == {
        "face.detect.det_size": "640",
        "face.detect.mirror": "false",
        "vision.embed.max_faces": "4",
        "face.detect.threads": "1",
    }
    assert found.origins["face.detect.mirror"] == "file identity_builder.toml"
    assert found.origins["face.detect.det_size"] == "--set"
    assert request(None, 10, None, [], False).others["face.detect.det_size"] == "320"
    shown = call("config", "--show").stdout.splitlines()
    assert "face.detect.mirror = false   [file identity_builder.toml]" in shown
    assert "body.pose.crop_scale = 7   [environment VPX_BODY_POSE__CROP_SCALE]" in shown
    assert "vision.embed.max_faces = 4   [file identity_builder.toml]" in shown


def test_everything_wrong_of_all_modules_is_told_at_once(settings_file: Path) -> None:
    settings_file.write_text(
        "[face.detect]\ndet_size = 9\n[face.detct]\nembed = true\n[identity_builder]\nstop_yaw = 99\n"
        '[face.expression]\nthreads = [1]\n["body.pose"]\nfactor = 2\n'
    )
    words = ["nonsense", "vision.embed.max_faces=none", "decode.cpu_s=0", "no.such.key=1", "face.detect.mirror=maybe"]
    done = call("build", "ride.mp4", *(part for word in words for part in ("--set", word)))
    lines = [line.strip() for line in done.stderr.splitlines()]
    assert done.exit_code == 2
    assert lines[0] == "error: 10 wrong settings:"
    for start, end in (
        ("nonsense = ''", "must be written module.key=value [--set]"),
        ("stop_yaw = 99", "[file identity_builder.toml]"),
        ("face.detect.det_size must be a whole number in 64..4096, not '9'", "[file identity_builder.toml]"),
        ("face.detect.mirror must be true or false, not 'maybe'", "[--set]"),
        ("face.detct.embed = 'true': there is no module 'face.detct' in this run", "[file identity_builder.toml]"),
        ("face.expression.threads = [1]: must be text, a number, true or false", "[file identity_builder.toml]"),
        ("module 'body.pose' has no setting factor; its settings are: min_keypoint_confidence", ""),
        ("vision.embed.max_faces = 'none'", "[--set]"),
        ("decode.cpu_s must be", "[--set]"),
        ("no.such.key = '1': there is no module 'no.such' in this run", "[--set]"),
    ):
        assert any(line.startswith(start) and line.endswith(end) for line in lines[1:]), (start, lines)


def test_an_installed_module_that_does_not_run_here_may_have_a_table_but_no_set(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {**discover_modules(), "highlight.delta": discover_modules()["face.detect"]}
    monkeypatch.setattr("vpx.runner.checking.discover_modules", lambda: known)
    settings_file.write_text("[highlight.delta]\nalpha = 0.1\n")
    assert effective([]).others == {}
    with pytest.raises(SettingsError, match=r"there is no module 'highlight\.delta' in this run"):
        effective(["highlight.delta.alpha=0.2"])


def test_schema_prints_and_writes_the_documents(tmp_path: Path) -> None:
    assert json.loads(call("schema").stdout) == json_schema()
    assert json.loads(call("schema", "image_meta").stdout) == json_schema()["image_meta"]
    assert call("schema", "-o", tmp_path).exit_code == 0
    assert sorted(path.stem for path in tmp_path.glob("*.json")) == sorted(json_schema())
    unknown, misspelt = call("schema", "nothing"), call("schema", "image-meta")
    assert (unknown.exit_code, "one of person_meta" in unknown.stderr) == (2, True)
    said = "error: there is no document 'image-meta'; did you mean image_meta"
    assert (misspelt.exit_code, misspelt.stderr.startswith(said)) == (2, True)


def test_assignments_are_sorted_by_module_and_the_last_one_wins() -> None:
    assert parse(["identity_builder.stop_yaw=5", "face.detect.det_size=512", "face.detect.det_size=640"]) == (
        {"stop_yaw": "5"},
        {"face.detect.det_size": "640"},
    )
    with pytest.raises(SettingsError) as caught:
        parse(["a", "b=1", "=2"])
    assert len(caught.value.problems) == 3


def photo_folder(folder: Path, count: int = 3) -> Path:
    photos = folder / "photos"
    photos.mkdir()
    for number in range(count):
        cv2.imwrite(str(photos / f"img{number}.png"), np.full((64, 64, 3), 40 * number, np.uint8))
    return photos


def test_an_input_that_is_given_twice_is_built_once(tmp_path: Path) -> None:
    photos = photo_folder(tmp_path)
    (tmp_path / "link").symlink_to(photos)
    same = f"the same as {photos}"
    for again, how in ((photos, "given twice"), (photos / ".." / "photos", same), (tmp_path / "link", same)):
        done = call("build", photos, again, "-o", tmp_path / "out")
        said = f"note: {again}: {how}, so it is built once"
        assert (done.exit_code, done.stderr.splitlines()[0]) == (4, said)
        assert done.stdout.count("all photos") == 1
    shutil.copytree(photos, tmp_path / "copy")
    assert call("build", photos, tmp_path / "copy", "-o", tmp_path / "out").stdout.count("all photos") == 2


def test_a_run_of_some_frames_only_says_that_the_video_goes_on(tmp_path: Path) -> None:
    photos = photo_folder(tmp_path)
    for name, count, reason in (("some", 2, "interrupted"), ("all", 3, "end_of_video")):
        done = call("build", photos, "-o", tmp_path / name, "--max-frames", count)
        assert (done.exit_code, "as asked" in done.stdout) == (4, name == "some")
        result = json.loads((tmp_path / name / "photos" / "identity_builder" / "result.json").read_text())
        assert result["stop_reason"] == reason
        assert ("there are more" in done.stderr, "all photos" in done.stdout) == (name == "some", name == "all")
        told = [note for note in result["notes"] if "as asked" in note]
        assert told == (["Only 2 photos were looked at, as asked: there are more."] if name == "some" else [])
        assert result["faults"].get("frame_limit") == (1 if name == "some" else None)


def test_the_help_says_that_a_setting_that_contradicts_an_option_is_refused() -> None:
    told = " ".join(call("build", "--help").stdout.split())
    for option, until, what in (("--output FOLDER", "--fps", "folder"), ("--windows FILE", "--set", "file")):
        about = told[told.index(option) :]
        assert f"A --set that names another {what} is refused. {until} " in about


@pytest.mark.parametrize(("option", "key"), [("--output", "output_dir"), ("--windows", "windows")])
def test_an_option_and_a_setting_that_name_two_paths_are_refused(tmp_path: Path, option: str, key: str) -> None:
    photos, one, other = photo_folder(tmp_path), tmp_path / "one", tmp_path / "other"
    done = call("build", photos, option, one, "--set", f"identity_builder.{key}={other}")
    said = f"error: {option} {one} and --set identity_builder.{key}={other} contradict each other: give one of them\n"
    assert (done.exit_code, done.stderr) == (2, said)
    assert not one.exists()
    assert not other.exists()


def test_a_finished_set_is_not_replaced_by_a_look_at_some_frames(tmp_path: Path) -> None:
    photos = photo_folder(tmp_path)
    call("build", photos, "-o", tmp_path / "out")
    document = tmp_path / "out" / "photos" / "identity_builder" / "result.json"
    before = document.read_bytes()
    again = call("build", photos, "-o", tmp_path / "out", "--max-frames", 2)
    assert document.read_bytes() == before
    assert again.stderr.startswith(
        f"note: {photos}: the finished set of an earlier run is kept: a run that did not look"
    )
    assert again.stderr.count("\n") == 1


def test_output_option_beats_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VPX_IDENTITY_BUILDER__OUTPUT_DIR", "elsewhere")
    asked = request(tmp_path, 10, None, [], True)
    settings = resolve(asked.own)
    assert settings.output.output_dir == tmp_path
    assert settings.config.stop.stop_when_covered is False


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SourceNotFound("a.mp4", "no such file"), 3),
        (SettingsError([]), 2),
        (FolderNameError("..", "it starts with a dot"), 2),
        (StartError("face.detect", FileNotFoundError("weights")), 2),
        (ExportError(Path("out"), "No space left on device"), 1),
        (KeyError("x"), 1),
    ],
)
def test_errors_have_their_codes(error: Exception, code: int) -> None:
    assert exit_code(error) == code


def test_unexpected_errors_are_one_line_and_say_what_they_are() -> None:
    assert explain(RuntimeError("two\nlines")) == "internal error: RuntimeError: two lines"
    assert explain(ExportError(Path("out"), "disk full")) == "cannot write out: disk full"


@pytest.mark.parametrize(
    ("codes", "code"), [([0], 0), ([0, 0], 0), ([3, 3], 3), ([0, 3], 5), ([4, 3], 5), ([0, 4], 5), ([0, 130], 130)]
)
def test_codes_of_several_inputs(codes: list[int], code: int) -> None:
    assert combined(codes) == code


@pytest.mark.real
def test_a_picture_without_a_face_is_code_4_and_explained(tmp_path: Path) -> None:
    picture = tmp_path / "grey.png"
    cv2.imwrite(str(picture), np.full((240, 320, 3), 128, np.uint8))
    result = call(
        "build", picture, tmp_path / "missing.png", "-o", tmp_path / "out", "--set", "identity_builder.video_id=g"
    )
    assert result.exit_code == 5
    assert f"error: {picture}: no person found; result.json says why" in result.stderr
    document = json.loads((tmp_path / "out/g/identity_builder/result.json").read_text())
    assert document["notes"] == ["No face was found in 1 photo."]
    assert set(PHOTO_SETTINGS) <= set(document["settings"])


@pytest.mark.real
def test_a_folder_of_photos_gives_one_person(tmp_path: Path) -> None:
    folders = sorted((SHARED / "photos" / "identity").glob("*/"))
    if not folders:
        pytest.skip(f"no test photos under {SHARED}")
    outcome = build_one(folders[0], request(tmp_path, 10, None, [], False))
    assert outcome.code == 0
    assert outcome.result is not None
    assert [person.person_id for person in outcome.result.persons] == [0]
    assert outcome.folder == tmp_path / folders[0].name / "identity_builder"


@pytest.mark.real
def test_a_video_gives_a_table_and_its_folder(tmp_path: Path) -> None:
    video = SHARED / "videos" / "turns.mp4"
    if not video.exists():
        pytest.skip(f"no test videos under {SHARED}")
    result = call("build", video, "-o", tmp_path, "--fps", "2", env={"COLUMNS": "80"})
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[-1] == str(tmp_path / "turns" / "identity_builder")
    assert "…" not in result.stdout
    assert (tmp_path / "turns/identity_builder/report.html").is_file()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
def test_a_place_that_takes_no_folders_is_refused_before_anything_is_analysed(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    assert cv2.imwrite(str(photos / "a.png"), np.zeros((40, 40, 3), np.uint8))
    done = call("build", photos, "-o", "/proc/nowhere")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "/proc takes no folders" in done.stderr or "no permission to write in /proc" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["memory_bank", "output_dir"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_analysed(tmp_path: Path, name: str) -> None:
    photos = photo_folder(tmp_path)
    (tmp_path / "afile").write_text("mine")
    there = sorted(tmp_path.rglob("*"))
    for folder, why in ((tmp_path / "afile" / "x", f"{tmp_path / 'afile'} is not a folder"),):
        done = call("build", photos, "--set", f"identity_builder.{name}={folder}", env={"COLUMNS": "200"})
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == f"error: {photos}: cannot write into {folder} ({name}): {why}\n"
    assert sorted(tmp_path.rglob("*")) == there


def test_a_name_too_long_for_a_folder_is_refused(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    cv2.imwrite(str(photo), np.zeros((40, 40, 3), np.uint8))
    done = CliRunner().invoke(app, ["build", str(photo), "-o", str(tmp_path / ("a" * 300))])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
    assert "name too long" in done.stderr.lower()


@pytest.mark.parametrize(
    ("way", "said"), [("photos", "is not a folder"), ("photos/identity_builder", "it is not a folder")]
)
def test_a_file_in_the_way_of_the_set_is_refused_before_anything_is_analysed(
    tmp_path: Path, way: str, said: str
) -> None:
    photos = photo_folder(tmp_path)
    blocked = tmp_path / "out" / way
    blocked.parent.mkdir(parents=True)
    blocked.write_text("mine")
    there = sorted(tmp_path.rglob("*"))
    done = call("build", photos, "-o", tmp_path / "out")
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert str(blocked) in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == there
