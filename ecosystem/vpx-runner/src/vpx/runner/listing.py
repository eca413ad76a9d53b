"""What ``vpx list`` shows."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

from rich.table import Table

from vpx.runner.errors import describe
from vpx.runner.selection import build_module
from vpx.sdk import discover_modules


@dataclass(frozen=True)
class ModuleRow:
    """One installed module; ``problem`` says why it cannot be built, if so."""

    name: str
    target: str
    distribution: str
    depends: tuple[str, ...] = ()
    optional_depends: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    description: str = ""
    problem: str = ""


def installed_modules() -> list[ModuleRow]:
    """All installed modules by name. Each is built, none is initialized."""
    return [_describe_module(name) for name in discover_modules()]


def as_table(rows: list[ModuleRow], verbose: bool) -> Table:
    """The table of ``vpx list``; ``verbose`` adds settings, target and distribution."""
    columns = ["module", "needs", "uses if present"]
    table = Table(*columns, *(["settings", "class", "distribution"] if verbose else []), "about")
    for row in rows:
        about = f"cannot be loaded: {row.problem}" if row.problem else row.description
        extra = ["\n".join(row.settings), row.target, row.distribution] if verbose else []
        table.add_row(row.name, "\n".join(row.depends), "\n".join(row.optional_depends), *extra, about)
    return table


def _describe_module(name: str) -> ModuleRow:
    point = discover_modules()[name]
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist is not None else ""
    try:
        module = build_module(name, {})
    except Exception as error:  # noqa: BLE001 - one broken plugin must not hide the others
        return ModuleRow(name, point.value, distribution, problem=describe(error))
    cls = type(module)
    return ModuleRow(
        name,
        point.value,
        distribution,
        tuple(module.depends),
        tuple(getattr(module, "optional_depends", ())),
        tuple(inspect.signature(cls).parameters),
        (inspect.getdoc(cls) or "").split("\n")[0],
    )
