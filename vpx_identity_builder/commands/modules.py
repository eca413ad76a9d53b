"""Settings of the other modules of a run, from `--set` and from the settings file, checked all at once.

The file's table of a module is `[face.detect]` or `["face.detect"]`. As everywhere `--set` beats the environment, which
the module reads itself, and that beats the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

from vpx_identity_builder.core.words import did_you_mean
from vpx_identity_builder.errors import SettingProblem
from vpx_identity_builder.settings import SettingRow
from vpx_identity_builder.settings_sources import MODULE, Found, variable_of

SET = "--set"


@dataclass(frozen=True, slots=True)
class ModuleSettings:
    """Text by `module.key`, and where each is from; `problems` are those of their places, not of their values."""

    texts: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[SettingProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """The modules of a run beside ours, the settings that reach them, and everything that is wrong."""

    modules: tuple[str, ...]
    texts: Mapping[str, str]
    problems: tuple[str | SettingProblem, ...]


def collected(assigned: Mapping[str, str], filed: Mapping[str, Found], environ: Mapping[str, str]) -> ModuleSettings:
    """What `--set` and the file's tables (`module.key` → value) say of other modules."""
    texts, origins, problems = {}, {}, []
    for key, item in filed.items():
        text = _text(item.value)
        if text is None:
            problems.append(SettingProblem(key, item.value, "must be text, a number, true or false", item.origin))
        elif variable_of(key) not in environ:
            texts[key], origins[key] = text, item.origin
    texts |= assigned
    origins |= dict.fromkeys(assigned, SET)
    return ModuleSettings(texts, origins, tuple(problems))


def checked(names: Sequence[str], settings: ModuleSettings) -> Checked:
    """Settings for the modules of a run that needs `names`, and everything that is wrong with them.

    A table of the file for an installed module that does not run here is left alone.
    """
    if find_spec("vpx.runner") is None:
        return Checked((), settings.texts, settings.problems)
    from vpx.runner.checking import check_run

    run = check_run(names, settings.texts)
    problems: list[str | SettingProblem] = list(settings.problems)
    problems += [_line(module, line, settings.origins) for module, line in run.problems]
    kept = {}
    for key, text in settings.texts.items():
        module = key.rpartition(".")[0]
        if module in run.modules:
            kept[key] = text
        elif settings.origins[key] == SET or module not in run.installed:
            problems.append(SettingProblem(key, text, _no_module(module, run.modules), settings.origins[key]))
    return Checked(run.modules, kept, tuple(problems))


def _no_module(name: str, modules: Sequence[str]) -> str:
    """That there is no such module, and which one may be meant."""
    there = (MODULE, *modules)
    hint = did_you_mean(name, there) or f"its modules are {', '.join(there)}"
    return f"there is no module {name!r} in this run; {hint}"


def setting_keys(modules: Sequence[str]) -> list[str]:
    """`module.key` of every setting that these modules describe."""
    if not modules:
        return []
    from vpx.runner.checking import describe_settings

    return [f"{module}.{row.key}" for module in modules for row in describe_settings(module)]


def rows(module: str, settings: Mapping[str, str], origins: Mapping[str, str]) -> list[SettingRow]:
    """A module's settings as it describes them itself; none where it keeps them to itself.

    `settings` and `origins` are by `module.key`. Values are shown as given: they were checked.
    """
    from vpx.runner.checking import describe_settings

    found = []
    for row in describe_settings(module):
        key, variable = f"{module}.{row.key}", variable_of(f"{module}.{row.key}")
        value, origin = row.default, "default"
        if key in settings:
            value, origin = settings[key], origins[key]
        elif os.environ.get(variable, "").strip():
            value, origin = os.environ[variable], f"environment {variable}"
        found.append(SettingRow(row.key, value, row.default, origin, row.allowed, "", row.meaning))
    return found


def _line(module: str, said: str, origins: Mapping[str, str]) -> str:
    """What a module says of a wrong setting, with its name and where the value was found."""
    line = said if module in said else f"{module}.{said}"
    for key, origin in origins.items():
        if line.startswith(f"{key} "):
            return f"{line.replace(' (constructor)', '').replace(' (argument)', '')} [{origin}]"
    return line


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None
