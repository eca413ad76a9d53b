"""Numbers in sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpx_identity_builder.core.words import counted, in_digits


@pytest.mark.parametrize(
    ("count", "nouns", "said"),
    [
        (0, ("file",), "0 files"),
        (1, ("file",), "1 file"),
        (2, ("file",), "2 files"),
        (1, ("copy", "copies"), "1 copy"),
        (3, ("copy", "copies"), "3 copies"),
    ],
)
def test_one_is_no_plural(count: int, nouns: tuple[str, ...], said: str) -> None:
    assert counted(count, *nouns) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0"), (0.25, "0.25"), (60_000, "60000"), (1 << 20, "1048576"), (1e6, "1000000"), (1e-7, "0.0000001")],
)
def test_numbers_are_said_in_digits(number: float, said: str) -> None:
    assert in_digits(number) == said


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**12), 10**12))
def test_digits_are_the_number(number: float) -> None:
    said = in_digits(number)
    assert "e" not in said
    assert float(said) == number
