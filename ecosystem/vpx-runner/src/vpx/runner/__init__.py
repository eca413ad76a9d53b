"""LiteRunner and the ``vpx`` command."""

from vpx.runner.errors import RunError, RunnerError, SettingsError, StartError
from vpx.runner.lite import LiteRunner, RunResult

__all__ = ["LiteRunner", "RunError", "RunResult", "RunnerError", "SettingsError", "StartError"]
