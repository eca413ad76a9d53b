"""Moments of one video that deserve more frames and win near-ties (§15): windows, triggers, plugins."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .hooks import ORDINARY_PRIORITY
from .hooks_calls import Hooks
from .observations_read import get
from .settings import HighlightSettings
from .translation import Translation
from .windows import HighlightWindow

NO_FRAME_INSIDE = "No frame lay in a highlight window: do the windows belong to this video?"

TRIGGER = "trigger"
"""Signal of an Observation that marks its moment as a highlight."""


@dataclass(slots=True, eq=False)
class Highlights:
    """What is known of one video's highlights; those that triggers tell are known as they come.

    `usual_fps`: the rate that the host was asked for, None where it gives every frame. `frames_inside`: how many of the
    frames noted so far lay in a window.
    """

    settings: HighlightSettings
    windows: Sequence[HighlightWindow]
    hooks: Hooks
    usual_fps: float | None = None
    held_until_ns: int = -1
    frames_inside: int = 0

    def note(self, deps: Mapping[str, Any] | None, t_ns: int) -> None:
        """Look for a trigger among this frame's observations, and whether a window holds it."""
        self.frames_inside += any(window.holds(t_ns) for window in self.windows)
        if is_triggered(deps, self.settings.trigger_modules):
            self.held_until_ns = max(self.held_until_ns, t_ns + round(self.settings.highlight_hold_ms * 1e6))

    def notes(self) -> tuple[str, ...]:
        """For the run's notes: how many frames the windows held; nothing where there are no windows."""
        if not self.windows:
            return ()
        return (f"Frames in highlight windows: {self.frames_inside}.",) if self.frames_inside else (NO_FRAME_INSIDE,)

    def marked(self, translation: Translation, t_ns: int) -> Translation:
        """With every face marked, if this moment is a highlight."""
        if not (self._named(t_ns) or self.hooks.sampling_priority(t_ns) > ORDINARY_PRIORITY):
            return translation
        return replace(translation, samples=tuple(replace(face, in_highlight=True) for face in translation.samples))

    def fps(self, t_ns: int) -> float | None:
        """Frames per second that this moment is worth; None: as any other."""
        named = self.settings.window_fps if self._named(t_ns) else None
        priority = self.hooks.sampling_priority(t_ns)
        asked = None if self.usual_fps is None or priority <= ORDINARY_PRIORITY else self.usual_fps * priority
        return max((rate for rate in (named, asked) if rate is not None), default=None)

    def are_ahead(self, t_ns: int) -> bool:
        """True while a window is still to come or not over."""
        return any(window.end_ms * 1e6 > t_ns for window in self.windows)

    def _named(self, t_ns: int) -> bool:
        return t_ns <= self.held_until_ns or any(window.holds(t_ns) for window in self.windows)


def is_triggered(deps: Mapping[str, Any] | None, names: Collection[str]) -> bool:
    """True where an Observation of one of these modules has the signal `trigger`."""
    for name in names:
        signals = get((deps or {}).get(name), "signals")
        value = signals.get(TRIGGER) if isinstance(signals, Mapping) else None
        if isinstance(value, bool | int | float) and value > 0:
            return True
    return False
