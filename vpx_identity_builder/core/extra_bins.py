"""Bins of axes that plugins add. They fill no bucket of §5; coverage shows every such bin once where it can."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from .types import FaceSample

ExtraBin = tuple[str, str]
"""Axis and label, as in `("lighting_direction", "left")`."""


class HasSample(Protocol):
    """Anything made of a face."""

    @property
    def sample(self) -> FaceSample:
        """The face."""


def bins_shown(items: Iterable[HasSample]) -> set[ExtraBin]:
    """The extra bins that these faces show."""
    return {extra for item in items for extra in item.sample.extra_bins}


def bins_missing(candidates: Sequence[HasSample], chosen: Sequence[HasSample]) -> list[ExtraBin]:
    """Extra bins that some candidate shows and none that is chosen, in order of their names."""
    return sorted(bins_shown(candidates) - bins_shown(chosen))
