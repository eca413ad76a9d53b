"""What a run would make of its settings, before anything starts, so that every mistake can be told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vpx.runner.decoding import DECODE_SETTINGS, Decoding
from vpx.runner.decoding import MODULE as DECODE
from vpx.runner.errors import SettingsError
from vpx.runner.selection import build_module, parse_settings
from vpx.sdk import Module, ModuleLoadError, discover_modules, load_module_class, settings
from vpx.sdk.settings import SettingDescription, described


@dataclass(frozen=True)
class RunCheck:
    """The modules of a run, ``decode`` last, all that are installed, and (module, line) of every wrong setting."""

    modules: tuple[str, ...]
    installed: frozenset[str]
    problems: tuple[tuple[str, str], ...]


def check_run(wanted: Sequence[str], given: Mapping[str, str]) -> RunCheck:
    """Build what is installed of ``wanted`` and what that needs or can use, with settings (``module.key`` → text).

    Nothing is initialized. Settings of modules that do not run are not looked at.
    """
    grouped, installed = parse_settings(given), discover_modules()
    names: list[str] = []
    problems: list[tuple[str, str]] = []
    waiting = list(wanted)
    while waiting:
        name = waiting.pop(0)
        if name in names or name not in installed:
            continue
        try:
            module = build_module(name, grouped.get(name, {}))
        except ModuleLoadError:
            continue
        except SettingsError as error:
            problems += [(name, line) for line in _lines(error)]
        else:
            waiting += [*module.depends, *getattr(module, "optional_depends", ())]
        names.append(name)
    try:
        Decoding.resolve(grouped.get(DECODE, {}))
    except SettingsError as error:
        problems += [(DECODE, line) for line in _lines(error)]
    return RunCheck((*names, DECODE), frozenset(installed), tuple(problems))


def describe_settings(module: str) -> Sequence[SettingDescription]:
    """A module's settings, as its classmethod ``describe_settings`` tells them; none where it has no such method."""
    if module == DECODE:
        return described(DECODE_SETTINGS)
    describe = getattr(load_module_class(module), "describe_settings", None)
    return [] if describe is None else list(describe())


def misspelt_variables(modules: Sequence[Module]) -> list[str]:
    """A line for each environment variable that is not read, though it nearly is the one of a module's setting."""
    found = []
    for name in (*(module.name for module in modules), DECODE):
        keys = [row.key for row in describe_settings(name)] if name in discover_modules() or name == DECODE else []
        found += settings.misspelt_variables(name, keys)
    return [f"the environment variable {name} is not read; the setting's is {right}" for name, right in found]


def _lines(error: SettingsError) -> list[str]:
    return [str(line) for line in getattr(error.__cause__, "problems", None) or [error]]
