"""`identity-builder config`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from vpx_identity_builder.commands.assignments import parse
from vpx_identity_builder.settings import SettingRow, resolve, specs

EMBED, DECODE = "vision.embed", "decode"
WIDE = 140
"""Columns of a terminal from which on a module and its setting stand in one line."""


def run(assignments: Sequence[str], show: bool) -> None:
    """Say that the settings are right, or list them with those of vision.embed and of decoding.

    Raises `SettingsError`, or vision.embed's own, with everything that is wrong.
    """
    own, others = parse(assignments)
    rows = resolve(own).rows()
    embed, decode = _embed_rows(_of(EMBED, others)), _decode_rows(_of(DECODE, others))
    if show:
        console = Console()
        shown = {"identity_builder": rows, EMBED: embed, DECODE: decode}
        console.print(_table(shown, wide=console.width >= WIDE))
    else:
        changed = sum(row.origin != "default" for row in rows)
        typer.echo(f"{len(rows)} settings, {changed} of them set, all valid; --show lists them")


def _of(module: str, assignments: Mapping[str, str]) -> dict[str, str]:
    prefix = f"{module}."
    return {key.removeprefix(prefix): value for key, value in assignments.items() if key.startswith(prefix)}


def _decode_rows(given: Mapping[str, str]) -> list[SettingRow]:
    """How the runner decodes inputs; none where it is not installed."""
    if find_spec("vpx.runner") is None:
        return []
    from vpx.runner.decoding import settings_in_effect

    return [
        SettingRow(row.key, value, row.default, origin, f"{row.low:g}..{row.high:g}", "", row.meaning)
        for row, value, origin in settings_in_effect(given)
    ]


def _embed_rows(given: Mapping[str, str]) -> list[SettingRow]:
    """The settings of the installed vision.embed as it understands them itself; none where it keeps them to itself."""
    found = entry_points(group="visualpath.modules", name=EMBED)
    if not found:
        return []
    module: Any = next(iter(found)).load().from_settings(given)
    kind: Any = type(getattr(module, "settings", None))
    origins, fields = getattr(module, "setting_origins", {}), getattr(kind, "model_fields", {})
    limits = kind.model_json_schema()["properties"] if fields else {}
    return [
        SettingRow(
            key,
            getattr(module.settings, key),
            field.default,
            origins.get(key, ""),
            _limits(limits.get(key, {})),
            "",
            field.description,
        )
        for key, field in fields.items()
    ]


def _limits(described: Mapping[str, Any]) -> str:
    """What a JSON Schema allows for one setting, in short."""
    if "enum" in described:
        return ", ".join(described["enum"])
    if described.get("type") == "boolean":
        return "true, false"
    if "maximum" not in described:
        return "text"
    low = f"{described['minimum']:g}" if "minimum" in described else f"above {described.get('exclusiveMinimum', 0):g}"
    return f"{low}..{described['maximum']:g}"


def _table(rows_of: Mapping[str, Sequence[SettingRow]], *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("setting", no_wrap=True)
    for name in ("value", "allowed", "default", "origin", "meaning"):
        table.add_column(name, overflow="fold")
    briefs = {f"identity_builder.{key}": spec.brief for key, spec in specs().items()}
    for module, rows in rows_of.items():
        for row in rows:
            name, style = f"{module}.{row.key}", "bold" if row.origin != "default" else None
            allowed = briefs.get(name, row.allowed)
            shown = name if wide else f"{module}.\n{row.key}"
            table.add_row(shown, _text(row.value), allowed, _text(row.default), row.origin, row.why, style=style)
    return table


def _text(value: object) -> str:
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)
