"""Numbers in sentences."""

from __future__ import annotations


def counted(count: int, one: str, several: str = "") -> str:
    """`1 file`, `2 files`; `several` where the plural is not `one` with an s."""
    return f"{count} {one if count == 1 else several or one + 's'}"
