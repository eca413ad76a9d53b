"""What a run gave, as `build` and `rebuild` show it on stdout: a row for each person."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vpx_identity_builder.core.results import PersonSet, RunResult, StopReason
from vpx_identity_builder.core.words import counted
from vpx_identity_builder.names import printable
from vpx_identity_builder.remarks import FRAME_LIMIT, TRUNCATED


def show(name: str, result: RunResult, seconds: float, *, photos: bool) -> None:
    """Print the table of one input. `seconds`: how long it took. `photos`: it was photos, not a video."""
    console = Console()
    console.print(_table(name, result, seconds, photos))
    if result.pair:
        console.print(f"both in one picture: {counted(len(result.pair), 'pair image')}", highlight=False)


def _table(name: str, result: RunResult, seconds: float, photos: bool) -> Table:
    table = Table(title=escape(printable(name)), title_justify="left", box=None, pad_edge=False)
    for column in ("person", "track score", "anchors", "yaw", "pitch", "expr", "challenge"):
        table.add_column(column, justify="right")
    table.add_column("stop", overflow="fold")
    table.add_column("seconds", justify="right", no_wrap=True)
    for person in result.persons:
        table.add_row(*_cells(person), _ending(result, person.stop_reason, photos), f"{seconds:.1f}")
    if not result.persons:
        table.add_row(*("-",) * 7, _ending(result, result.stop_reason, photos), f"{seconds:.1f}")
    return table


def _ending(result: RunResult, reason: StopReason, photos: bool) -> str:
    """Why the run ended; the documents call one that was to look at some frames only `interrupted` too."""
    if FRAME_LIMIT in result.faults:
        return "as asked"
    if TRUNCATED in result.faults:
        return "cut off"
    if reason is StopReason.END_OF_VIDEO and photos:
        return "all photos"
    return str(reason).replace("_", " ")


def _cells(person: PersonSet) -> tuple[str, ...]:
    coverage = person.coverage
    return (
        str(person.person_id),
        f"{person.track_score:.2f}",
        str(len(person.anchors)),
        str(coverage.yaw),
        str(coverage.pitch),
        str(coverage.expression),
        str(len(person.challenge)),
    )
