"""`--set module.key=value`, whom each is for, and whether all are right."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpx_identity_builder.commands.modules import SET, checked, collected, setting_keys
from vpx_identity_builder.commands.without_effect import without_effect
from vpx_identity_builder.core.words import did_you_mean
from vpx_identity_builder.errors import SettingProblem, SettingsError
from vpx_identity_builder.settings import Settings, resolve, specs
from vpx_identity_builder.settings_sources import MODULE, Found, misspelt_variables, other_modules, settings_file


@dataclass(frozen=True, slots=True)
class Effective:
    """What a run goes by: our own settings as given and as resolved, its other modules, and their settings.

    `others` and `origins` are by `module.key`; what the modules read from the environment themselves is not in them.
    `unread`: lines on environment variables that nobody reads, though they look like settings, and on settings that
    change nothing.
    """

    own: Mapping[str, object]
    settings: Settings
    modules: tuple[str, ...]
    others: Mapping[str, str]
    origins: Mapping[str, str]
    unread: tuple[str, ...] = ()


def effective(texts: Sequence[str], forced: Mapping[str, object] | None = None) -> Effective:
    """All settings of a run, from `--set`, the environment and the file. `forced`: own ones, from other options.

    Raises `SettingsError` with everything that is wrong, of whatever module.
    """
    from vpx_identity_builder.module import REQUIRED, used_if_present  # imports decoders; `parse` needs none

    assigned, others, misspelt = _split(texts)
    own = found_as_set(assigned) | dict(forced or {})
    problems: list[SettingProblem | str] = [*misspelt]
    settings, filed, broken = Settings(), dict[str, Found](), ""
    try:
        filed = other_modules(os.environ, Path.cwd())
    except SettingsError as error:
        problems += error.problems
        broken = settings_file(os.environ)
    else:
        try:
            settings = resolve(own)
        except SettingsError as error:
            problems += error.problems
    found = collected(others, filed, os.environ)
    run = checked([*REQUIRED, *used_if_present(settings)], found)
    problems += [line for line in run.problems if not broken or broken not in str(line)]
    if problems:
        raise SettingsError(problems)
    keys = [f"{MODULE}.{key}" for key in specs()] + setting_keys(run.modules)
    unread = (*misspelt_variables(os.environ, keys), *without_effect(settings, run.modules))
    return Effective(own, settings, run.modules, run.texts, {key: found.origins[key] for key in run.texts}, unread)


def parse(texts: Sequence[str]) -> tuple[dict[str, object], dict[str, str]]:
    """Our own settings by key, and those of other modules by `module.key`; later ones win.

    Raises `SettingsError` naming every text that is not `module.key=value`.
    """
    own, others, problems = _split(texts)
    if problems:
        raise SettingsError(problems)
    return own, others


def found_as_set(own: Mapping[str, object]) -> dict[str, object]:
    """Our own settings of `parse`, so that errors about them say that they come from `--set`."""
    return {key: Found(value, SET) for key, value in own.items()}


def _split(texts: Sequence[str]) -> tuple[dict[str, object], dict[str, str], list[SettingProblem]]:
    own: dict[str, object] = {}
    others: dict[str, str] = {}
    problems = []
    for text in texts:
        name, equals, value = text.partition("=")
        module, _, key = name.strip().rpartition(".")
        if not (equals and module and key):
            problems.append(
                SettingProblem(name, value, f"must be written module.key=value{_meant(name.strip())}", "--set")
            )
        elif module == MODULE:
            own[key] = value
        else:
            others[f"{module}.{key}"] = value
    return own, others, problems


def _meant(name: str) -> str:
    """Which of our own settings is meant by a name without a module, as the end of a sentence."""
    hint = did_you_mean(f"{MODULE}.{name}", (f"{MODULE}.{key}" for key in specs()), likeness=0.9)
    return f"; {hint}" if hint else ""
