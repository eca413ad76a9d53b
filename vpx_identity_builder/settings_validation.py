"""Checks of settings: types and ranges from the one home of each setting, and what must hold between two of them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field as DataclassField
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from vpx_identity_builder.core.config import FACE_ID_MODELS
from vpx_identity_builder.core.words import in_digits
from vpx_identity_builder.errors import FolderNameError, SettingProblem, SettingsError
from vpx_identity_builder.names import safe_video_id
from vpx_identity_builder.settings_sources import LOGGED, Found

# (smaller, relation, larger): the strict gate is never looser than the loose one, and minima stay below maxima.
RELATIONS: tuple[tuple[str, str, str], ...] = (
    ("loose_confidence", "<=", "strict_confidence"),
    ("loose_face_px", "<=", "strict_face_px"),
    ("exposure_low", "<", "exposure_high"),
    ("strict_clipped", "<=", "loose_clipped"),
    ("strict_occlusion", "<=", "loose_occlusion"),
    ("sharpness_floor", "<=", "sharpness_good"),
    ("strict_roll_deg", "<=", "loose_roll_deg"),
    ("strict_alignment_error", "<=", "loose_alignment_error"),
    ("max_persons", "<=", "max_tracked"),
    ("prototype_min_strict", "<=", "reservoir_size"),
    ("anchors_min", "<=", "anchors_max"),
    ("challenge_min", "<=", "challenge_max"),
    ("dark_level", "<", "bright_level"),
    ("tau_split", "<=", "tau_merge"),
    ("novelty_plateau", "<=", "novelty_threshold"),
)
_HOLDS: dict[str, Callable[[Any, Any], bool]] = {"<": operator.lt, "<=": operator.le}


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """What one setting may be. `group` is the dataclass it belongs to; `kind` its type without None."""

    key: str
    group: str
    kind: type
    optional: bool
    default: object
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    unit: str
    why: str

    @classmethod
    def of(cls, group: str, item: DataclassField[Any], hint: Any) -> SettingSpec:
        """The specification that a dataclass field and its metadata amount to."""
        parts = [part for part in get_args(hint) if part is not NoneType]
        optional = NoneType in get_args(hint)
        kind = str if get_origin(hint) is Literal else (parts[0] if optional else hint)
        meta = item.metadata
        low, high = (None, None) if kind is bool else (meta.get("low"), meta.get("high"))
        choices = tuple(meta.get("choices", ()))
        return cls(
            item.name, group, kind, optional, item.default, low, high, choices, str(meta["unit"]), str(meta["why"])
        )

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        if self.choices:
            words = f"one of {', '.join(self.choices)}"
        elif self.low is not None and self.high is not None:
            kind = "a whole number" if self.kind is int else "a number"
            unit = f" ({self.unit})" if self.unit else ""
            words = f"{kind} from {in_digits(self.low)} to {in_digits(self.high)}{unit}"
        else:
            words = {bool: "true or false", str: "a name", Path: "a path"}[self.kind]
        return f"{words}, or nothing" if self.optional else words

    @property
    def brief(self) -> str:
        """What is allowed, as short as a table wants it."""
        if self.choices:
            words = ", ".join(self.choices)
        elif self.low is not None and self.high is not None:
            words = f"{in_digits(self.low)}..{in_digits(self.high)} {self.unit}"
        else:
            words = {bool: "true, false", str: "text", Path: "a path"}[self.kind]
        return f"{words}; or nothing" if self.optional else words


def check(
    known: Mapping[str, SettingSpec], found: Mapping[str, Found], problems: Sequence[SettingProblem]
) -> dict[str, object]:
    """Key → valid value of every known setting. Raises `SettingsError` with `problems` and all that is wrong."""
    every = list(problems)
    wrong: set[str] = set()
    model = _model(tuple(known.values()))
    try:
        values = dict(model.model_validate({key: item.value for key, item in found.items()}))
    except ValidationError as error:
        wrong = {str(detail["loc"][0]) for detail in error.errors()}
        every += [
            SettingProblem(key, found[key].value, f"must be {known[key].allowed}", found[key].origin)
            for key in found
            if key in wrong
        ]
        valid = {key: item.value for key, item in found.items() if key not in wrong}
        values = dict(model.model_validate(valid))
    every += _between(values, found, wrong)
    every += _named(values, found)
    if every:
        raise SettingsError(every)
    return values


@cache
def _model(known: tuple[SettingSpec, ...]) -> type[BaseModel]:
    definitions: dict[str, Any] = {spec.key: (_annotation(spec), spec.default) for spec in known}
    return create_model("SettingsModel", __config__=ConfigDict(extra="forbid", protected_namespaces=()), **definitions)


def _annotation(spec: SettingSpec) -> Any:
    if spec.choices:
        return Literal[spec.choices]
    kind: Any = spec.kind
    if spec.low is not None:
        limits = Field(ge=spec.low, le=spec.high, allow_inf_nan=False if kind is float else None)
        kind = Annotated[kind, BeforeValidator(_no_switch), limits]
    if spec.kind is bool:
        kind = Annotated[kind, BeforeValidator(_no_number)]
    if spec.kind is Path:
        kind = Annotated[kind, BeforeValidator(_no_empty_path)]
    if not spec.optional:
        return kind
    return Annotated[kind | None, BeforeValidator(_nothing)] if spec.low is not None else kind | None


def _no_switch(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a switch is not a number")
    return value


def _no_number(value: object) -> object:
    if not isinstance(value, bool | str):
        raise ValueError("a number is not a switch")
    return value


def _no_empty_path(value: object) -> object:
    if isinstance(value, str):
        if not value.strip() or "\0" in value:
            raise ValueError("not a path")
        return Path(value).expanduser()
    return value


def _nothing(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() in ("none", "null", "") else value


def _between(values: Mapping[str, Any], found: Mapping[str, Found], wrong: set[str]) -> list[SettingProblem]:
    """Relations that do not hold. A Face-ID row chosen by name stands in for its thresholds that are not overridden."""
    row = next((model for model in FACE_ID_MODELS if model.name == values["face_id_model"]), None)
    effective = {key: getattr(row, key, None) if value is None else value for key, value in values.items()}
    problems = []
    for smaller, relation, larger in RELATIONS:
        low, high = effective.get(smaller), effective.get(larger)
        if low is None or high is None or {smaller, larger} & wrong or _HOLDS[relation](low, high):
            continue
        said = [name for name in (smaller, larger) if name in found]
        key = next((name for name in said if found[name].origin != LOGGED), (*said, larger)[0])
        other = larger if key == smaller else smaller
        words = (
            ("less than" if relation == "<" else "at most")
            if key == smaller
            else ("more than" if relation == "<" else "at least")
        )
        origin = found[key].origin if key in found else "default"
        also = f"{'raise' if key == smaller else 'lower'} {other} too if you mean it"
        problems.append(
            SettingProblem(key, values[key], f"must be {words} {other} ({effective[other]!r}); {also}", origin)
        )
    return problems


def _named(values: Mapping[str, Any], found: Mapping[str, Found]) -> list[SettingProblem]:
    labels = (name.strip() for name in values["memory_person"].split(","))
    given = [("video_id", values["video_id"]), *(("memory_person", name) for name in labels if name)]
    problems = []
    for key, name in given:
        try:
            if name is not None:
                safe_video_id(name)
        except FolderNameError as error:
            problems.append(SettingProblem(key, name, f"cannot name a folder: {error.reason}", found[key].origin))
    return problems
