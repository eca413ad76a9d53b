"""`identity-builder config`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from shutil import get_terminal_size

import typer

from vpx_identity_builder.commands.assignments import effective
from vpx_identity_builder.commands.edge import note
from vpx_identity_builder.commands.modules import rows
from vpx_identity_builder.settings import SettingRow, specs
from vpx_identity_builder.settings_sources import MODULE

WIDEST = 120
"""Columns that a line has at most, however wide the terminal."""


def run(assignments: Sequence[str], show: bool) -> None:
    """Say that the settings are right, or list them with those of the modules that run beside ours.

    Raises `SettingsError` with everything that is wrong.
    """
    found = effective(assignments)
    for line in found.unread:
        note(line)
    own = found.settings.rows()
    if not show:
        changed = sum(row.origin != "default" for row in own) + len(found.others)
        typer.echo(f"{len(own)} settings, {changed} of them set, all valid; --show lists them")
        return
    shown = {MODULE: own} | {name: rows(name, found.others, found.origins) for name in found.modules}
    for line in _lines(shown, min(get_terminal_size().columns, WIDEST)):
        typer.echo(line)


def _lines(rows_of: Mapping[str, Sequence[SettingRow]], width: int) -> Iterator[str]:
    """Per setting `module.key = value`, with where it is from if it was set, and below it what it is for and may be."""
    briefs = {spec.key: spec.brief for spec in specs().values()}
    for module, found in rows_of.items():
        for row in found:
            allowed = briefs[row.key] if module == MODULE else row.allowed
            is_set = row.origin != "default"
            about = f"{row.why} ({allowed}{f'; default {_text(row.default)}' if is_set else ''})"
            yield f"{module}.{row.key} = {_text(row.value)}{f'   [{row.origin}]' if is_set else ''}"
            yield from textwrap.wrap(about, width, initial_indent="    ", subsequent_indent="    ")


def _text(value: object) -> str:
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)
