"""identity_builder: ride video in, trustworthy identity set out."""

from .builder import IdentitySetBuilder
from .core.config import Config
from .core.types import FaceSample, PersonSet, RunResult, StopReason
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
