"""Settings of a module: constructor argument first, then the environment, then the default; checked all at once.

The variable of setting `det_size` of module `face.detect` is `VPX_FACE_DETECT__DET_SIZE`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal


class ModuleSettingsError(ValueError):
    """One or more settings are wrong; `problems` has a line for each, with key, value, origin and what is allowed."""

    def __init__(self, module: str, problems: Sequence[str]) -> None:
        super().__init__(f"settings of {module}: " + "; ".join(problems))
        self.module = module
        self.problems = tuple(problems)


@dataclass(frozen=True)
class NumberSetting:
    """A number within `low..high` (both included); an int default allows whole numbers only."""

    key: str
    default: int | float
    low: float
    high: float
    meaning: str

    @property
    def allowed(self) -> str:
        """The range in plain digits, such as `64..1048576`."""
        return f"{_in_digits(self.low)}..{_in_digits(self.high)}"


@dataclass(frozen=True)
class SettingDescription:
    """One setting for people: what it may be is told in words."""

    key: str
    default: object
    allowed: str
    meaning: str


def described(rows: Sequence[NumberSetting]) -> list[SettingDescription]:
    """The descriptions of numbers."""
    return [SettingDescription(row.key, row.default, row.allowed, row.meaning) for row in rows]


def environment_name(module: str, key: str) -> str:
    """Name of the environment variable of a setting."""
    return f"VPX_{module.replace('.', '_')}__{key}".upper()


def misspelt_variables(
    module: str, keys: Sequence[str], environ: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """Variables that nobody reads and that only differ in underscores from a setting's, each with the right one."""
    right = [environment_name(module, key) for key in keys]
    meant = {name.replace("_", ""): name for name in right}
    found = [(name, meant.get(name.replace("_", ""))) for name in sorted(os.environ if environ is None else environ)]
    return [(name, name_meant) for name, name_meant in found if name_meant is not None and name not in right]


def resolve_numbers(
    module: str,
    rows: Sequence[NumberSetting],
    given: Mapping[str, object],
    environ: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Value of every row: `given` where it is not None, else the environment, else the default.

    Whole-number settings come back as int. Errors: `ModuleSettingsError` naming every wrong value.
    """
    variables = os.environ if environ is None else environ
    values: dict[str, float] = {}
    problems: list[str] = []
    for row in rows:
        name = environment_name(module, row.key)
        value: object = given.get(row.key)
        origin = "constructor"
        if value is None:
            value, origin = variables.get(name, row.default), f"environment {name}"
        number = _number(value, whole=isinstance(row.default, int))
        if number is None or not row.low <= number <= row.high:
            kind = "a whole number" if isinstance(row.default, int) else "a number"
            problems.append(f"{module}.{row.key} must be {kind} in {row.allowed}, not {value!r} ({origin})")
        else:
            values[row.key] = number
    if problems:
        raise ModuleSettingsError(module, problems)
    return values


def _in_digits(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else format(Decimal(repr(float(number))), "f")


def _number(value: object, *, whole: bool) -> int | float | None:
    """The number that a value or its text stands for, or None. Booleans are no numbers; NaN fails the range check."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    if not whole:
        return number
    return int(number) if number.is_integer() else None
