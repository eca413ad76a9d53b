"""What can go wrong in a run, one small tree; ``exit_code`` is what the command line answers."""

from __future__ import annotations

from typing import ClassVar


class RunnerError(Exception):
    """Base of the runner's own errors."""

    exit_code: ClassVar[int] = 1


class SettingsError(RunnerError, ValueError):
    """A setting or argument is unknown or has a wrong value."""

    exit_code: ClassVar[int] = 2


class StartError(RunnerError):
    """A module cannot start, for instance because a model file is missing. ``module`` is its name."""

    exit_code: ClassVar[int] = 2

    def __init__(self, module: str, cause: Exception) -> None:
        self.module = module
        super().__init__(f"module {module!r} cannot start: {describe(cause)}")


class RunError(RunnerError):
    """A module failed on a frame. The module's own exception is the ``__cause__``."""

    def __init__(self, module: str, frame_id: int, t_ns: int, cause: Exception) -> None:
        self.module = module
        self.frame_id = frame_id
        self.t_ns = t_ns
        self.cleanup_errors: list[str] = []
        super().__init__(f"module {module!r} failed on frame {frame_id} at {t_ns / 1e9:.3f} s: {describe(cause)}")


class SamplingError(RunnerError):
    """A module cannot say how densely to look at a moment. The module's own exception is the ``__cause__``."""

    def __init__(self, module: str, t_ns: int, cause: Exception) -> None:
        self.module = module
        self.t_ns = t_ns
        super().__init__(f"module {module!r} failed on the sampling rate at {t_ns / 1e9:.3f} s: {describe(cause)}")


def describe(error: BaseException) -> str:
    """An exception as one piece of text: with its type where that is Python's own, which explains nothing by itself."""
    text = str(error)
    if not text:
        return type(error).__name__
    return f"{type(error).__name__}: {text}" if type(error).__module__ == "builtins" else text
