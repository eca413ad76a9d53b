"""Starting, hearing and ending a decoding process. POSIX only; see ``why_not_isolated``."""

from __future__ import annotations

import contextlib
import errno
import json
import mmap
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualbase._lines import LineReader, send
from visualbase.limits import DecodeLimits

MODULE = "visualbase._decoding_process"
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "TMPDIR")
_GRACE_S = 5.0
PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
"""What the system lacks at the moment only: too much is open or running."""


def why_not_isolated() -> str | None:
    """Why this system cannot decode in a process of its own; None where it can."""
    if sys.platform == "win32" or not hasattr(select, "poll"):
        return "this system lacks what it takes"
    if not sys.executable or getattr(sys, "frozen", False):
        return "there is no Python interpreter to start"
    try:
        os.close(_shared_memory(1))
    except OSError as error:
        return None if error.errno in PASSING else f"there is no shared memory ({error.strerror})"
    return None


class Worker:
    """A running decoding process with its pipes and the memory that pictures come through. Ended at the latest when
    this object goes. Raises ``OSError`` where the system does not give what it takes."""

    def __init__(self, path: str, threads: int, limits: DecodeLimits, slot_bytes: int) -> None:
        with contextlib.ExitStack() as opened:
            memory = opened.enter_context(os.fdopen(_shared_memory(slot_bytes), "r+b", buffering=0))
            commands, self._commands = _pipe(opened)
            self._events, events = _pipe(opened)
            request = {
                "path": path,
                "threads": threads,
                "limits": asdict(limits),
                "commands": commands,
                "events": events,
                "pixels": memory.fileno(),
                "slot_bytes": slot_bytes,
                "parent": os.getpid(),
                "by_signal": threading.current_thread() is threading.main_thread(),
            }
            self._slot = mmap.mmap(memory.fileno(), slot_bytes, prot=mmap.PROT_READ)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-W", "ignore", "-m", MODULE, json.dumps(request)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(commands, events, memory.fileno()),
                env=_environment(limits),
                start_new_session=True,
            )
            opened.pop_all()
        os.close(commands)
        os.close(events)
        memory.close()
        self._reader = LineReader(self._events)
        self._end = weakref.finalize(self, _end, self._process, (self._commands, self._events))

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def send(self, command: dict[str, Any]) -> None:
        """Give a command. Raises ``BrokenPipeError`` where the process has gone."""
        send(self._commands, command)

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message, None when the process has gone. Raises ``TimeoutError`` and ``BrokenLineError``."""
        return self._reader.next(timeout_s)

    def holds(self, width: int, height: int) -> bool:
        """Say whether a picture of this size fits into the shared memory."""
        return width * height * 3 <= len(self._slot)

    def picture(self, width: int, height: int) -> NDArray[np.uint8]:
        """A copy of the (height, width, 3) uint8 picture that lies in the shared memory."""
        seen = np.frombuffer(self._slot, np.uint8, width * height * 3)
        return seen.reshape(height, width, 3).copy()

    def cause_of_death(self, limits: DecodeLimits) -> str:
        """What the process died of, once it has gone."""
        try:
            code = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return "the decoding process stopped talking"
        if code == -signal.SIGXCPU:
            return f"decoding took more than {limits.cpu_s} s of processor time without progress"
        if code == -signal.SIGKILL:
            return "the decoding process was killed (perhaps because memory ran out)"
        if code < 0:
            return f"decoding crashed ({signal.Signals(-code).name}); the file is damaged or made to do that"
        return f"the decoding process ended unexpectedly (code {code})"

    def end(self) -> None:
        """Kill the process and wait for it; a second call does nothing."""
        self._end()


def _end(process: subprocess.Popen[bytes], descriptors: tuple[int, ...]) -> None:
    process.kill()
    process.wait()
    for descriptor in descriptors:
        os.close(descriptor)


def _pipe(opened: contextlib.ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        opened.callback(os.close, end)
    return ends


def _shared_memory(size: int) -> int:
    """Memory without a name, so that nothing is left of it whatever happens; only touched pages are ever taken.

    Linux keeps the other side from shrinking it, which would crash this one. Elsewhere an unlinked file serves.
    """
    if sys.platform != "linux":
        with tempfile.TemporaryFile() as file:
            os.ftruncate(file.fileno(), size)
            return os.dup(file.fileno())
    import fcntl

    if not hasattr(os, "memfd_create"):  # a Python that was built for an old C library
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    descriptor = os.memfd_create("pictures", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _environment(limits: DecodeLimits) -> dict[str, str]:
    """What the process needs of this one's environment, the same modules to import, and no thread pools."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return kept | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENCV_IO_MAX_IMAGE_PIXELS": str(limits.max_photo_pixels),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
