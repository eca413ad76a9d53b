"""Highlight windows: the `windows.json` of highlight_vector, read and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from vpx_identity_builder.core.words import in_digits
from vpx_identity_builder.errors import InputError

Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class HighlightWindow(BaseModel):
    """One window of `windows.json`, milliseconds from the start of the video. Only start and end are needed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    start_ms: Milliseconds
    end_ms: Milliseconds
    window_id: int | str | None = None
    peak_ms: Milliseconds | None = None
    score_rule: float | None = None
    score_model: float | None = None
    key_features: Any = None
    selected_frames: Any = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_ms <= self.start_ms:
            raise ValueError(f"end_ms {in_digits(self.end_ms)} must be after start_ms {in_digits(self.start_ms)}")
        return self

    def holds(self, t_ns: int) -> bool:
        """True inside the window, both ends included."""
        return self.start_ms * 1e6 <= t_ns <= self.end_ms * 1e6


_FILE = TypeAdapter(list[HighlightWindow])


def read_windows(path: Path) -> tuple[HighlightWindow, ...]:
    """The windows of a file in order of time. Raises `InputError` naming the window and the key that are wrong."""
    try:
        found = _FILE.validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(str(path), error.strerror or type(error).__name__) from error
    except ValidationError as error:
        raise InputError(str(path), _explained(error)) from error
    return tuple(sorted(found, key=lambda window: (window.start_ms, window.end_ms)))


def total_seconds(windows: tuple[HighlightWindow, ...]) -> float:
    """Seconds of video that lie in some window; windows in order of time, as `read_windows` gives them."""
    total, reached = 0.0, 0.0
    for window in windows:
        total += max(0.0, window.end_ms - max(window.start_ms, reached))
        reached = max(reached, window.end_ms)
    return total / 1000


def _explained(error: ValidationError) -> str:
    first = error.errors()[0]
    where, said = first["loc"], first["msg"].removeprefix("Value error, ")
    if not where:
        return f"must be a list of windows with start_ms and end_ms: {said}"
    key = ".".join(str(part) for part in where[1:])
    return f"window {int(where[0]) + 1}: {f'{key}: ' if key else ''}{said}"
