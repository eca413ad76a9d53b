"""Settings: where they come from, what is allowed, and that every problem is reported at once."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpx_identity_builder.core.config import (
    FACE_ID_MODELS,
    GROUPS,
    UNCALIBRATED_NOVELTY,
    Config,
    NoveltyScale,
    setting_fields,
)
from vpx_identity_builder.errors import SettingsError
from vpx_identity_builder.settings import ModelOverrides, OutputSettings, Settings, resolve, specs
from vpx_identity_builder.settings_sources import misspelt_variables, unread_tables
from vpx_identity_builder.settings_validation import RELATIONS

ELSEWHERE = Path("/nonexistent")
RELATED = {key for low, _, high in RELATIONS for key in (low, high)}
NUMBERS = [spec for spec in specs().values() if spec.low is not None]


def problems(arguments: dict[str, object], environ: dict[str, str] | None = None, cwd: Path = ELSEWHERE) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        resolve(arguments, environ or {}, cwd)
    return [str(problem) for problem in caught.value.problems]


def test_defaults_are_those_of_core() -> None:
    settings = resolve({}, {}, ELSEWHERE)
    assert settings.config == Config()
    assert settings.output == OutputSettings()
    assert settings.overrides == ModelOverrides()
    assert set(settings.origins.values()) == {"default"}
    assert settings == Settings()


def test_every_core_setting_can_be_set() -> None:
    assert set(setting_fields()) < set(specs())
    assert list(specs())[: len(setting_fields())] == list(setting_fields())


def test_keys_are_unique_over_all_groups() -> None:
    names = [item.name for cls in (*GROUPS.values(), OutputSettings, ModelOverrides) for item in fields(cls)]
    assert sorted(names) == sorted(set(names))


def test_defaults_lie_in_their_own_ranges_and_relations() -> None:
    values = resolve({}, {}, ELSEWHERE).values()
    as_arguments = {key: value for key, value in values.items() if value is not None}
    assert resolve(as_arguments, {}, ELSEWHERE).values() == values


@given(st.data())
def test_any_value_in_range_is_accepted_from_argument_and_environment(data: st.DataObject) -> None:
    spec = data.draw(st.sampled_from([spec for spec in NUMBERS if spec.key not in RELATED]))
    low, high = spec.low, spec.high
    assert low is not None
    assert high is not None
    value: float = data.draw(
        st.integers(math.ceil(low), math.floor(high)) if spec.kind is int else st.floats(low, high, width=64)
    )
    direct = resolve({spec.key: value}, {}, ELSEWHERE)
    text = resolve({}, {f"VPX_IDENTITY_BUILDER__{spec.key.upper()}": repr(value)}, ELSEWHERE)
    assert direct.values()[spec.key] == value
    assert text.values()[spec.key] == value
    assert isinstance(direct.values()[spec.key], spec.kind)


@given(st.data())
def test_any_value_out_of_range_is_named_with_its_range(data: st.DataObject) -> None:
    spec = data.draw(st.sampled_from(NUMBERS))
    low, high = spec.low, spec.high
    assert low is not None
    assert high is not None
    value = data.draw(
        st.one_of(
            st.integers(max_value=math.floor(low) - 1),
            st.integers(min_value=math.ceil(high) + 1),
            st.sampled_from([math.nan, math.inf, -math.inf, True, "much", [1]]),
        )
    )
    (found,) = problems({spec.key: value})
    assert found.startswith(f"{spec.key} = {value!r}: must be ")
    allowed = re.search(r"from (-?[0-9.]+) to (-?[0-9.]+)", found)
    assert allowed is not None
    assert (float(allowed[1]), float(allowed[2])) == (low, high)
    assert found.endswith("[argument]")


@pytest.mark.parametrize(("low", "relation", "high"), RELATIONS)
def test_every_relation_is_checked_and_names_both_settings(low: str, relation: str, high: str) -> None:
    known = specs()
    bottom, top = known[high].low, known[low].high
    assert bottom is not None
    assert top is not None
    found = problems({low: top, high: bottom})
    assert [text for text in found if text.startswith(f"{low} = ") and high in text and "must be" in text]


def test_all_problems_come_at_once_each_with_its_origin(tmp_path: Path) -> None:
    (tmp_path / "identity_builder.toml").write_text("[identity_builder]\nstop_yaw = 9\n")
    found = problems({"anchor_max": 3, "video_id": "../up"}, {"VPX_IDENTITY_BUILDER__JPEG_QUALITY": "80"}, cwd=tmp_path)
    assert found == [
        "anchor_max = 3: no such setting; did you mean anchors_max, anchors_min or anchor_gap_ms? [argument]",
        "stop_yaw = 9: must be a whole number from 1 to 7 (of 7 bins) [file identity_builder.toml]",
        "jpeg_quality = '80': must be a whole number from 95 to 100 (JPEG quality) "
        "[environment VPX_IDENTITY_BUILDER__JPEG_QUALITY]",
        "video_id = '../up': cannot name a folder: it holds '/' [argument]",
    ]


def test_argument_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    (tmp_path / "identity_builder.toml").write_text(
        "identity_builder.anchors_max = 6\nidentity_builder.challenge_max = 7\nidentity_builder.stop_yaw = 5\n"
    )
    environ = {"VPX_IDENTITY_BUILDER__ANCHORS_MAX": "7", "VPX_IDENTITY_BUILDER__CHALLENGE_MAX": "6"}
    settings = resolve({"anchors_max": 8}, environ, tmp_path)
    origins = settings.origins
    assert (settings.config.selection.anchors_max, origins["anchors_max"]) == (8, "argument")
    assert settings.config.selection.challenge_max == 6
    assert origins["challenge_max"] == "environment VPX_IDENTITY_BUILDER__CHALLENGE_MAX"
    assert (settings.config.stop.stop_yaw, origins["stop_yaw"]) == (5, "file identity_builder.toml")
    assert (settings.config.stop.stop_pitch, origins["stop_pitch"]) == (4, "default")


def test_tables_of_other_modules_are_left_to_them(tmp_path: Path) -> None:
    (tmp_path / "identity_builder.toml").write_text('[vision.embed]\nface_model = "x"\n[face.detect]\ndet_size = 1\n')
    assert resolve({}, {}, tmp_path) == Settings()


def test_a_key_outside_every_table_is_not_silently_ignored(tmp_path: Path) -> None:
    (tmp_path / "identity_builder.toml").write_text("anchors_max = 4\n")
    assert problems({}, cwd=tmp_path) == [
        "anchors_max = 4: belongs into the table [identity_builder] [file identity_builder.toml]"
    ]


def test_a_mistyped_table_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "identity_builder.toml").write_text("[identity_buidler]\nmax_persons = 1\n")
    with pytest.raises(SettingsError, match=r"\[identity_buidler\].*did you mean \[identity_builder\]"):
        resolve({}, {}, tmp_path)


def test_a_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[identity_builder]\nanchors_max = = 4\n")
    (found,) = problems({}, {"IDENTITY_BUILDER_CONFIG": str(tmp_path / "mine.toml")})
    assert found.startswith(f"{tmp_path / 'mine.toml'} is not valid TOML: ")
    assert "line 2" in found


def test_a_settings_file_nested_without_end_is_said(tmp_path: Path) -> None:
    (tmp_path / "identity_builder.toml").write_text("a = " + "[" * 5000)
    (found,) = problems({}, {}, cwd=tmp_path)
    assert "is nested too deeply" in found


def test_a_file_named_by_the_environment_must_exist(tmp_path: Path) -> None:
    (found,) = problems({}, {"IDENTITY_BUILDER_CONFIG": "absent.toml"}, cwd=tmp_path)
    assert found.startswith("absent.toml")
    assert "No such file" in found


def test_an_empty_variable_is_not_set_and_an_unknown_one_is_an_error() -> None:
    assert resolve({}, {"VPX_IDENTITY_BUILDER__VIDEO_ID": " "}, ELSEWHERE) == Settings()
    (found,) = problems({}, {"VPX_IDENTITY_BUILDER__STOPYAW": "3"})
    assert found.startswith("stopyaw = '3': no such setting; did you mean stop_yaw")


def test_switches_paths_and_choices_from_text() -> None:
    settings = resolve(
        {"stop_when_covered": "false", "face_detect_pitch": "reversed", "output_dir": "sets", "image_format": "png"},
        {},
        ELSEWHERE,
    )
    assert settings.config.stop.stop_when_covered is False
    assert settings.output.pitch_signs == {"face.detect": "reversed", "head.pose": "auto"}
    assert settings.output.output_dir == Path("sets")
    assert problems({"image_format": "webp", "output_dir": "", "face_id_model": "x"}) == [
        "image_format = 'webp': must be one of jpeg, png [argument]",
        "output_dir = '': must be a path [argument]",
        "face_id_model = 'x': must be one of auto, arcface-512, dlib-resnet-128 [argument]",
    ]


def test_a_number_is_no_switch() -> None:
    assert problems({"stop_when_covered": 1}) == ["stop_when_covered = 1: must be true or false [argument]"]
    assert resolve({"stop_when_covered": False}, {}, ELSEWHERE).config.stop.stop_when_covered is False


def test_a_value_beyond_another_setting_says_what_to_change_with_it() -> None:
    assert problems({"anchors_max": 1}) == [
        "anchors_max = 1: must be at least anchors_min (3); lower anchors_min too if you mean it [argument]"
    ]
    assert resolve({"anchors_max": 1, "anchors_min": 1}, {}, ELSEWHERE).config.selection.anchors_max == 1


def test_a_variable_that_nearly_is_one_is_named() -> None:
    environ = {"VPX_IDENTITY_BUILDER_STOP_YAW": "5", "VPX_IDENTITY_BUILDER__STOP_PITCH": "3", "VPX_MODELS_DIR": "m"}
    keys = [f"identity_builder.{key}" for key in specs()]
    assert misspelt_variables(environ, keys) == [
        "the environment variable VPX_IDENTITY_BUILDER_STOP_YAW is not read: the one of the setting is "
        "VPX_IDENTITY_BUILDER__STOP_YAW"
    ]


def test_tables_that_no_host_reads_are_named(tmp_path: Path) -> None:
    (tmp_path / "identity_builder.toml").write_text(
        "[vision.embed]\nmax_faces = 4\n[face.detect]\ndet_size = 320\nthreads = 1\n[face_detect]\nmirror = true\n"
        "[no.such]\nkey = 1\n"
    )
    run = ["face.detect", "vision.embed"]
    assert unread_tables({"VPX_FACE_DETECT__THREADS": "2"}, tmp_path, ["face.detect.mirror"], run) == [
        "file identity_builder.toml: face.detect.det_size is not read in this run; give --set face.detect.det_size=320 "
        "or VPX_FACE_DETECT__DET_SIZE",
        "file identity_builder.toml: face_detect.mirror is not read in this run; there is no module 'face_detect' "
        "in it; did you mean face.detect?",
        "file identity_builder.toml: no.such.key is not read in this run; there is no module 'no.such' in it",
    ]
    told = ["face.detect.det_size", "face.detect.threads", "face_detect.mirror", "no.such.key"]
    assert unread_tables({}, tmp_path, told, run) == []


def test_module_prefix_of_keys_is_understood() -> None:
    assert resolve({"identity_builder.anchors_max": 4}, {}, ELSEWHERE).config.selection.anchors_max == 4


def test_overrides_replace_only_what_is_given_and_say_so() -> None:
    row = FACE_ID_MODELS[0]
    overrides = resolve({"tau_id": "0.3", "tau_merge": "none"}, {}, ELSEWHERE).overrides
    changed = overrides.face_id(row)
    assert (changed.tau_id, changed.tau_merge, changed.tau_split) == (0.3, row.tau_merge, row.tau_split)
    assert changed.origin == f"{row.origin}; tau_id set by hand"
    assert ModelOverrides().face_id(row) is row
    assert ModelOverrides(novelty_threshold=0.5).novelty(UNCALIBRATED_NOVELTY) == NoveltyScale(0.5, 0.08, False)
    assert ModelOverrides(novelty_threshold=0.5, novelty_plateau=0.1).novelty(UNCALIBRATED_NOVELTY).calibrated


def test_an_override_is_checked_against_the_row_chosen_by_name() -> None:
    assert problems({"face_id_model": "arcface-512", "tau_split": 0.6}) == [
        "tau_split = 0.6: must be at most tau_merge (0.45); raise tau_merge too if you mean it [argument]"
    ]


def test_changed_lists_what_differs_but_no_paths_or_names() -> None:
    settings = resolve({"output_dir": "x", "video_id": "y", "anchors_max": 4, "stop_yaw": 6}, {}, ELSEWHERE)
    assert settings.changed() == {"anchors_max": 4}


def test_rows_explain_every_setting() -> None:
    rows = {row.key: row for row in resolve({"stop_yaw": 5}, {}, ELSEWHERE).rows()}
    assert set(rows) == set(specs())
    assert (rows["stop_yaw"].value, rows["stop_yaw"].default, rows["stop_yaw"].origin) == (5, 6, "argument")
    assert all(row.why and row.allowed for row in rows.values())


def test_labels_of_the_memory_are_names_of_folders(tmp_path: Path) -> None:
    output = resolve({"memory_person": "anna, ,ben", "memory_bank": tmp_path}, {}, ELSEWHERE).output
    assert (output.memory_labels, output.memory_bank) == (("anna", "", "ben"), tmp_path)
    assert resolve({}, {}, ELSEWHERE).output.memory_labels == ()
    with pytest.raises(SettingsError) as caught:
        resolve({"memory_person": "anna,../ben,.x"}, {}, ELSEWHERE)
    assert [(problem.key, problem.value) for problem in caught.value.problems] == [
        ("memory_person", "../ben"),
        ("memory_person", ".x"),
    ]
