from __future__ import annotations

from pathlib import Path

import pytest

from vpx_vision_embed import MODELS, SettingsError, VisionEmbedAnalyzer
from vpx_vision_embed.settings import VisionEmbedSettings, allowed, resolve


def test_defaults_come_from_nowhere(tmp_path: Path) -> None:
    resolved = resolve({}, {}, tmp_path)

    assert resolved.values == VisionEmbedSettings()
    assert set(resolved.origins.values()) == {"default"}


def test_arguments_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "identity_builder.toml").write_text(
        "[vision.embed]\nthreads = 1\nmax_faces = 1\nembed_body = false\n[identity_builder]\nother = 1\n"
    )
    env = {"VPX_VISION_EMBED__THREADS": "2", "VPX_VISION_EMBED__MAX_FACES": "2", "VPX_VISION_EMBED__DEVICE": " "}

    resolved = resolve({"threads": "3", "device": None}, env, tmp_path)

    assert (resolved.values.threads, resolved.values.max_faces, resolved.values.embed_body) == (3, 2, False)
    assert resolved.origins["threads"] == "argument"
    assert resolved.origins["max_faces"] == "environment VPX_VISION_EMBED__MAX_FACES"
    assert resolved.origins["embed_body"] == f"file {tmp_path / 'identity_builder.toml'}"
    assert resolved.origins["device"] == "default"


def test_all_mistakes_are_reported_at_once_with_range_and_origin(tmp_path: Path) -> None:
    env = {"VPX_VISION_EMBED__THREADS": "0", "VPX_VISION_EMBED__NO_SUCH": "1"}

    with pytest.raises(SettingsError) as caught:
        resolve({"smoothing_alpha": "2", "face_model": "nope", "device": "tpu", "embed_body": "perhaps"}, env, tmp_path)

    problems = caught.value.problems
    assert isinstance(caught.value, ValueError)
    assert "threads = '0' (environment VPX_VISION_EMBED__THREADS): allowed is 1 <= integer <= 64" in problems
    assert "smoothing_alpha = '2' (argument): allowed is 0 < number <= 1" in problems
    assert "device = 'tpu' (argument): allowed is auto, cpu, cuda" in problems
    assert "embed_body = 'perhaps' (argument): allowed is true, false" in problems
    assert any(
        p.startswith("no_such (environment VPX_VISION_EMBED__NO_SUCH): no such setting; there are") for p in problems
    )
    assert any(p.startswith("face_model = 'nope' (argument): allowed is auto, bundled") for p in problems)
    assert len(problems) == 6


def test_nan_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="smoothing_alpha"):
        resolve({"smoothing_alpha": "nan"}, {}, tmp_path)


def test_model_names_are_reduced_to_their_key(tmp_path: Path) -> None:
    values = resolve({"face_model": "bundled", "body_model": "dinov2-vits14-v1"}, {}, tmp_path).values

    assert (values.face_model, values.body_model) == ("bundled-mobilenetv3-small", "dinov2-vits14")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[vision.embed\n", "is not a TOML file"),
        (b"\xff", "is not a TOML file"),
        (b"a = " + b"[" * 5000, "is nested too deeply"),
        (b"vision.embed = 3\n", "must be a table"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "mine.toml").write_bytes(content)

    with pytest.raises(SettingsError, match=complaint):
        resolve({}, {"IDENTITY_BUILDER_CONFIG": str(tmp_path / "mine.toml")}, tmp_path)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.toml cannot be read"):
        resolve({}, {"IDENTITY_BUILDER_CONFIG": "gone.toml"}, tmp_path)


def test_every_setting_is_a_constructor_parameter_and_has_a_reason() -> None:
    import inspect

    parameters = inspect.signature(VisionEmbedAnalyzer).parameters

    assert set(parameters) == set(VisionEmbedSettings.model_fields)
    assert all(parameter.default is None for parameter in parameters.values())
    for key, info in VisionEmbedSettings.model_fields.items():
        assert info.description, key
        assert allowed(key), key


def test_from_settings_takes_text_and_refuses_unknown_keys() -> None:
    module = VisionEmbedAnalyzer.from_settings({"threads": "1", "embed_body": "false", "min_face_px": "30.5"})

    assert (module.settings.threads, module.settings.embed_body, module.settings.min_face_px) == (1, False, 30.5)
    assert module.setting_origins["threads"] == "argument"
    with pytest.raises(SettingsError, match="no such setting; there are face_model, body_model"):
        VisionEmbedAnalyzer.from_settings({"thread": "1"})


def test_the_environment_reaches_a_module_built_without_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VPX_VISION_EMBED__MAX_FACES", "3")

    assert VisionEmbedAnalyzer().settings.max_faces == 3


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.key)
def test_every_row_is_complete(spec: object) -> None:
    from vpx_vision_embed import get_spec

    row = get_spec(spec.key)  # type: ignore[attr-defined]
    assert row is spec
    assert get_spec(row.version) is row
    assert 0 < row.novelty.plateau < row.novelty.threshold < 2
    assert row.novelty.origin.startswith("uncalibrated") is not row.novelty.calibrated
    assert row.onnx[0].name.endswith(".onnx")
    assert row.licence


def test_an_overridden_wrong_environment_value_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VPX_VISION_EMBED__MAX_FACES", "many")
    assert VisionEmbedAnalyzer.from_settings({"max_faces": "3"}).settings.max_faces == 3
    with pytest.raises(SettingsError, match="max_faces"):
        VisionEmbedAnalyzer.from_settings({"threads": "1"})
