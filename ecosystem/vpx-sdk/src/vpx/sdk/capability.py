"""What a module tells its host about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Any


class Capability(Flag):
    """Properties of a module that a host may use for scheduling."""

    NONE = 0
    STATEFUL = auto()
    GPU = auto()
    BATCHING = auto()
    CROSS_HOST_OK = auto()
    NEEDS_ZERO_COPY = auto()
    DETERMINISTIC = auto()
    THREAD_SAFE = auto()


@dataclass(frozen=True)
class ModuleCapabilities:
    """Scheduling facts of a module. ``max_batch_size`` is advice: larger batches do arrive."""

    flags: Capability = Capability.NONE
    gpu_memory_mb: int = 0
    init_time_sec: float = 0.0
    max_batch_size: int = 1
    resource_groups: frozenset[str] = frozenset()
    required_extras: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PortSchema:
    """Names of the signals that a module reads and writes, and the type of its ``Observation.data``."""

    version: str = "1.0"
    input_signals: frozenset[str] = frozenset()
    output_signals: frozenset[str] = frozenset()
    output_data_type: str = ""


@dataclass(frozen=True)
class ErrorPolicy:
    """What a flow-graph host does when a module fails on a frame (other hosts end the run).

    ``on_timeout`` and ``on_error`` are ``"skip"``, ``"fallback"`` (an observation with ``fallback_signals``)
    or ``"raise"``.
    """

    max_retries: int = 0
    timeout_sec: float | None = None
    on_timeout: str = "skip"
    on_error: str = "raise"
    fallback_signals: dict[str, Any] = field(default_factory=dict)
