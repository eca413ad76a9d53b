"""The command line `identity-builder`: what can be typed. What it does is in `commands`.

Each command imports what it needs itself, so that none waits for another's libraries.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from vpx_identity_builder.commands.edge import prepare_logging, reported, uncollected
from vpx_identity_builder.core.conditioning import DEFAULT_RATIO

Assignments = Annotated[
    Optional[list[str]],  # noqa: UP045 - read at run time by typer
    typer.Option("--set", metavar="MODULE.KEY=VALUE", help="Setting of any module of the run; may be repeated."),
]

app = typer.Typer(
    name="identity-builder",
    help="Ride video in, trustworthy identity set out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show log messages and tracebacks.")] = False,
) -> None:
    """Ride video in, trustworthy identity set out."""
    prepare_logging(verbose)


@app.command(short_help="Build identity sets of videos or photos.")
def build(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="Videos, images, or folders of photos.")],
    output: Annotated[
        Optional[str],  # noqa: UP045 - read at run time by typer
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Where the sets go: FOLDER/VIDEO/identity_builder. Default: output. A --set that names another "
            "folder is refused.",
        ),
    ] = None,
    fps: Annotated[float, typer.Option(min=0.01, help="Frames per second to look at.")] = 10.0,
    max_frames: Annotated[
        Optional[int],  # noqa: UP045 - read at run time by typer
        typer.Option(min=1, help="Look at no more frames than this."),
    ] = None,
    windows: Annotated[
        Optional[Path],  # noqa: UP045 - read at run time by typer
        typer.Option(
            metavar="FILE",
            help="Highlight windows of the video (windows.json): look at them more densely. A --set that "
            "names another file is refused.",
        ),
    ] = None,
    assignments: Assignments = None,
    no_stop: Annotated[bool, typer.Option("--no-stop", help="Read the whole video, also when all is covered.")] = False,
) -> None:
    """Build the identity sets of each INPUT, one after the other."""
    from vpx_identity_builder.commands import build as build_command

    with reported():
        sources = build_command.sources(inputs)
        request = build_command.request(output, fps, max_frames, assignments or [], no_stop, windows)
        code = build_command.build_all(sources, request)
    raise typer.Exit(code)


def _bins(axis: str, example: str) -> Any:
    shown = f"Only images of this {axis} ({example}); commas between several. Anchors always come."
    return typer.Option(f"--{axis}", metavar="BIN", help=shown)


@app.command(short_help="Print paths of reference images.")
def query(
    out: Annotated[Path, typer.Argument(metavar="RUN", readable=False, help="The folder OUTPUT/VIDEO of a build.")],
    person: Annotated[int, typer.Option(help="Number of the person.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="How many images.")] = 10,
    ratio: Annotated[
        str, typer.Option(help="Anchors : coverage : challenge, or auto: as stability, diversity and darkness suggest.")
    ] = str(DEFAULT_RATIO),
    yaw: Annotated[str, _bins("yaw", "30 or '[15,30]'")] = "",
    pitch: Annotated[str, _bins("pitch", "-15 or slight-down")] = "",
    expression: Annotated[str, _bins("expression", "smile,mouth_open")] = "",
    lighting: Annotated[str, _bins("lighting", "normal")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON document.")] = False,
) -> None:
    """Print paths of reference images of a person for a generator, and on stderr what to avoid."""
    from vpx_identity_builder.commands import query as query_command

    buckets = {"yaw": [yaw], "pitch": [pitch], "expression": [expression], "lighting": [lighting]}
    with reported():
        query_command.run(out, person, count, ratio, buckets, as_json=as_json)


@app.command(short_help="Choose the images of a run again.")
def rebuild(
    run: Annotated[Path, typer.Argument(metavar="RUN", readable=False, help="A video's folder, OUTPUT/VIDEO.")],
    assignments: Assignments = None,
    source: Annotated[
        Optional[Path],  # noqa: UP045 - read at run time by typer
        typer.Option("--source", help="The video, for pictures that were not kept, where it is not found by itself."),
    ] = None,
    diff: Annotated[
        bool,
        typer.Option("--diff", help="Publish, say which images come, go and move, and why; nobody leaves the log."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say the same and write nothing.")] = False,
) -> None:
    """Choose the images of a RUN again from its log, with the settings it had and those of --set."""
    with reported(), uncollected():
        from vpx_identity_builder.commands import rebuild as rebuild_command

        code = rebuild_command.run(rebuild_command.Request(run, assignments or [], source, diff, dry_run))
    raise typer.Exit(code)


@app.command(short_help="Publish what killed runs had seen.")
def recover(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN|OUT", readable=False, help="A video's folder, or the output folder of several."),
    ],
) -> None:
    """Publish what was seen by runs that were killed; a finished set is never replaced."""
    from vpx_identity_builder.commands import recover as recover_command

    with reported():
        code = recover_command.run(run)
    raise typer.Exit(code)


@app.command(short_help="Check the settings, or list them.")
def config(
    show: Annotated[bool, typer.Option("--show", help="List every setting with its origin.")] = False,
    assignments: Assignments = None,
) -> None:
    """Check the settings of the identity builder as environment, file and --set give them."""
    from vpx_identity_builder.commands import config as config_command

    with reported():
        config_command.run(assignments or [], show)


@app.command(short_help="Print the documents' JSON Schemas.")
def schema(
    name: Annotated[
        Optional[str],  # noqa: UP045 - read at run time by typer
        typer.Argument(help="One document; all when left out."),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045 - read at run time by typer
        typer.Option("--output", "-o", help="Folder to write NAME.json files into, instead of printing."),
    ] = None,
) -> None:
    """Print the JSON Schema of the documents that are written."""
    from vpx_identity_builder.commands import schema as schema_command

    with reported():
        schema_command.run(name, output)


@app.command(short_help="List installed plugins.")
def plugins() -> None:
    """List installed plugins, their versions, and the hooks that they implement."""
    from vpx_identity_builder.commands import plugins as plugins_command

    with reported():
        code = plugins_command.run()
    raise typer.Exit(code)


@app.command(short_help="Erase a video or a person, and prove it.")
def erase(
    out: Annotated[Path, typer.Argument(metavar="OUT", readable=False, help="The output folder of builds.")],
    video: Annotated[
        Optional[str],  # noqa: UP045 - read at run time by typer
        typer.Option(metavar="ID", help="Everything of this video."),
    ] = None,
    person: Annotated[
        Optional[int],  # noqa: UP045 - read at run time by typer
        typer.Option(min=0, help="With --video: only this person; everybody else stays."),
    ] = None,
    older_than: Annotated[
        Optional[str],  # noqa: UP045 - read at run time by typer
        typer.Option(metavar="AGE", help="Every video whose run is older: 30d, 12h, 8w."),
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="Logs and videos kept longer than keep_log_days and keep_days say.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="With --dry-run: name every file.")] = False,
    bank: Annotated[
        Optional[list[Path]],  # noqa: UP045 - read at run time by typer
        typer.Option(metavar="DIR", help="A folder of memory banks outside OUT; may be repeated."),
    ] = None,
    bank_gone: Annotated[
        bool, typer.Option("--bank-gone", help="A memory bank that is asked for does not exist any more.")
    ] = False,
) -> None:
    """Erase a video or a person from OUT, search for what is left, and leave a note without biometrics."""
    from vpx_identity_builder.commands import erase as erase_command

    with reported():
        banks = tuple(bank or ())
        asked = erase_command.Request(out, video, person, older_than, expired, dry_run, verbose, banks, bank_gone)
        code = erase_command.run(asked)
    raise typer.Exit(code)


def main() -> None:
    """Entry point of the script."""
    app()
