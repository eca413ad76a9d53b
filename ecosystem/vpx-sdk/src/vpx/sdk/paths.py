"""Where the ecosystem keeps its files. Nothing is created here."""

from __future__ import annotations

import os
from pathlib import Path


def get_home_dir() -> Path:
    """The ecosystem's home: ``PORTRAIT981_HOME``, else ``~/.portrait981``."""
    return _from_environment("PORTRAIT981_HOME") or Path.home() / ".portrait981"


def get_models_dir() -> Path:
    """The folder of model files: ``VPX_MODELS_DIR``, else ``<home>/models``."""
    return _from_environment("VPX_MODELS_DIR") or get_home_dir() / "models"


def _from_environment(variable: str) -> Path | None:
    text = os.environ.get(variable, "").strip()
    return Path(text).expanduser() if text else None
