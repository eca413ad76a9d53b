"""A stand-in for the hosts of the ecosystem (momentscan and its like), just large enough for the examples.

`run` is era A: names in, no way to pass settings. `App` is era B: a subclass lists its modules.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

from visualbase import FileSource, Frame
from vpx.sdk import Module, Observation, toposort_modules


def frames(video: Path, fps: float) -> Iterator[Frame]:
    """Frames of a video at about `fps` per second."""
    source = FileSource(str(video))
    source.open()
    try:
        due_ns = 0
        while (frame := source.read()) is not None:
            if frame.t_src_ns >= due_ns:
                yield frame
                due_ns = frame.t_src_ns + round(1e9 / fps)
    finally:
        source.close()


def process(modules: list[Module], frame: Frame) -> dict[str, Observation]:
    """One frame through all modules, each with what it declared and what there is."""
    produced: dict[str, Observation] = {}
    for module in modules:
        declared = [*module.depends, *module.optional_depends]
        obs = module.process(frame, {name: produced[name] for name in declared if name in produced})
        if obs is not None:
            produced[module.name] = obs
    return produced


def run(video: Path, analyzers: list[str], fps: float = 10.0) -> dict[str, Module]:
    """Era A: initialize, process every frame, cleanup. Returns the modules, whose results stay readable."""
    installed = {point.name: point for point in entry_points(group="visualpath.modules")}
    modules = toposort_modules([installed[name].load()() for name in analyzers])
    for module in modules:
        module.initialize()
    try:
        for frame in frames(video, fps):
            process(modules, frame)
    finally:
        for module in modules:
            module.cleanup()
    return {module.name: module for module in modules}


class App:
    """Era B: a subclass sets `modules` and may override the hooks."""

    modules: list[Module] = []  # noqa: RUF012 - subclasses replace it, as the originals do
    fps = 10.0

    def on_frame(self, frame: Frame, results: dict[str, Observation]) -> bool:  # noqa: ARG002 - the hook's signature
        """See every frame's observations; False ends the run."""
        return True

    def after_run(self) -> None:
        """Called after the modules' cleanup."""

    def run(self, video: Path) -> None:
        """Run the modules over a video."""
        ordered = toposort_modules(self.modules)
        for module in ordered:
            module.initialize()
            module.warmup(None)
        try:
            for frame in frames(video, self.fps):
                if not self.on_frame(frame, process(ordered, frame)):
                    break
        finally:
            for module in ordered:
                module.reset()
                module.release()
        self.after_run()
