"""Plugins: which are installed, and one manager that holds them in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

import pluggy

from . import hooks
from .hooks_faults import HookFault, fault_of

Plugin = tuple[str, object]
"""A name and the object with the hooks."""

LOADING = "loading"


@dataclass(frozen=True, slots=True)
class Installed:
    """A plugin for people: where it comes from and the hooks that it implements, or why it cannot be used."""

    name: str
    version: str
    hooks: tuple[str, ...]
    problem: str | None = None


def plugin_manager(
    builtin: Sequence[Plugin], given: Sequence[Plugin], skipped: Collection[str]
) -> tuple[pluggy.PluginManager, list[HookFault]]:
    """A manager that asks what is installed and `given` by name, then what is `builtin`; and what could not be loaded.

    `skipped`: names of installed plugins that are left alone.
    """
    manager = _manager()
    faults: list[HookFault] = []
    for name, plugin in reversed(builtin):
        manager.register(plugin, name)
    loaded = [(name, plugin) for name, plugin in given if name not in skipped]
    for point in _points():
        if point.name not in skipped:
            try:
                loaded.append((point.name, _made(point)))
            except Exception as error:  # noqa: BLE001 - a plugin that cannot be loaded must not cost the run
                faults.append(fault_of(point.name, LOADING, {}, error))
    for name, plugin in sorted(loaded, key=lambda item: item[0], reverse=True):
        problem = _registered(manager, name, plugin)
        if problem is not None:
            faults.append(problem)
    return manager, faults


def installed() -> list[Installed]:
    """Every installed plugin in the order of names."""
    return [_described(point) for point in _points()]


def installed_names() -> list[str]:
    """Names of the installed plugins; none of them is loaded."""
    return [point.name for point in _points()]


def hooks_of(plugin: object) -> tuple[str, ...]:
    """Names of the hooks that a plugin implements. Raises `PluginValidationError` for one that does
    not exist or asks for what there is not."""
    manager = _manager()
    manager.register(plugin)
    _check(manager, plugin)
    return tuple(sorted(caller.name for caller in manager.get_hookcallers(plugin) or ()))


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    return manager


def _check(manager: pluggy.PluginManager, plugin: object) -> None:
    """Hooks that exist, and none around another plugin's: each is asked alone, so that a fault has one name."""
    manager.check_pending()
    for caller in manager.get_hookcallers(plugin) or ():
        if any(one.hookwrapper or one.wrapper for one in caller.get_hookimpls() if one.plugin is plugin):
            raise pluggy.PluginValidationError(plugin, f"{caller.name} is a wrapper; a hook answers for itself")


def _points() -> list[EntryPoint]:
    """Entry points by name; of two distributions with one name the first by the distribution's name counts."""
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=hooks.GROUP), key=lambda p: (p.name, p.dist.name if p.dist else "")):
        found.setdefault(point.name, point)
    return list(found.values())


def _made(point: EntryPoint) -> object:
    thing = point.load()
    return thing() if isinstance(thing, type) else thing


def _registered(manager: pluggy.PluginManager, name: str, plugin: object) -> HookFault | None:
    """Register a plugin whose hooks are all known; otherwise why not."""
    try:
        manager.register(plugin, name)
        _check(manager, plugin)
    except (pluggy.PluginValidationError, ValueError) as error:
        if manager.has_plugin(name):
            manager.unregister(name=name)
        return fault_of(name, LOADING, {}, error)
    return None


def _described(point: EntryPoint) -> Installed:
    version = point.dist.version if point.dist else ""
    try:
        return Installed(point.name, version, hooks_of(_made(point)))
    except Exception as error:  # noqa: BLE001 - it is listed with what is wrong with it
        return Installed(point.name, version, (), fault_of(point.name, LOADING, {}, error).reason)


def names_of(text: str) -> frozenset[str]:
    """Names with commas between."""
    return frozenset(name.strip() for name in text.split(",") if name.strip())
