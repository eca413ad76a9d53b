"""What a failed hook is told as: plugin, hook and arguments in one line, without pictures and without embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .core.results import ChosenImage, PersonSet
from .core.types import FaceSample
from .errors import IdentityBuilderError

LONGEST_TEXT = 200


class HookError(IdentityBuilderError):
    """A hook answered with something that cannot be used."""


@dataclass(frozen=True, slots=True)
class HookFault:
    """A hook that failed and was not asked again. `arguments` are described, not quoted; `reason` is one line."""

    plugin: str
    hook: str
    arguments: str
    reason: str

    def __str__(self) -> str:
        called = f", called with {self.arguments}" if self.arguments else ""
        return f"plugin {self.plugin}: {self.hook} failed: {self.reason}{called}; the run went on without it"


def fault_of(plugin: str, hook: str, arguments: Mapping[str, object], error: Exception) -> HookFault:
    """The fault that an exception amounts to."""
    text = " ".join(str(error).split())
    ours = isinstance(error, IdentityBuilderError) and text
    reason = text if ours else f"{type(error).__name__}: {text[:LONGEST_TEXT]}".rstrip(": ")
    return HookFault(
        plugin, hook, ", ".join(f"{name}={_described(value)}" for name, value in arguments.items()), reason
    )


def _described(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}"
    if isinstance(value, FaceSample):
        return f"face at {value.t_ns / 1e6:.0f} ms in frame {value.frame_idx}"
    if isinstance(value, ChosenImage):
        return value.name
    if isinstance(value, PersonSet):
        return f"person {value.person_id}"
    if isinstance(value, str | Path | int | float | bool):
        return str(value)
    name = getattr(value, "name", None)
    return name if isinstance(name, str) else type(value).__name__
