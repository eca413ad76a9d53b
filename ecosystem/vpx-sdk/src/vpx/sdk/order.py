"""The order in which modules run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from vpx.sdk.errors import DependencyCycleError, DuplicateModuleError, MissingDependencyError


class HasDependencies(Protocol):
    """What ordering needs to know; ``optional_depends`` is read where it exists."""

    @property
    def name(self) -> str:
        """The module's name."""

    @property
    def depends(self) -> list[str]:
        """Names that must run before."""


_M = TypeVar("_M", bound=HasDependencies)


def toposort_modules(modules: Sequence[_M]) -> list[_M]:
    """Order modules so that each runs after its required and its present optional dependencies.

    Among modules that are free to run the given order is kept. Raises ``DuplicateModuleError``,
    ``MissingDependencyError`` (a required name is absent) or ``DependencyCycleError``.
    """
    by_name: dict[str, _M] = {}
    for module in modules:
        if module.name in by_name:
            raise DuplicateModuleError(module.name)
        by_name[module.name] = module
    waits_for = {name: _present_dependencies(module, by_name) for name, module in by_name.items()}
    ordered: list[_M] = []
    done: set[str] = set()
    pending = list(by_name)
    while pending:
        ready = next((name for name in pending if all(dep in done for dep in waits_for[name])), None)
        if ready is None:
            raise DependencyCycleError(_find_cycle(pending, waits_for))
        pending.remove(ready)
        done.add(ready)
        ordered.append(by_name[ready])
    return ordered


def _present_dependencies(module: _M, by_name: dict[str, _M]) -> list[str]:
    for name in module.depends:
        if name not in by_name:
            raise MissingDependencyError(module.name, name, sorted(by_name))
    optional = [name for name in getattr(module, "optional_depends", ()) if name in by_name]
    return [*module.depends, *optional]


def _find_cycle(pending: list[str], waits_for: dict[str, list[str]]) -> list[str]:
    """Follow unmet dependencies from the first pending name until a name comes back."""
    unmet = set(pending)
    path: list[str] = []
    name = pending[0]
    while name not in path:
        path.append(name)
        name = next(dep for dep in waits_for[name] if dep in unmet)
    return path[path.index(name) :]
