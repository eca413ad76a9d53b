"""Settings of the identity builder: what can be set, and the validated values with the origin of each.

Looked up in this order: constructor arguments, environment `VPX_IDENTITY_BUILDER__<KEY>`, the table
`[identity_builder]` of a TOML file (`IDENTITY_BUILDER_CONFIG`, else `identity_builder.toml` in the working folder),
defaults.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_type_hints

from vpx_identity_builder.core.config import (
    FACE_ID_MODELS,
    GROUPS,
    Config,
    FaceIdModel,
    NoveltyScale,
    setting,
    setting_fields,
)
from vpx_identity_builder.settings_sources import LOGGED, Found, collect, from_given
from vpx_identity_builder.settings_validation import SettingSpec, check

ImageFormat = Literal["jpeg", "png"]
PitchSign = Literal["auto", "as_given", "reversed"]
PITCH_SIGNS = ("auto", "as_given", "reversed")


def _meta(why: str, choices: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"unit": "", "why": why, "choices": choices}


def _names(text: str) -> tuple[str, ...]:
    """Names with commas between, each once."""
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """Where the sets go, in which form, and how the inputs are to be understood."""

    output_dir: Path = field(
        default=Path("output"), metadata=_meta("sets go to {output_dir}/{video_id}/identity_builder")
    )
    video_id: str | None = field(default=None, metadata=_meta("name of the video's folder; unset: the file's name"))
    image_format: ImageFormat = field(default="jpeg", metadata=_meta("file format of the images", ("jpeg", "png")))
    jpeg_quality: int = setting(95, 95, 100, "JPEG quality", "references must not be blocky")
    checkpoint_s: float = setting(
        20.0,
        0,
        3600,
        "seconds of video",
        "what was seen so far is published this often, so that a killed process leaves a set; 0: never",
    )
    run_log: bool = field(
        default=True,
        metadata=_meta("log what the run sees in {output_dir}/{video_id}/run.sqlite, for `recover` and `rebuild`"),
    )
    run_log_crops_mb: float = setting(
        24.0, 0, 100_000, "MB", "beyond this the log drops crops that were considered and replaced, the oldest first"
    )
    keep_log_days: float | None = setting(
        30.0, 0, 36500, "days", "from then on `identity-builder erase --expired` removes the run log; unset: never"
    )
    keep_days: float | None = setting(
        None,
        0,
        36500,
        "days",
        "from then on `identity-builder erase --expired` removes everything of the video; unset: never",
    )
    face_id_model: str = field(
        default="auto",
        metadata=_meta(
            "the model that made the Face-ID embeddings; auto: as the detector says, else by length",
            ("auto", *(model.name for model in FACE_ID_MODELS)),
        ),
    )
    face_detect_pitch: PitchSign = field(
        default="auto",
        metadata=_meta("sign of face.detect's pitch; auto: as given, unless the video proves it reversed", PITCH_SIGNS),
    )
    head_pose_pitch: PitchSign = field(
        default="auto",
        metadata=_meta("sign of head.pose's pitch; auto: as given, unless the video proves it reversed", PITCH_SIGNS),
    )
    extra_inputs: str = field(
        default="", metadata=_meta("further modules whose occlusion_ratio is read; names with commas between")
    )
    plugins_off: str = field(
        default="", metadata=_meta("installed plugins that are not asked (docs/hooks.md); names with commas between")
    )

    memory_bank: Path | None = field(
        default=None, metadata=_meta("folder of remembered persons, recognised and learnt from; unset: no memory")
    )
    memory_person: str = field(
        default="",
        metadata=_meta("labels of new persons in the memory, person_0 first, commas between; empty: by video"),
    )

    @property
    def pitch_signs(self) -> Mapping[str, PitchSign]:
        """Source of head poses → how its pitch is to be understood."""
        return {"face.detect": self.face_detect_pitch, "head.pose": self.head_pose_pitch}

    @property
    def memory_labels(self) -> tuple[str, ...]:
        """`memory_person` as names; an empty one is named by the video."""
        return tuple(name.strip() for name in self.memory_person.split(",")) if self.memory_person.strip() else ()

    @property
    def extra_modules(self) -> tuple[str, ...]:
        """`extra_inputs` as names, each once."""
        return _names(self.extra_inputs)


@dataclass(frozen=True, slots=True)
class HighlightSettings:
    """Moments that deserve more frames, and that win among images of equal quality (§15)."""

    windows: Path | None = field(
        default=None, metadata=_meta("file of highlight windows of the one video: windows.json of highlight_vector")
    )
    window_fps: float = setting(
        30.0,
        0.1,
        1000,
        "frames per second",
        "how densely windows are looked at where the host can, if above the usual rate",
    )
    highlight_inputs: str = field(
        default="", metadata=_meta("modules whose signal `trigger` marks a highlight; names with commas between")
    )
    highlight_hold_ms: float = setting(1000.0, 0, 60_000, "ms", "how long a highlight lasts after its trigger")

    @property
    def trigger_modules(self) -> tuple[str, ...]:
        """`highlight_inputs` as names, each once."""
        return _names(self.highlight_inputs)


@dataclass(frozen=True, slots=True)
class ModelOverrides:
    """Thresholds that otherwise belong to a model's own row; None = the row's value."""

    tau_id: float | None = setting(None, -1, 1, "cosine", "a frame is this person")
    tau_merge: float | None = setting(None, -1, 1, "cosine", "two tracklets are one person")
    tau_split: float | None = setting(None, -1, 1, "cosine", "below this a trusted frame contradicts its tracklet")
    novelty_threshold: float | None = setting(None, 0.001, 2, "cosine distance", "from here on an image is new")
    novelty_plateau: float | None = setting(None, 0, 2, "cosine distance", "below this nothing new comes")

    def face_id(self, row: FaceIdModel) -> FaceIdModel:
        """`row` with the overridden thresholds; its origin says so."""
        given = {
            key: value for key in ("tau_id", "tau_merge", "tau_split") if (value := getattr(self, key)) is not None
        }
        return replace(row, **given, origin=f"{row.origin}; {', '.join(given)} set by hand") if given else row

    def novelty(self, scale: NoveltyScale) -> NoveltyScale:
        """`scale` with the overridden thresholds. It counts as calibrated once both are set by hand."""
        if self.novelty_threshold is None and self.novelty_plateau is None:
            return scale
        return NoveltyScale(
            threshold=scale.threshold if self.novelty_threshold is None else self.novelty_threshold,
            plateau=scale.plateau if self.novelty_plateau is None else self.novelty_plateau,
            calibrated=scale.calibrated or None not in (self.novelty_threshold, self.novelty_plateau),
        )


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting for people: its effective value, where that came from, and what it is for."""

    key: str
    value: object
    default: object
    origin: str
    allowed: str
    unit: str
    why: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, validated.

    `origins` maps each key to "default", "argument", "--set", "environment NAME" or "file PATH".
    """

    config: Config = field(default_factory=Config)
    output: OutputSettings = OutputSettings()
    highlights: HighlightSettings = HighlightSettings()
    overrides: ModelOverrides = ModelOverrides()
    origins: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(specs(), "default"))

    def values(self) -> dict[str, object]:
        """Key → effective value, in order of appearance."""
        owners: dict[str, object] = {group: getattr(self.config, group) for group in GROUPS}
        owners |= {"output": self.output, "highlights": self.highlights, "overrides": self.overrides}
        return {spec.key: getattr(owners[spec.group], spec.key) for spec in specs().values()}

    def rows(self) -> list[SettingRow]:
        """Every setting with its value, origin, range, unit and reason."""
        values = self.values()
        return [
            SettingRow(key, values[key], spec.default, self.origins[key], spec.allowed, spec.unit, spec.why)
            for key, spec in specs().items()
        ]

    def changed(self) -> dict[str, str | int | float | bool]:
        """What differs from the defaults and bears on the choice of images; paths and names stay out."""
        private = (
            "output_dir",
            "video_id",
            "checkpoint_s",
            "run_log",
            "run_log_crops_mb",
            "memory_bank",
            "memory_person",
        )
        return {
            row.key: row.value
            for row in self.rows()
            if row.key not in private and row.value != row.default and isinstance(row.value, str | int | float | bool)
        }


def specs() -> Mapping[str, SettingSpec]:
    """Key → specification of every setting: the groups of `core.config`, then output, highlights, model overrides."""
    return _specs()


@cache
def _specs() -> Mapping[str, SettingSpec]:
    owned: list[tuple[str, type[Any], Field[Any]]] = [
        (group, GROUPS[group], item) for group, item in setting_fields().values()
    ]
    owned += [("output", OutputSettings, item) for item in fields(OutputSettings)]
    owned += [("highlights", HighlightSettings, item) for item in fields(HighlightSettings)]
    owned += [("overrides", ModelOverrides, item) for item in fields(ModelOverrides)]
    hints = {cls: get_type_hints(cls) for _, cls, _ in owned}
    return MappingProxyType(
        {item.name: SettingSpec.of(group, item, hints[cls][item.name]) for group, cls, item in owned}
    )


def resolve(
    arguments: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Settings:
    """The effective settings. Raises `SettingsError` that lists every problem, or names the line of a broken file.

    `environ` and `cwd` are those of the process unless given.
    """
    known = specs()
    found, problems = collect(
        arguments or {}, os.environ if environ is None else environ, Path.cwd() if cwd is None else cwd, known
    )
    return _build(known, found, check(known, found, problems))


def recorded(values: Mapping[str, object], changes: Mapping[str, object]) -> Settings:
    """The settings that a run log holds, with `changes` over them; environment and files have no say.

    What this version does not know of the log is left out. Raises `SettingsError`.
    """
    known = specs()
    given, problems = from_given(changes, known)
    found = {key: Found(value, LOGGED) for key, value in values.items() if key in known} | given
    return _build(known, found, check(known, found, problems))


def _build(known: Mapping[str, SettingSpec], found: Mapping[str, Found], values: Mapping[str, object]) -> Settings:
    groups: dict[str, dict[str, Any]] = {}
    for key, spec in known.items():
        groups.setdefault(spec.group, {})[key] = values[key]
    return Settings(
        config=Config(**{name: cls(**groups[name]) for name, cls in GROUPS.items()}),
        output=OutputSettings(**groups["output"]),
        highlights=HighlightSettings(**groups["highlights"]),
        overrides=ModelOverrides(**groups["overrides"]),
        origins={key: found[key].origin if key in found else "default" for key in known},
    )
