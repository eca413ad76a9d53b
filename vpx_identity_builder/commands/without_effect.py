"""Settings that are right in themselves and change nothing, as a name in them is nobody's."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from vpx_identity_builder.core.words import did_you_mean
from vpx_identity_builder.hooks_plugins import installed_names, names_of
from vpx_identity_builder.settings import Settings


def without_effect(settings: Settings, modules: Collection[str]) -> list[str]:
    """A line for each such setting. `modules`: those of the run, empty where nobody can tell."""
    output, highlights = settings.output, settings.highlights
    lines = _unknown("plugins_off", names_of(output.plugins_off), installed_names(), "no installed plugin")
    if modules:
        lines += _unknown("extra_inputs", output.extra_modules, modules, "no module of this run")
        lines += _unknown("highlight_inputs", highlights.trigger_modules, modules, "no module of this run")
    if output.memory_labels and output.memory_bank is None:
        lines.append("memory_person names people of a memory, and there is none without memory_bank")
    return lines


def _unknown(key: str, names: Iterable[str], known: Collection[str], what: str) -> list[str]:
    hints = {name: did_you_mean(name, known) for name in sorted(names) if name not in known}
    return [f"{key} names {name!r}, which is {what}{f'; {hint}' if hint else ''}" for name, hint in hints.items()]
