"""Limits that a decoding process puts on itself before it looks at a file. Each that the system lacks is left out."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import threading
import time
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_MIB = 1 << 20


def ignore_signals_of_the_terminal() -> None:
    """Ctrl-C and a polite end are the parent's business; this process ends with the parent."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def end_with_parent(lifeline: int, parent: int, *, by_signal: bool) -> None:
    """End this process when ``lifeline`` (the reading end of a pipe that the parent keeps open) hangs up.

    ``by_signal`` also asks Linux for SIGKILL when the parent's thread ends, which reaches a decoder that hangs; only
    for parents whose main thread started this process.
    """
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if by_signal:
            library.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)

    def watch() -> None:
        hangup = select.poll()
        hangup.register(lifeline, 0)
        hangup.poll()
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="lifeline").start()


def limit_resources(memory_mb: int) -> None:
    """No core dump (it would hold faces), nothing written to a file, and so much more address space than now."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    used = _address_space()
    if used is not None:
        _limit(resource.RLIMIT_AS, used + memory_mb * _MIB)


def allow_cpu(seconds: int) -> None:
    """From now on so many seconds of processor time until the system ends this process; called at every progress."""
    _limit(resource.RLIMIT_CPU, int(time.process_time()) + seconds + 1, soft_only=True)


def _limit(kind: int, value: int, *, soft_only: bool = False) -> None:
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(kind)[1]
        within = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (within, hard if soft_only else within))


def _address_space() -> int | None:
    """Bytes of address space in use; None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pages * resource.getpagesize()
