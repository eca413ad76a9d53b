"""Where the scripts begin: signals are heeded before anything is imported that takes its time.

What both do with their streams is in `streams`.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from types import FrameType

from vpx_identity_builder_start.streams import OutputError, guard_streams, let_go_of_stdout

FAILED = 1
INTERRUPTED = 130
NUMPY_THREADS = "OPENBLAS_NUM_THREADS"
"""How many threads NumPy's products of matrices take. Ours are small: a second thread would only wait, and spin."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def identity_builder() -> None:
    """The script `identity-builder`."""
    _start("vpx_identity_builder.cli", "error")


def vision_embed() -> None:
    """The script `vision-embed`."""
    _start("vpx_vision_embed.cli", "vision-embed")


def _start(module: str, before: str) -> None:
    """Import a module and call its `main`; a signal until then ends the process at once, as nothing is begun yet.

    `before`: what a message begins with. In the end nothing is searched for cycles of objects any more: the process
    gives back everything at once.
    """

    def say_interrupted() -> None:
        with suppress(OSError):  # nobody may be reading any more
            os.write(2, f"{before}: interrupted\n".encode())

    def end_now(_number: int, _frame: FrameType | None) -> None:
        say_interrupted()
        os._exit(INTERRUPTED)

    def end_in_order(_number: int, _frame: FrameType | None) -> None:
        say_interrupted()
        raise SystemExit(INTERRUPTED)

    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, end_now)
    os.environ.setdefault(NUMPY_THREADS, "1")
    guard_streams()
    main = import_module(module).main
    for number in heeded:
        signal.signal(number, end_in_order)
    try:
        main()
    except OutputError as error:
        let_go_of_stdout()
        if sys.stderr is not None:
            sys.stderr.write(f"{before}: {error}\n")
        raise SystemExit(FAILED) from error
    finally:
        gc.freeze()
