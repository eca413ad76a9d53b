"""Rides for the tests of the run log: scripted modules by hand, so that a run can end at any frame without a word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visualbase import Frame
from vpx.sdk import Module

from tests.ecosystem.behaviours import contents, pipeline
from tests.ecosystem.upstream import FRIEND, RIDER, Person, Script, clip
from vpx_identity_builder.module import IdentityBuilder

BOTH = (RIDER, FRIEND)


def started(out: Path, people: Sequence[Person] = BOTH, **settings: object) -> list[Module]:
    """Modules of a ride whose runner said that it begins."""
    modules = pipeline(out, Script(tuple(people)), video_id="ride", **settings)
    for module in modules:
        module.initialize()
    builder_of(modules).begin_run({"source": None, "fps": 10.0})
    return modules


def builder_of(modules: Sequence[Module]) -> IdentityBuilder:
    builder = modules[-1]
    assert isinstance(builder, IdentityBuilder)
    return builder


def feed(modules: Sequence[Module], frames: Sequence[Frame]) -> IdentityBuilder:
    for frame in frames:
        deps = {}
        for module in modules:
            observation = module.process(frame, {name: deps[name] for name in module.depends if name in deps})
            if observation is not None:
                deps[module.name] = observation
    return builder_of(modules)


def ride(out: Path, seconds: float = 6.0, people: Sequence[Person] = BOTH, **settings: object) -> IdentityBuilder:
    """A whole ride, published."""
    builder = feed(started(out, people, **settings), clip(seconds, tuple(people)))
    builder.finish()
    return builder


def killed(out: Path, seconds: float = 4.0, people: Sequence[Person] = BOTH, **settings: object) -> None:
    """A ride that dies: nothing is told, and its files stay as they are at that moment."""
    builder = feed(started(out, people, **settings), clip(seconds, tuple(people)))
    run = builder._run
    assert run is not None
    log = run.recorder._log
    assert log is not None
    files = {path: path.read_bytes() for path in (out / "ride").glob("*.sqlite*")}
    log._db.close()
    run.recorder._claim.abandon()
    for path in (out / "ride").glob("*.sqlite*"):
        path.unlink()
    for path, data in files.items():
        path.write_bytes(data)


def published(out: Path) -> dict[str, bytes]:
    """Everything of the published set, documents without the time of creation."""
    return contents(out / "ride" / "identity_builder")
