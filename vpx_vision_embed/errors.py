"""Everything this package raises on purpose. Each error carries what was expected and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class VisionEmbedError(Exception):
    """Base of all errors of this package."""


class UnknownModelError(VisionEmbedError, ValueError):
    """A model name that no row carries."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"unknown vision model {name!r}: one of {', '.join(known)}")
        self.name = name
        self.known = tuple(known)


class CropError(VisionEmbedError, ValueError):
    """A crop that is not an image of shape (h, w, 3), uint8, or an image without pixels."""


class WeightsError(VisionEmbedError, OSError):
    """The weights of a model cannot be used."""


class WeightsMissingError(WeightsError, FileNotFoundError):
    """No file of the model is on this machine."""

    def __init__(self, key: str, looked_in: Sequence[Path], remedy: str) -> None:
        places = ", ".join(str(p) for p in looked_in)
        super().__init__(f"no weights for {key} (looked in {places}): {remedy}")
        self.key = key
        self.looked_in = tuple(looked_in)


class WeightsCorruptError(WeightsError):
    """A file is there, but its SHA-256 is not the expected one."""

    def __init__(self, path: Path, expected: str, found: str, remedy: str) -> None:
        sums = f"SHA-256 {found[:12]}…, expected {expected[:12]}…"
        super().__init__(f"{path} is not the file that it should be ({sums}): {remedy}")
        self.path = path
        self.expected = expected
        self.found = found


class WeightsUnpinnedError(WeightsError):
    """The row has no SHA-256, so nothing can vouch for its file."""


class WeightsUnsafeError(WeightsError):
    """A model file refers to data outside its own verified files."""

    def __init__(self, path: Path, location: str) -> None:
        super().__init__(
            f"{path} refers to external data {location!r}: only its own verified files beside it are accepted"
        )
        self.path = path
        self.location = location


class PullError(WeightsError):
    """The weights could not be fetched."""


class StoreError(PullError):
    """The weights were fetched or could be, but cannot be stored where they belong."""


class BackendError(VisionEmbedError, RuntimeError):
    """The inference library refused a model or a batch, or answered with nonsense."""


class BackendUnavailableError(BackendError):
    """The library or the device that was asked for is not on this machine."""


class ExportError(VisionEmbedError, RuntimeError):
    """A model could not be exported, or the export answers too differently to be kept."""


class ClosedError(VisionEmbedError, RuntimeError):
    """An embedder was used after `close()`."""


class SettingsError(VisionEmbedError, ValueError):
    """One or more settings are wrong; `problems` names key, value, allowed range and origin of each.

    `exit_code` is what a command line ends with.
    """

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("vision.embed settings: " + "; ".join(problems))
        self.problems = tuple(problems)
