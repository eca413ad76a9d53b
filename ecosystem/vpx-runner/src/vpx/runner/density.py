"""How densely a run looks at each moment: modules may ask for more frames than the usual rate gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from vpx.runner.errors import SamplingError
from vpx.sdk import Module

AtLeast = Callable[[int], float | None]


def wanted_rate(modules: Sequence[Module]) -> AtLeast | None:
    """Time in ns → the highest frames per second that a module's ``sampling_fps(t_ns)`` asks for there.

    None where no module has that method; the function gives None where none asks. Raises ``SamplingError`` where a
    module fails or asks for what is no rate.
    """
    asking = [(module.name, ask) for module in modules if (ask := getattr(module, "sampling_fps", None)) is not None]
    if not asking:
        return None

    def at_least(t_ns: int) -> float | None:
        answers = [answer for name, ask in asking if (answer := _ask(name, ask, t_ns)) is not None]
        return max(answers, default=None)

    return at_least


def _ask(name: str, ask: Callable[[int], Any], t_ns: int) -> float | None:
    try:
        answer = ask(t_ns)
        rate = None if answer is None else float(answer)
    except Exception as error:
        raise SamplingError(name, t_ns, error) from error
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise SamplingError(name, t_ns, ValueError(f"{rate} is no number of frames per second above 0"))
    return rate
