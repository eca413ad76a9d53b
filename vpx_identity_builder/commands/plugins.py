"""`identity-builder plugins`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from vpx_identity_builder.commands.edge import say
from vpx_identity_builder.hooks_calls import EXPORTERS
from vpx_identity_builder.hooks_plugins import Installed, hooks_of, installed
from vpx_identity_builder.memory_plugin import NAME, Memory
from vpx_identity_builder.place import app_version

PREFIX = "identity_builder_"
FAILED = 1


def run() -> int:
    """List what is installed, then what is built in; 1 where something installed cannot be used."""
    plugins = installed()
    table = Table(box=None, pad_edge=False)
    for name in ("plugin", "version", "hooks"):
        table.add_column(name, overflow="fold")
    for plugin in (*plugins, *_builtin()):
        table.add_row(plugin.name, plugin.version, ", ".join(hook.removeprefix(PREFIX) for hook in plugin.hooks))
    Console().print(table)
    broken = [plugin for plugin in plugins if plugin.problem is not None]
    for plugin in broken:
        say(f"plugin {plugin.name} cannot be used: {plugin.problem}")
    return FAILED if broken else 0


def _builtin() -> list[Installed]:
    memory = Memory(Path(), (), str)
    return [
        Installed(name, f"{app_version()} (built in)", hooks_of(plugin))
        for name, plugin in (*EXPORTERS, (NAME, memory))
    ]
