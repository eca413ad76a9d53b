"""What speaks against a face as an anchor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vpx_identity_builder.core.eligible import doubts
from vpx_identity_builder.core.occlusion import PARTIAL

from .strategies import sample


@pytest.mark.parametrize(
    ("ratio", "guess", "expected"), [(0.05, None, 0), (None, PARTIAL, 1), (None, 0.3, 2), (None, None, 1)]
)
def test_a_likely_cover_is_one_more_doubt(ratio: float | None, guess: float | None, expected: int) -> None:
    assert doubts(replace(sample(), occlusion_ratio=ratio, occlusion_guess=guess)) == expected
