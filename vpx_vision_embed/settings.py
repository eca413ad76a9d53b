"""Settings of `vision.embed`: constructor arguments, then environment, then TOML file, then the defaults below.

Environment: `VPX_VISION_EMBED__<KEY>`. File: the table `[vision.embed]` of the file named by IDENTITY_BUILDER_CONFIG,
otherwise of `identity_builder.toml` in the working folder. All mistakes are reported at once.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from vpx_vision_embed.errors import SettingsError, UnknownModelError
from vpx_vision_embed.models import MODELS, get_spec

ENV_PREFIX = "VPX_VISION_EMBED__"
CONFIG_ENV = "IDENTITY_BUILDER_CONFIG"
CONFIG_FILE = "identity_builder.toml"


class VisionEmbedSettings(BaseModel):
    """The validated settings, with unit, range and reason of each."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    face_model: str = Field("auto", description="model for faces; auto: dinov2-vits14 if local, else the bundled one")
    body_model: str = Field("auto", description="model for bodies; auto: siglip-b16-224 if local, else the face model")
    embed_body: bool = Field(True, description="whether upper bodies are embedded too")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: CUDA if the library offers it")
    backend: Literal["auto", "onnx", "timm"] = Field("auto", description="auto: ONNX Runtime if an ONNX file is local")
    threads: int = Field(2, ge=1, le=64, description="CPU threads per inference; more than cores slows all down")
    precision: Literal["fp32", "fp16", "bf16", "int8"] = Field(
        "fp32",
        description="of the arithmetic: fp16, int8: after `vision-embed export`; bf16: timm only",
    )
    max_faces: int = Field(8, ge=1, le=64, description="faces embedded per frame, largest first")
    min_face_px: float = Field(24.0, ge=1, le=4096, description="shorter side in px below which a face has no detail")
    smoothing_alpha: float = Field(0.4, gt=0, le=1, description="weight of the newest box; the design says 0.3 to 0.5")

    unchanged_below: float = Field(
        0.03,
        ge=0,
        le=1,
        description="grey change since the crop embedded last, below which that one holds; 0: off",
    )
    max_rate_hz: float = Field(
        1.0, ge=0, le=1000, description="embeddings per second of one face that changes little; 0: off"
    )
    refresh_s: float = Field(5.0, ge=0, le=3600, description="an embedding is used no longer than this; 0: off")
    min_sharpness: float = Field(
        8.0, ge=0, le=1000, description="fine detail under which a face is no use (clear ones: 200 up); 0: off"
    )

    @field_validator("face_model", "body_model")
    @classmethod
    def _known_model(cls, name: str) -> str:
        if name == "auto":
            return name
        try:
            return get_spec(name).key
        except UnknownModelError as error:
            raise ValueError("no such model") from error


@dataclass(frozen=True)
class SettingDescription:
    """One setting for people: what it may be is told in words."""

    key: str
    default: object
    allowed: str
    meaning: str


@dataclass(frozen=True)
class ResolvedSettings:
    """Effective settings and, for each key, where its value came from ("default" if from nowhere)."""

    values: VisionEmbedSettings
    origins: Mapping[str, str]


def resolve(
    arguments: Mapping[str, object], environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> ResolvedSettings:
    """Merge all sources and validate.

    Args:
        arguments: explicit settings (constructor or command line); text is converted; None = not given.
        environ: the environment; os.environ by default.
        folder: where `identity_builder.toml` may lie; the working folder by default.

    Raises:
        SettingsError: with one line per mistake: key, value, allowed range, origin.
    """
    env = os.environ if environ is None else environ
    found = _from_file(env, Path.cwd() if folder is None else folder)
    found |= _from_environment(env)
    found |= {key: (value, "argument") for key, value in arguments.items() if value is not None}
    try:
        values = VisionEmbedSettings.model_validate({key: value for key, (value, _) in found.items()})
    except ValidationError as error:
        problems = {_problem(str(item["loc"][0]), found) for item in error.errors()}
        raise SettingsError(sorted(problems)) from error
    origins = {key: found[key][1] if key in found else "default" for key in VisionEmbedSettings.model_fields}
    return ResolvedSettings(values, origins)


def allowed(key: str) -> str:
    """The allowed values of a setting in words."""
    if key in ("face_model", "body_model"):
        return "auto, " + ", ".join(spec.key for spec in MODELS)
    schema = VisionEmbedSettings.model_json_schema()["properties"][key]
    if "enum" in schema:
        return ", ".join(schema["enum"])
    if schema["type"] == "boolean":
        return "true, false"
    low = f"{schema['minimum']:g} <= " if "minimum" in schema else f"{schema['exclusiveMinimum']:g} < "
    return f"{low}{schema['type']} <= {schema['maximum']:g}"


def described() -> list[SettingDescription]:
    """Every setting, in order."""
    fields = VisionEmbedSettings.model_fields.items()
    return [SettingDescription(key, field.default, _brief(key), field.description or "") for key, field in fields]


def _brief(key: str) -> str:
    schema = VisionEmbedSettings.model_json_schema()["properties"][key]
    if "maximum" not in schema:
        return allowed(key)
    low = f"{schema['minimum']:g}" if "minimum" in schema else f"above {schema['exclusiveMinimum']:g}"
    return f"{low}..{schema['maximum']:g}"


def _problem(key: str, found: Mapping[str, tuple[object, str]]) -> str:
    value, origin = found[key]
    if key not in VisionEmbedSettings.model_fields:
        names = ", ".join(VisionEmbedSettings.model_fields)
        return f"{key} ({origin}): no such setting; there are {names}"
    return f"{key} = {value!r} ({origin}): allowed is {allowed(key)}"


def _from_environment(env: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    """An empty variable counts as not set."""
    return {
        name.removeprefix(ENV_PREFIX).lower(): (text.strip(), f"environment {name}")
        for name, text in env.items()
        if name.startswith(ENV_PREFIX) and text.strip()
    }


def _from_file(env: Mapping[str, str], folder: Path) -> dict[str, tuple[object, str]]:
    named = env.get(CONFIG_ENV, "").strip()
    path = folder / (Path(named).expanduser() if named else CONFIG_FILE)
    if not named and not path.is_file():
        return {}
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{path} cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path} is not a TOML file: {error}"]) from error
    except RecursionError as error:
        raise SettingsError([f"{path} is nested too deeply"]) from error
    table = document.get("vision", {})
    own = table.get("embed", {}) if isinstance(table, dict) else {}
    if not isinstance(own, dict):
        raise SettingsError([f"{path}: [vision.embed] must be a table"])
    return {key: (value, f"file {path}") for key, value in own.items()}
