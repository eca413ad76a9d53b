"""identity_builder: ride video in, trustworthy identity set out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .builder import IdentitySetBuilder
    from .core.config import Config
    from .core.results import PersonSet, RunResult, StopReason
    from .core.types import FaceSample
    from .errors import ExportError, IdentityBuilderError, InputError, QueryError, SettingsError
    from .module import IdentityBuilder
    from .references import References, select_refs
    from .settings import Settings

__all__ = [
    "Config",
    "ExportError",
    "FaceSample",
    "IdentityBuilder",
    "IdentityBuilderError",
    "IdentitySetBuilder",
    "InputError",
    "PersonSet",
    "QueryError",
    "References",
    "RunResult",
    "Settings",
    "SettingsError",
    "StopReason",
    "select_refs",
]

_HOME = {
    **dict.fromkeys(("PersonSet", "RunResult", "StopReason"), "core.results"),
    "FaceSample": "core.types",
    **dict.fromkeys(("ExportError", "IdentityBuilderError", "InputError", "QueryError", "SettingsError"), "errors"),
    **dict.fromkeys(("References", "select_refs"), "references"),
    "Config": "core.config",
    "IdentityBuilder": "module",
    "IdentitySetBuilder": "builder",
    "Settings": "settings",
}
"""Where the public names are: each is imported when it is asked for, as the command line needs few of them."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
