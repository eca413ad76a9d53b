"""Settings of `face.detect`: constructor argument, then `VPX_FACE_DETECT__<KEY>`, then default; all errors at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vpx.sdk import get_models_dir
from vpx.sdk.settings import (
    ModuleSettingsError,
    NumberSetting,
    SettingDescription,
    described,
    environment_name,
    resolve_numbers,
)

MODULE = "face.detect"
BACKENDS = ("open", "insightface")

NUMBERS = (
    NumberSetting("det_size", 480, 64, 4096, "longer side, in pixels, of the picture that the detector sees"),
    NumberSetting("min_confidence", 0.5, 0.05, 1.0, "detections below it are dropped"),
    NumberSetting("min_face_px", 12, 4, 4096, "faces whose shorter box side is smaller are dropped"),
    NumberSetting("min_embed_px", 24, 4, 4096, "faces whose shorter box side is smaller get no embedding"),
    NumberSetting("max_gap_ms", 700, 0, 60_000, "a face_id survives a gap of this length"),
    NumberSetting("threads", 2, 1, 64, "threads of each ONNX Runtime session"),
)
SWITCHES = {"embed": True, "mirror": True, "appearance": True}
SWITCH_MEANINGS = {
    "embed": "compute Face-ID embeddings",
    "appearance": "describe what each part of a face looks like, so that what covers it can be told",
    "mirror": "average the embedding with that of the mirrored face (open backend)",
}
TEXT_MEANINGS = {
    "backend": "`open` (CenterFace and dlib ResNet) or `insightface` (SCRFD and ArcFace, non-commercial weights)",
    "insightface_dir": "folder with one SCRFD and one ArcFace ONNX file; default `<models dir>/insightface/buffalo_l`",
}
_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class FaceDetectSettings:
    """The checked settings; meanings in `NUMBERS`, `SWITCH_MEANINGS` and `TEXT_MEANINGS`."""

    det_size: int
    min_confidence: float
    min_face_px: int
    min_embed_px: int
    max_gap_ms: int
    threads: int
    embed: bool
    mirror: bool
    appearance: bool
    backend: str
    insightface_dir: Path


def described_settings() -> list[SettingDescription]:
    """Every setting with its default and what it may be, in the order of the documentation."""
    switches = [SettingDescription(key, SWITCHES[key], "true, false", SWITCH_MEANINGS[key]) for key in SWITCHES]
    texts = {"backend": (BACKENDS[0], ", ".join(BACKENDS)), "insightface_dir": (None, "a folder")}
    return [
        *described(NUMBERS),
        *switches,
        *(SettingDescription(key, *texts[key], meaning) for key, meaning in TEXT_MEANINGS.items()),
    ]


def setting_keys() -> tuple[str, ...]:
    """Return every key, in the order of the documentation."""
    return (*(row.key for row in NUMBERS), *SWITCHES, *TEXT_MEANINGS)


def resolve_settings(given: Mapping[str, object], environ: Mapping[str, str] | None = None) -> FaceDetectSettings:
    """Check `given` (None or absent = take the environment or the default).

    Raises ModuleSettingsError with one line per unknown key or wrong value.
    """
    variables = os.environ if environ is None else environ
    known = ", ".join(setting_keys())
    problems = [f"{MODULE}.{key} is not a setting; settings: {known}" for key in given if key not in setting_keys()]
    numbers: dict[str, float] = {}
    try:
        numbers = resolve_numbers(MODULE, NUMBERS, given, variables)
    except ModuleSettingsError as error:
        problems.extend(error.problems)
    switches = {key: _switch(key, given, variables, problems) for key in SWITCHES}
    backend = _text("backend", BACKENDS[0], given, variables)
    if backend not in BACKENDS:
        problems.append(f"{MODULE}.backend must be one of {', '.join(BACKENDS)}, not {backend!r}")
    folder = _text("insightface_dir", "", given, variables)
    if problems:
        raise ModuleSettingsError(MODULE, problems)
    return FaceDetectSettings(
        det_size=int(numbers["det_size"]),
        min_confidence=numbers["min_confidence"],
        min_face_px=int(numbers["min_face_px"]),
        min_embed_px=int(numbers["min_embed_px"]),
        max_gap_ms=int(numbers["max_gap_ms"]),
        threads=int(numbers["threads"]),
        embed=switches["embed"],
        mirror=switches["mirror"],
        appearance=switches["appearance"],
        backend=backend,
        insightface_dir=Path(folder).expanduser() if folder else get_models_dir() / "insightface" / "buffalo_l",
    )


def _switch(key: str, given: Mapping[str, object], variables: Mapping[str, str], problems: list[str]) -> bool:
    value, origin = given.get(key), "constructor"
    if value is None:
        name = environment_name(MODULE, key)
        value, origin = variables.get(name, SWITCHES[key]), f"environment {name}"
    if isinstance(value, bool):
        return value
    word = _WORDS.get(str(value).strip().lower())
    if word is None:
        problems.append(f"{MODULE}.{key} must be true or false, not {value!r} ({origin})")
        return SWITCHES[key]
    return word


def _text(key: str, default: str, given: Mapping[str, object], variables: Mapping[str, str]) -> str:
    value = given.get(key)
    if value is None:
        value = variables.get(environment_name(MODULE, key), default)
    return str(value).strip()
