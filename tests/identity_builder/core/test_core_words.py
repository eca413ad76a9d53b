"""Numbers in sentences."""

from __future__ import annotations

import pytest

from vpx_identity_builder.core.words import counted


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
