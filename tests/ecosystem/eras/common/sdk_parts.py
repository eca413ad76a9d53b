"""vpx.sdk as both eras have it: the contract's names, written anew, nothing more."""

import enum
import functools
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar


class Capability(enum.Flag):
    NONE = 0
    STATEFUL = enum.auto()
    GPU = enum.auto()
    BATCHING = enum.auto()
    CROSS_HOST_OK = enum.auto()
    NEEDS_ZERO_COPY = enum.auto()
    DETERMINISTIC = enum.auto()
    THREAD_SAFE = enum.auto()


@dataclass(frozen=True)
class ModuleCapabilities:
    flags: Capability = Capability.NONE
    gpu_memory_mb: int = 0
    init_time_sec: float = 0.0
    max_batch_size: int = 1
    resource_groups: frozenset = frozenset()
    required_extras: frozenset = frozenset()


@dataclass(frozen=True)
class PortSchema:
    version: str = "1.0"
    input_signals: frozenset = frozenset()
    output_signals: frozenset = frozenset()
    output_data_type: str = ""


@dataclass
class Observation:
    source: str
    frame_id: int
    t_ns: int
    signals: dict = field(default_factory=dict)
    data: Any = None
    metadata: dict = field(default_factory=dict)
    timing: Any = None


@dataclass(frozen=True)
class DrawStyle:
    color: tuple = (0, 255, 0)
    thickness: int = 2
    font_scale: float = 0.5
    filled: bool = False


@dataclass(frozen=True)
class BBoxMark:
    x: float
    y: float
    w: float
    h: float
    label: str = ""
    style: DrawStyle = field(default_factory=DrawStyle)


@dataclass(frozen=True)
class BarMark:
    x: float
    y: float
    w: float
    h: float
    value: float
    label: str = ""
    style: DrawStyle = field(default_factory=DrawStyle)


def processing_step(name, description="", depends_on=()):
    def decorate(function):
        @functools.wraps(function)
        def timed(self, *args, **kwargs):
            start = time.perf_counter()
            try:
                return function(self, *args, **kwargs)
            finally:
                if isinstance(getattr(self, "_step_timings", None), dict):
                    self._step_timings[name] = (time.perf_counter() - start) * 1000

        return timed

    return decorate


def get_home_dir():
    raise NotImplementedError("not needed without weights")


get_models_dir = get_home_dir


class ModuleOfBothEras:
    """What the two eras' base classes share."""

    depends: ClassVar[list] = []
    optional_depends: ClassVar[list] = []
    stateful = False
    port_schema = None
    error_policy = None

    def initialize(self):
        pass

    def warmup(self, sample_frame=None):
        pass

    def process_batch(self, frames, deps_list):
        return [self.process(frame, deps) for frame, deps in zip(frames, deps_list, strict=True)]

    def annotate(self, obs):
        return []
