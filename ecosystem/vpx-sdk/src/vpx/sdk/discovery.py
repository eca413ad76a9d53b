"""Installed modules, found through their entry points."""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from vpx.sdk.errors import ModuleLoadError, ModuleNameMismatchError, ModuleNotInstalledError

ENTRY_POINT_GROUP = "visualpath.modules"

_log = logging.getLogger(__name__)


def discover_modules() -> dict[str, EntryPoint]:
    """All installed modules, sorted by name. Nothing is imported.

    Where two distributions claim one name, the alphabetically first target wins and the others are logged.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: (point.name, point.value)):
        kept = found.setdefault(point.name, point)
        if kept.value != point.value:
            _log.warning("module %r is offered twice: %s is used, %s is not", point.name, kept.value, point.value)
    return found


def load_module_class(name: str) -> type[Any]:
    """Import the class behind an installed name.

    Raises ``ModuleNotInstalledError``, ``ModuleLoadError``, or ``ModuleNameMismatchError`` where the class says another
    name (a name that is a property is only known on the instance: see ``check_module_name``).
    """
    points = discover_modules()
    if name not in points:
        raise ModuleNotInstalledError(name, sorted(points))
    point = points[name]
    try:
        cls = point.load()
    except (ImportError, AttributeError) as error:
        raise ModuleLoadError(name, point.value, f"{type(error).__name__}: {error}") from error
    if not isinstance(cls, type) or not callable(getattr(cls, "process", None)):
        raise ModuleLoadError(name, point.value, "it is not a class with a process method")
    own_name = getattr(cls, "name", None)
    if isinstance(own_name, str):
        check_module_name(name, own_name)
    return cls


def check_module_name(key: str, own_name: str) -> None:
    """Raise ``ModuleNameMismatchError`` unless a module's own name equals the key it was found under."""
    if own_name != key:
        raise ModuleNameMismatchError(key, own_name)
