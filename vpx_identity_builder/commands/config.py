"""`identity-builder config`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from vpx_identity_builder.commands.assignments import parse
from vpx_identity_builder.settings import SettingRow, resolve

EMBED = "vision.embed"


def run(assignments: Sequence[str], show: bool) -> None:
    """Say that the settings are right, or list them with those of vision.embed.

    Raises `SettingsError`, or vision.embed's own, with everything that is wrong.
    """
    own, others = parse(assignments)
    rows = resolve(own).rows()
    embed = _embed_rows({key.removeprefix(f"{EMBED}."): v for key, v in others.items() if key.startswith(f"{EMBED}.")})
    if show:
        Console().print(_table({"identity_builder": rows, EMBED: embed}))
    else:
        changed = sum(row.origin != "default" for row in rows)
        typer.echo(f"{len(rows)} settings, {changed} of them set, all valid; --show lists them")


def _embed_rows(given: Mapping[str, str]) -> list[SettingRow]:
    """The settings of the installed vision.embed as it understands them itself; none where it keeps them to itself."""
    found = entry_points(group="visualpath.modules", name=EMBED)
    if not found:
        return []
    module: Any = next(iter(found)).load().from_settings(given)
    origins, fields = getattr(module, "setting_origins", {}), getattr(type(module.settings), "model_fields", {})
    return [
        SettingRow(key, getattr(module.settings, key), field.default, origins.get(key, ""), "", "", field.description)
        for key, field in fields.items()
    ]


def _table(rows_of: Mapping[str, Sequence[SettingRow]]) -> Table:
    table = Table("setting", "value", "unit", "default", "origin", "meaning", box=None, pad_edge=False)
    for module, rows in rows_of.items():
        for row in rows:
            style = "bold" if row.origin != "default" else None
            cells = (f"{module}.{row.key}", _text(row.value), row.unit, _text(row.default), row.origin, row.why)
            table.add_row(*cells, style=style)
    for column in table.columns:
        column.overflow = "fold"
    return table


def _text(value: object) -> str:
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)
