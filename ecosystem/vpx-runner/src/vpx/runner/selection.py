"""From names and instances to the ordered modules of a run."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vpx.runner.errors import SettingsError
from vpx.sdk import (
    DuplicateModuleError,
    Module,
    ModuleLoadError,
    ModuleNotInstalledError,
    check_module_name,
    discover_modules,
    load_module_class,
    toposort_modules,
)

_log = logging.getLogger(__name__)

ModuleSettings = Mapping[str, Mapping[str, str]]


def parse_settings(assignments: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Group ``{"face.detect.det_size": "512"}`` by module: the part before the last dot."""
    grouped: dict[str, dict[str, str]] = {}
    for name, value in assignments.items():
        module, _, key = name.rpartition(".")
        if not module or not key:
            raise SettingsError(f"a setting is written module.key=value, got {name!r}")
        grouped.setdefault(module, {})[key] = value
    return grouped


def select_modules(
    analyzers: Sequence[str | Module], settings: ModuleSettings | None = None, include_optional: bool = False
) -> list[Module]:
    """All modules of a run in the order in which they process a frame.

    Required dependencies that are not among ``analyzers`` are built from what is installed, transitively; with
    ``include_optional`` so are the optional ones that are installed. Raises the SDK's errors for what is missing,
    broken, doubled or circular, and ``SettingsError`` for settings that reach no module.
    """
    settings = settings or {}
    chosen: dict[str, Module] = {}
    for analyzer in analyzers:
        if isinstance(analyzer, str):
            if analyzer not in chosen:
                chosen[analyzer] = build_module(analyzer, settings.get(analyzer, {}))
        elif analyzer.name in chosen:
            raise DuplicateModuleError(analyzer.name)
        else:
            chosen[analyzer.name] = analyzer
    given = {analyzer.name for analyzer in analyzers if not isinstance(analyzer, str)}
    _add_dependencies(chosen, settings, include_optional)
    _refuse_unused(settings, chosen, given)
    return toposort_modules(list(chosen.values()))


def build_module(name: str, values: Mapping[str, str]) -> Module:
    """Build an installed module, with ``values`` (key to text) as its settings.

    A class with a ``from_settings`` classmethod gets the texts; for another one they become constructor arguments, read
    as JSON where they are JSON. Raises ``SettingsError`` for what the module refuses.
    """
    cls = load_module_class(name)
    try:
        module: Module = _construct(name, cls, values)
    except (TypeError, ValueError) as error:
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(f"module {name!r} refuses its settings: {error}") from error
    check_module_name(name, module.name)
    return module


def _construct(name: str, cls: type[Any], values: Mapping[str, str]) -> Any:
    if not values:
        return cls()
    from_settings = getattr(cls, "from_settings", None)
    if from_settings is not None:
        return from_settings(dict(values))
    known = [
        parameter.name
        for parameter in inspect.signature(cls).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    unknown = [key for key in values if key not in known]
    if unknown:
        has = f"its settings are: {', '.join(known)}" if known else "it has no settings"
        raise SettingsError(f"module {name!r} has no setting {', '.join(unknown)}; {has}")
    return cls(**{key: _parse_value(text) for key, text in values.items()})


def _parse_value(text: str) -> Any:
    """JSON where the text is JSON, else the text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _add_dependencies(chosen: dict[str, Module], settings: ModuleSettings, include_optional: bool) -> None:
    waiting = list(chosen.values())
    while waiting:
        module = waiting.pop(0)
        for name in module.depends:
            if name not in chosen:
                chosen[name] = _build_required(name, module.name, settings)
                waiting.append(chosen[name])
        if include_optional:
            waiting += _build_optional(getattr(module, "optional_depends", []), module.name, chosen, settings)


def _build_required(name: str, needed_by: str, settings: ModuleSettings) -> Module:
    try:
        return build_module(name, settings.get(name, {}))
    except ModuleNotInstalledError as error:
        error.add_note(f"it is needed by {needed_by!r}")
        raise


def _build_optional(
    names: Iterable[str], wanted_by: str, chosen: dict[str, Module], settings: ModuleSettings
) -> list[Module]:
    """Build what is installed of ``names``; one that is installed but broken is left out with a warning."""
    installed = discover_modules()
    added = []
    for name in names:
        if name in chosen or name not in installed:
            continue
        try:
            chosen[name] = build_module(name, settings.get(name, {}))
        except ModuleLoadError as error:
            _log.warning("%s, so %r runs without it", error, wanted_by)
            continue
        added.append(chosen[name])
    return added


def _refuse_unused(settings: ModuleSettings, chosen: Mapping[str, Module], given: set[str]) -> None:
    for name in settings:
        if name in given:
            raise SettingsError(f"module {name!r} was given ready-made, so settings cannot reach it")
        if name not in chosen:
            raise SettingsError(f"there is no module {name!r} in this run; its modules are: {', '.join(chosen)}")
