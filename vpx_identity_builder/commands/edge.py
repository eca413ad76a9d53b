"""The edge of the command line: every error becomes one line on stderr and an exit code."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

import typer

from vpx_identity_builder.errors import FolderNameError, InputError, RunLogError, SettingsError
from vpx_identity_builder.names import printable
from vpx_identity_builder_start.streams import OutputError, let_go_of_stdout

INTERNAL = 1
USAGE = 2
UNREADABLE = 3
PARTLY = 5
INTERRUPTED = 130

TOLD_BY_NOTES = "packets or frames that could not be decoded"
"""What visualbase warns of in a damaged file; a note of the build says it in plain words."""

_log = logging.getLogger(__name__)


def prepare_logging(verbose: bool) -> None:
    """Warnings to stderr, or everything. What this command line reports as an error itself is not logged twice."""
    handler = logging.StreamHandler()
    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", handlers=[handler])
    if not verbose:
        handler.addFilter(lambda record: not _is_told_by_notes(record))
        logging.getLogger("vpx_identity_builder").setLevel(logging.CRITICAL)


def _is_told_by_notes(record: logging.LogRecord) -> bool:
    """Only of messages of our own can it be said that they can be put together."""
    return record.name.partition(".")[0] == "visualbase" and TOLD_BY_NOTES in record.getMessage()


@contextmanager
def reported() -> Iterator[None]:
    """Turn what is raised inside into a line on stderr and the exit code that stands for it.

    A reader that has seen enough (`… | head`) is no error. Where nothing can be printed the script itself says so:
    raises `OutputError`.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        say(f"interrupted; {error}" if str(error) else "interrupted")
        raise typer.Exit(INTERRUPTED) from error
    except BrokenPipeError as error:
        let_go_of_stdout()
        raise typer.Exit(0) from error
    except OutputError:
        raise
    except Exception as error:
        say(explain(error))
        raise typer.Exit(exit_code(error)) from error


def told(tell: Callable[[], None]) -> int:
    """Tell what was done, so that the work that is left goes on whatever becomes of it; returns the exit code.

    It is 0 also where nobody reads it any more, and 1 where it cannot be written.
    """
    try:
        tell()
    except BrokenPipeError:
        let_go_of_stdout()
    except OutputError as error:
        let_go_of_stdout()
        say(str(error))
        return INTERNAL
    return 0


@contextmanager
def uncollected() -> Iterator[None]:
    """Without looking for cycles of objects: what is soon done makes too few of them to be worth it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def unbroken() -> Iterator[None]:
    """What has begun inside comes to its end: the first SIGINT or SIGTERM waits for it, the second interrupts at once.

    Raises `KeyboardInterrupt` in the end where one waited.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []

    def wait(number: int, _: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        with suppress(OSError):  # nobody may be reading any more
            os.write(2, b"finishing what has begun; again to stop at once\n")

    heeded = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, wait) for number in heeded}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if asked:
        raise KeyboardInterrupt("what had begun is done")


def exit_code(error: Exception) -> int:
    """2 for usage and settings, 3 for unreadable input, else 1; the ecosystem's errors know theirs."""
    if isinstance(error, InputError | RunLogError | PermissionError):
        return UNREADABLE
    if isinstance(error, SettingsError | FolderNameError):
        return USAGE
    own = getattr(error, "exit_code", None)
    return own if isinstance(own, int) else INTERNAL


def explain(error: Exception) -> str:
    """The error in one line (several wrong settings: one line each). The traceback goes to the log."""
    _log.debug("%s", type(error).__name__, exc_info=error)
    if isinstance(error, SettingsError):
        return str(error)
    if isinstance(error, PermissionError):
        return f"cannot read {error.filename or 'a file'}: permission denied"
    text = " ".join(str(error).split())
    expected = type(error).__module__.split(".")[0] in ("vpx_identity_builder", "vpx_vision_embed", "vpx", "visualbase")
    return text if expected and text else f"internal error: {type(error).__name__}: {text}"


def say(text: str) -> None:
    """One error message on stderr; whatever a file is called, it cannot steer the terminal."""
    typer.echo("error: " + "\n".join(printable(line) for line in text.split("\n")), err=True)


def note(text: str) -> None:
    """One remark on stderr that is no error."""
    typer.echo(f"note: {printable(text)}", err=True)


def combined(codes: Sequence[int]) -> int:
    """The exit code for several inputs: theirs if they agree, 130 once interrupted, else 5 (part of them failed)."""
    if INTERRUPTED in codes:
        return INTERRUPTED
    return codes[0] if len(set(codes)) == 1 else PARTLY
