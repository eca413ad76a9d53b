"""From exceptions to exit codes, and from signals to an orderly end."""

from __future__ import annotations

import logging
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer
from visualbase import SourceError

from vpx.runner.errors import RunnerError, describe
from vpx.sdk import SdkError

EXIT_INTERNAL, EXIT_USAGE, EXIT_INPUT, EXIT_INTERRUPTED = 1, 2, 3, 130

_log = logging.getLogger(__name__)


@contextmanager
def guarded() -> Iterator[None]:
    """Turn exceptions into one line on standard error and an exit code; ``VPX_DEBUG=1`` adds the traceback."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
        raise
    except KeyboardInterrupt as error:
        _fail(error, "interrupted", EXIT_INTERRUPTED)
    except SourceError as error:
        _fail(error, f"input: {error}", EXIT_INPUT)
    except RunnerError as error:
        _fail(error, str(error), error.exit_code)
    except SdkError as error:
        _fail(error, str(error), EXIT_USAGE)
    except Exception as error:  # noqa: BLE001 - the outermost edge of the command
        _fail(error, f"internal error: {describe(error)} (VPX_DEBUG=1 shows where)", EXIT_INTERNAL)


def _printable(text: str) -> str:
    """Whatever a file is called, it cannot steer the terminal or break the line."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _fail(error: BaseException, text: str, exit_code: int) -> None:
    typer.echo(f"vpx: {_printable(text)}", err=True)
    for note in getattr(error, "__notes__", []):
        typer.echo(f"vpx: {note}", err=True)
    if os.environ.get("VPX_DEBUG") == "1":
        typer.echo("".join(traceback.format_exception(error)), err=True)
    raise typer.Exit(exit_code)


@contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Within the block the first SIGINT or SIGTERM asks for an orderly stop, the second interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        _log.warning("stopping after this frame; again to stop at once")
        stop()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
