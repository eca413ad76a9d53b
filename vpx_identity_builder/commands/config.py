"""`identity-builder config`."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.console import Console
from rich.table import Table

from vpx_identity_builder.commands.assignments import parse
from vpx_identity_builder.settings import SettingRow, resolve


def run(assignments: Sequence[str], show: bool) -> None:
    """Say that the settings are right, or list them. Raises `SettingsError` with everything that is wrong."""
    own, _ = parse(assignments)
    rows = resolve(own).rows()
    if show:
        Console().print(_table(rows))
    else:
        changed = sum(row.origin != "default" for row in rows)
        typer.echo(f"{len(rows)} settings, {changed} of them set, all valid; --show lists them")


def _table(rows: Sequence[SettingRow]) -> Table:
    table = Table("setting", "value", "unit", "default", "origin", "meaning", box=None, pad_edge=False)
    for row in rows:
        style = "bold" if row.origin != "default" else None
        cells = (f"identity_builder.{row.key}", _text(row.value), row.unit, _text(row.default), row.origin, row.why)
        table.add_row(*cells, style=style)
    for column in table.columns:
        column.overflow = "fold"
    return table


def _text(value: object) -> str:
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)
