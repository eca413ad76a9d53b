"""Where the script ``vpx`` begins: signals are heeded before anything is imported that takes its time."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from importlib import import_module
from types import FrameType

INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)
SAID = b"vpx: interrupted\n"


def main() -> None:
    """Import the command line and call it; a signal until then ends the process at once, as nothing is begun yet."""
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, _end_now)
    command_line = import_module("vpx.runner.cli").main
    for number in heeded:
        signal.signal(number, _end_in_order)
    command_line()


def _end_now(_number: int, _frame: FrameType | None) -> None:
    _say_interrupted()
    os._exit(INTERRUPTED)


def _end_in_order(_number: int, _frame: FrameType | None) -> None:
    _say_interrupted()
    raise SystemExit(INTERRUPTED)


def _say_interrupted() -> None:
    with suppress(OSError):  # nobody may be reading any more
        os.write(2, SAID)
