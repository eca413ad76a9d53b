"""Settings of face.detect: sources, checks, documentation."""

from __future__ import annotations

from pathlib import Path

import pytest
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.face_detect.settings import resolve_settings, setting_keys
from vpx.sdk.settings import ModuleSettingsError


def test_constructor_wins_over_environment_wins_over_default() -> None:
    env = {"VPX_FACE_DETECT__DET_SIZE": "640", "VPX_FACE_DETECT__THREADS": "1", "VPX_FACE_DETECT__MIRROR": "off"}
    found = resolve_settings({"det_size": 320}, env)
    assert (found.det_size, found.threads, found.mirror, found.embed) == (320, 1, False, True)


def test_all_wrong_values_are_named_at_once() -> None:
    env = {"VPX_FACE_DETECT__EMBED": "perhaps"}
    with pytest.raises(ModuleSettingsError) as caught:
        resolve_settings({"det_size": 5, "backend": "other", "colour": 1}, env)
    text = str(caught.value)
    assert len(caught.value.problems) == 4
    assert "face.detect.det_size must be a whole number in 64..4096, not 5" in text
    assert "face.detect.embed must be true or false, not 'perhaps' (environment VPX_FACE_DETECT__EMBED)" in text
    assert "face.detect.backend must be one of open, insightface" in text
    assert "face.detect.colour is not a setting; settings: det_size" in text


def test_insightface_folder_defaults_below_the_models_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VPX_MODELS_DIR", str(tmp_path))
    assert resolve_settings({}, {}).insightface_dir == tmp_path / "insightface" / "buffalo_l"


def test_from_settings_takes_texts() -> None:
    module = FaceDetectionAnalyzer.from_settings({"det_size": "320", "embed": "false", "min_confidence": "0.6"})
    assert (module.settings.det_size, module.settings.embed, module.settings.min_confidence) == (320, False, 0.6)
    with pytest.raises(ModuleSettingsError, match="colour"):
        FaceDetectionAnalyzer.from_settings({"colour": "red"})


def test_the_readme_names_every_setting() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert [key for key in setting_keys() if f"`{key}`" not in readme] == []


def test_an_overridden_wrong_environment_value_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VPX_FACE_DETECT__DET_SIZE", "large")
    assert FaceDetectionAnalyzer.from_settings({"det_size": "320"}).settings.det_size == 320
    with pytest.raises(ModuleSettingsError, match="det_size"):
        FaceDetectionAnalyzer.from_settings({"threads": "1"})
