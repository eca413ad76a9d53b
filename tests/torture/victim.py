"""A build in a forked process, and the ways in which it dies. Scripted modules stand in for inference."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from visualbase import Frame
from vpx.runner import LiteRunner
from vpx.sdk import Module, Observation

from tests.ecosystem.upstream import FRIEND, RIDER, FakeDetect, FakeExpression, Script, SparingVision
from vpx_identity_builder.export import atomic
from vpx_identity_builder.export.files import LocalFiles
from vpx_identity_builder.module import IdentityBuilder
from vpx_identity_builder.runlog import schema

BOTH = (RIDER, FRIEND)
QUALITY = {"old": 96, "new": 95}
"""Two builds whose images differ in every byte."""
STEPS = 400
"""Instructions of SQLite's machine between two moments at which a process may die within it."""


@dataclass(frozen=True, slots=True)
class Death:
    """How a build dies: `kind`, and at which of its operations (1: the first)."""

    kind: str
    at: int = 0


def build(out: Path, frames: Sequence[Frame], which: str, extra: Sequence[Module] = ()) -> None:
    """One build of the ride, as the command line does it."""
    script = Script(BOTH)
    values = {"output_dir": out, "video_id": "ride", "stop_when_covered": False, "jpeg_quality": QUALITY[which]}
    module = IdentityBuilder(values)
    upstream = [FakeDetect(script), FakeExpression(script), SparingVision(script)]
    LiteRunner([*upstream, *extra, module]).run(list(frames), fps=10)
    module.finish()


def forked(work: Callable[[], None]) -> int:
    """Do the work in a process of its own; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 0
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        work()
    except Exception:  # noqa: BLE001 - whatever a build raises, its process ends with 1
        code = 1
    finally:
        os._exit(code)


def dying(death: Death) -> None:
    """Prepare this process to die, or its disk to fill, at an operation."""
    counted = _Counter(death.at, death.kind)
    if death.kind in ("kill at write", "disk full"):
        atomic.LocalFiles = _files(counted)  # type: ignore[misc]
    if death.kind == "kill in log":
        _watched(lambda db: db.set_progress_handler(counted, STEPS))
    if death.kind == "log full":
        _watched(lambda db: db.execute(f"PRAGMA max_page_count={death.at}"))


def _watched(prepare: Callable[[sqlite3.Connection], object]) -> None:
    before = schema._prepare

    def prepared(connection: sqlite3.Connection) -> None:
        before(connection)
        prepare(connection)

    schema._prepare = prepared


class _Counter:
    def __init__(self, at: int, kind: str) -> None:
        self.left, self.kind = at, kind

    def __call__(self) -> int:
        self.left -= 1
        if self.left <= 0:
            if self.kind.startswith("kill"):
                os.kill(os.getpid(), signal.SIGKILL)
            else:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return 0


def _files(counted: _Counter) -> type[LocalFiles]:
    """The file layer with one more thing to do before and after each operation."""

    def wrapped(name: str) -> Callable[..., object]:
        real = getattr(LocalFiles, name)

        def operation(self: LocalFiles, *paths: object) -> object:
            counted()
            done = real(self, *paths)
            if counted.kind.startswith("kill"):
                counted()
            return done

        return operation

    names = ("make_folder", "write", "rename", "exchange", "remove_tree", "sync_folder")
    return type("FailingFiles", (LocalFiles,), {name: wrapped(name) for name in names})


class Failing(Module):
    """A module that raises on one frame."""

    name = "failing"

    def __init__(self, at: int) -> None:
        self.at = at

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation | None:
        """Nothing, until the frame comes."""
        self.at -= 1
        if self.at == 0:
            raise RuntimeError("a module fails")
        return None
