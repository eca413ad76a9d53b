"""The command line `identity-builder`: exit codes, one-line errors, and what is printed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result
from visualbase import SourceNotFound
from vpx.runner import StartError

from vpx_identity_builder.cli import app
from vpx_identity_builder.commands.assignments import parse
from vpx_identity_builder.commands.build import PHOTO_SETTINGS, build_one, request
from vpx_identity_builder.commands.edge import combined, exit_code, explain
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


def test_wrong_usage_is_code_2() -> None:
    assert call("build").exit_code == 2
    assert call("build", "x.mp4", "--fps", "0").exit_code == 2
    assert call("nonsense").exit_code == 2


def test_config_tells_whether_all_is_valid_and_shows_origins() -> None:
    brief = call("config", env={"VPX_IDENTITY_BUILDER__STOP_YAW": "5"})
    assert (brief.exit_code, brief.stdout) == (
        0,
        f"{len(specs())} settings, 1 of them set, all valid; --show lists them\n",
    )
    shown = call("config", "--show", env={"VPX_IDENTITY_BUILDER__STOP_YAW": "5", "COLUMNS": "200"})
    (line,) = [line for line in shown.stdout.splitlines() if line.startswith("identity_builder.stop_yaw ")]
    assert "environment VPX_IDENTITY_BUILDER__STOP_YAW" in line
    assert sum(line.startswith("identity_builder.") for line in shown.stdout.splitlines()) == len(specs())
    assert call("config", "--set", "identity_builder.stop_yaw=0").exit_code == 2


def test_config_shows_what_is_allowed_and_stays_readable() -> None:
    wide = call("config", "--show", env={"COLUMNS": "200"}).stdout.splitlines()
    assert wide[0].split() == ["setting", "value", "allowed", "default", "origin", "meaning"]
    by_key = {line.split()[0]: line for line in wide if line.startswith(("identity_builder.", "vision.embed."))}
    for key, allowed in (
        ("identity_builder.stop_yaw", "1..7 of 7 bins"),
        ("identity_builder.tau_id", "-1..1 cosine; or nothing"),
        ("identity_builder.image_format", "jpeg, png"),
        ("identity_builder.stop_when_covered", "true, false"),
        ("vision.embed.threads", "1..64"),
        ("vision.embed.device", "auto, cpu, cuda"),
    ):
        assert allowed in by_key[key]
    narrow = call("config", "--show", env={"COLUMNS": "100"}).stdout.splitlines()
    assert max(map(len, narrow)) <= 100
    for key in specs():
        assert any(line.split(" ")[0] == key for line in narrow)
    assert "…" not in "".join(narrow)


def test_config_names_the_line_of_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[identity_builder\n")
    result = call("config", env={"IDENTITY_BUILDER_CONFIG": str(tmp_path / "mine.toml")})
    assert result.exit_code == 2
    assert "mine.toml" in result.stderr
    assert "line 1" in result.stderr


def test_schema_prints_and_writes_the_documents(tmp_path: Path) -> None:
    assert json.loads(call("schema").stdout) == json_schema()
    assert json.loads(call("schema", "image_meta").stdout) == json_schema()["image_meta"]
    assert call("schema", "-o", tmp_path).exit_code == 0
    assert sorted(path.stem for path in tmp_path.glob("*.json")) == sorted(json_schema())
    unknown = call("schema", "nothing")
    assert (unknown.exit_code, "one of person_meta" in unknown.stderr) == (2, True)


def test_assignments_are_sorted_by_module_and_the_last_one_wins() -> None:
    assert parse(["identity_builder.stop_yaw=5", "face.detect.det_size=512", "face.detect.det_size=640"]) == (
        {"stop_yaw": "5"},
        {"face.detect.det_size": "640"},
    )
    with pytest.raises(SettingsError) as caught:
        parse(["a", "b=1", "=2"])
    assert len(caught.value.problems) == 3


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
    assert document["notes"] == ["No face was found in 1 frames."]
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
