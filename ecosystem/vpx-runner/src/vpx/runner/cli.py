"""The ``vpx`` command."""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from vpx.runner.cli_run import RunOptions, run_modules
from vpx.runner.guard import guarded
from vpx.runner.listing import as_table, installed_modules

app = typer.Typer(
    name="vpx",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Run analysis modules over videos and images.",
)


class Viz(StrEnum):
    """What a run shows."""

    TEXT = "text"
    LIVE = "live"
    SAVE = "save"


@app.command("list")
def list_modules(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also show settings, class and distribution.")
    ] = False,
) -> None:
    """Show the installed modules and what they depend on."""
    with guarded():
        rows = installed_modules()
        width = None if sys.stdout.isatty() else 160
        Console(width=width).print(as_table(rows, verbose) if rows else "no modules are installed")


@app.command("run")
def run(
    source: Annotated[
        Path, typer.Option("--input", "-i", metavar="PATH", help="Video, image, or folder of images, on this machine.")
    ],
    names: Annotated[
        str | None, typer.Argument(metavar="NAMES", help="Modules, comma separated; runs them and what they need.")
    ] = None,
    plugins: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="Like NAMES, but also runs every installed module that these can use; shows progress."
        ),
    ] = None,
    fps: Annotated[
        float | None, typer.Option(help="Frames per second to sample, at exact times; without it every frame.")
    ] = None,
    max_frames: Annotated[int | None, typer.Option(min=1, help="Stop after this many sampled frames.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for what the modules write; -o is something else."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="MODULE.KEY=VALUE", help="A module's setting; repeatable.")
    ] = None,
    viz: Annotated[
        Viz, typer.Option(help="text: a line per observation; save: an annotated mp4; live: not in this build.")
    ] = Viz.TEXT,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "-o",
            metavar="FILE",
            help="File for the printed lines or the annotated video, not for results (--output).",
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log more, show a line per observation, and the time per module.")
    ] = False,
) -> None:
    """Run modules over a video, an image, or a folder of images.

    Exit codes: 0 done, 1 internal error, 2 usage or settings, 3 input unreadable, 4 nobody found (if a module says so),
    130 interrupted. VPX_DEBUG=1 shows tracebacks.
    """
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(
        level=level, format="%(message)s", handlers=[RichHandler(console=Console(stderr=True), show_path=False)]
    )
    if viz is Viz.LIVE:
        raise typer.BadParameter(
            "a live view needs a display, which is not in this build; use --viz save", param_hint="--viz"
        )
    wanted = [*_split(names), *_split(plugins)]
    if not wanted:
        raise typer.BadParameter("name at least one module; `vpx list` shows what is installed", param_hint="NAMES")
    options = RunOptions(
        names=wanted,
        include_optional=plugins is not None,
        source=source,
        fps=fps,
        max_frames=max_frames,
        output=output,
        settings=_assignments(settings or [], wanted[0]),
        save_video=viz is Viz.SAVE,
        out_file=out_file,
        verbose=verbose,
    )
    with guarded():
        raise typer.Exit(run_modules(options))


def _split(names: str | None) -> list[str]:
    return [name.strip() for name in (names or "").split(",") if name.strip()]


def _assignments(texts: list[str], module: str) -> dict[str, str]:
    """`module.key` → text; `module` is an example for who leaves it out."""
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or "." not in name.strip().strip("."):
            meant = f"{module}.{name.strip() or 'key'}={value.strip() or 'value'}"
            raise typer.BadParameter(f"write module.key=value, such as {meant}, got {text!r}", param_hint="--set")
        found[name.strip()] = value.strip()
    return found


def main() -> None:
    """Entry point of the ``vpx`` script."""
    app()
