"""Named and timed parts of a module's work."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")
_MARKER = "__vpx_processing_step__"


@dataclass(frozen=True)
class ProcessingStep:
    """One named step: ``method`` is the function's name, ``depends_on`` names steps that come before it."""

    name: str
    description: str = ""
    method: str = ""
    depends_on: tuple[str, ...] = ()


def processing_step(
    name: str, description: str = "", depends_on: tuple[str, ...] = ()
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Name a method as a step, and time it where ``self._step_timings`` is a dict.

    The milliseconds of several calls within one frame add up under ``name``. ``description`` falls back to the first
    line of the method's docstring.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def timed(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            timings = getattr(args[0], "_step_timings", None) if args else None
            if not isinstance(timings, dict):
                return function(*args, **kwargs)
            start_ns = time.perf_counter_ns()
            try:
                return function(*args, **kwargs)
            finally:
                timings[name] = timings.get(name, 0.0) + (time.perf_counter_ns() - start_ns) / 1e6

        text = description or (function.__doc__ or "").strip().split("\n")[0]
        setattr(timed, _MARKER, ProcessingStep(name, text, function.__name__, tuple(depends_on)))
        return timed

    return decorate


def get_processing_steps(module: object) -> list[ProcessingStep]:
    """The steps of a module or module class, in the order of their definition, base classes first."""
    cls = module if isinstance(module, type) else type(module)
    found: dict[str, ProcessingStep] = {}
    for base in reversed(cls.__mro__):
        for attribute, value in vars(base).items():
            step = getattr(value, _MARKER, None)
            if isinstance(step, ProcessingStep):
                found[attribute] = step
            else:
                found.pop(attribute, None)
    return list(found.values())
