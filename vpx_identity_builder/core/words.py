"""Numbers and names in sentences."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches


def counted(count: int, one: str, several: str = "") -> str:
    """`1 file`, `2 files`; `several` where the plural is not `one` with an s."""
    return f"{count} {one if count == 1 else several or one + 's'}"


def in_digits(number: float) -> str:
    """`0.25`, `60000`, `1048576`: a finite number in plain digits, never with an exponent."""
    return str(int(number)) if float(number).is_integer() else format(Decimal(repr(float(number))), "f")


def did_you_mean(name: str, known: Iterable[str], most: int = 1, likeness: float = 0.8) -> str:
    """`did you mean this, that or another?`: up to `most` known names that are nearly this one, empty where none is.

    `likeness`: 0..1 as `difflib` measures it, from which on a name is nearly the same.
    """
    near = get_close_matches(name, list(known), n=most, cutoff=likeness)
    return f"did you mean {' or '.join([', '.join(near[:-1]), near[-1]] if near[1:] else near)}?" if near else ""
