"""What a module says about one frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Observation:
    """The output of one module for one frame.

    ``source`` is the module's name, ``frame_id`` and ``t_ns`` come from the frame (key on ``t_ns``: hosts renumber
    frames). ``signals`` holds plain scalars, ``data`` the typed output, ``metadata`` plain JSON values (``_metrics``
    holds per-frame internals), ``timing`` milliseconds per processing step.
    """

    source: str
    frame_id: int
    t_ns: int
    signals: dict[str, Any] = field(default_factory=dict)
    data: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)
    timing: dict[str, float] | None = None
