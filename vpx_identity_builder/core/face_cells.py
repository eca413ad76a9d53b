"""Where the described cells of a face lie: rows from forehead to chin, each row centred, numbered row by row."""

from __future__ import annotations

import numpy as np

ROWS = (3, 5, 5, 5, 5, 5, 3)
"""Cells in each row of a face."""
CELLS = sum(ROWS)
EYE_CELLS = np.arange(8, 13)
"""The third row of a face."""
MOUTH_CELLS = np.array([19, 20, 21, 24, 25, 26])
"""The middle of the fifth and sixth row: the lips lie on both."""
LOWER_CELLS = np.arange(18, CELLS)
"""What a jaw moves: the fifth row and below."""
_PLACES = [(row, column - (count - 1) / 2) for row, count in enumerate(ROWS) for column in range(count)]


def _on_rim(row: int, column: float) -> bool:
    return row == 0 or abs(column) == (max(ROWS) - 1) / 2


def _touch(i: int, j: int) -> bool:
    (row, column), (other_row, other_column) = _PLACES[i], _PLACES[j]
    return abs(row - other_row) + abs(column - other_column) == 1


NEIGHBOURS = np.array(
    [
        (i, j)
        for i in range(CELLS)
        for j in range(i)
        if _touch(i, j) and not (_on_rim(*_PLACES[i]) and _on_rim(*_PLACES[j]))
    ],
    np.intp,
)
"""Pairs of cells side by side or one above the other, `(pairs, 2)`. Not those that lie on the rim, above or aside: when
a head turns, hair and background come and go there."""
