"""Where the scripts begin: signals are heeded before anything is imported that takes its time."""

from __future__ import annotations

import os
import signal
from importlib import import_module
from types import FrameType

INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def identity_builder() -> None:
    """The script `identity-builder`."""
    _start("vpx_identity_builder.cli", b"error: interrupted\n")


def vision_embed() -> None:
    """The script `vision-embed`."""
    _start("vpx_vision_embed.cli", b"vision-embed: interrupted\n")


def _start(module: str, said: bytes) -> None:
    """Import a module and call its `main`; a signal until then ends the process at once, as nothing is begun yet."""

    def end_now(_number: int, _frame: FrameType | None) -> None:
        os.write(2, said)
        os._exit(INTERRUPTED)

    def end_in_order(_number: int, _frame: FrameType | None) -> None:
        os.write(2, said)
        raise SystemExit(INTERRUPTED)

    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, end_now)
    main = import_module(module).main
    for number in heeded:
        signal.signal(number, end_in_order)
    main()
