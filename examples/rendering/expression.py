"""Expressions as movements of the head's points, in the plane of the face looking straight ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CORNERS = (61, 291)
UPPER_INNER = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_INNER = (95, 88, 178, 87, 14, 317, 402, 318, 324)
UPPER_OUTER = (185, 40, 39, 37, 0, 267, 269, 270, 409)
LOWER_OUTER = (146, 91, 181, 84, 17, 314, 405, 321, 375)
INNER_LOOP = (78, *UPPER_INNER, 308, *reversed(LOWER_INNER))
CHIN = (176, 148, 152, 377, 400)
JAW = (149, 150, 378, 379)
UPPER_LIDS = (246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398)
LOWER_LIDS = (7, 163, 144, 145, 153, 154, 155, 249, 390, 373, 374, 380, 381, 382)
LID_FOLDS = (247, 30, 29, 27, 28, 56, 190, 467, 260, 259, 257, 258, 286, 414)
UNDER_LIDS = (110, 24, 23, 22, 26, 339, 254, 253, 252, 256)
# What no expression here moves: nose, eye corners, brows, temples and the upper outline.
FIXED = (
    1, 2, 4, 5, 6, 98, 327, 94, 48, 278, 168, 195, 33, 133, 263, 362, 70, 63, 105, 66, 107, 300, 293, 334, 296, 336,
    10, 67, 297, 54, 284, 127, 356, 234, 454, 93, 323, 111, 340, 117, 346,
)  # fmt: skip
SMILE_WIDTH, SMILE_RISE_CM = 0.33, 0.35
JAW_DROP_CM = 2.3


@dataclass(frozen=True, slots=True)
class Amounts:
    """0 = lips closed, eyes open, no smile; 1 = jaw down, lids down, the photograph's own smile."""

    mouth: float = 0.0
    eyes: float = 0.0
    smile: float = 0.0


def control_indices() -> list[int]:
    """The mesh points whose movement is set; all others follow smoothly."""
    groups = (CORNERS, UPPER_INNER, LOWER_INNER, UPPER_OUTER, LOWER_OUTER, (78, 308), CHIN, JAW)
    lids = (UPPER_LIDS, LOWER_LIDS, LID_FOLDS, UNDER_LIDS, FIXED)
    return [index for group in (*groups, *lids) for index in group]


def control_moves(face: Floats, amounts: Amounts, cm: float) -> Floats:
    """Movements (n, 2) of the control points; `face` (468, 2+) with y up, `cm` its units per centimetre."""
    moves = np.zeros((len(face), 2))
    _lips(face, amounts, cm, moves)
    upper, lower = face[list(UPPER_LIDS), 1], face[list(LOWER_LIDS), 1]
    drop = amounts.eyes * np.maximum(upper - lower, 0.0)
    moves[list(UPPER_LIDS), 1] = -0.70 * drop
    moves[list(LOWER_LIDS), 1] = 0.12 * drop
    moves[list(LID_FOLDS), 1] = -0.35 * drop
    return moves[control_indices()]


def _lips(face: Floats, amounts: Amounts, cm: float, moves: Floats) -> None:
    middle = face[list(CORNERS), 0].mean()
    half = abs(face[CORNERS[1], 0] - face[CORNERS[0], 0]) / 2
    lips = list({*INNER_LOOP, *UPPER_OUTER, *LOWER_OUTER, *CORNERS})
    aside = (face[lips, 0] - middle) / half
    calm = 1.0 - amounts.smile
    # The lips of a calm face meet; the photograph's smile parts them.
    for upper, lower, share in ((UPPER_INNER, LOWER_INNER, 1.0), (UPPER_OUTER, LOWER_OUTER, 0.85)):
        gap = np.maximum(face[list(UPPER_INNER), 1] - face[list(LOWER_INNER), 1], 0.0) * 0.97
        closing = calm * (1.0 - 0.5 * amounts.mouth) * gap * share
        moves[list(upper), 1] -= 0.45 * closing
        moves[list(lower), 1] += 0.55 * closing
    narrowing = SMILE_WIDTH * calm + 0.08 * amounts.mouth
    moves[lips, 0] -= narrowing * aside * half
    moves[lips, 1] -= SMILE_RISE_CM * cm * calm * aside**2
    opening = amounts.mouth * JAW_DROP_CM * cm
    for group in (LOWER_INNER, LOWER_OUTER):
        reach = np.clip((face[list(group), 0] - middle) / half, -1, 1)
        moves[list(group), 1] -= opening * np.sqrt(np.maximum(1 - reach**2, 0.0))
    for group in (UPPER_INNER, UPPER_OUTER):
        reach = np.clip((face[list(group), 0] - middle) / half, -1, 1)
        moves[list(group), 1] += 0.1 * opening * np.sqrt(np.maximum(1 - reach**2, 0.0))
    moves[list({*CORNERS, 78, 308}), 1] -= 0.3 * opening
    moves[list(CHIN), 1] -= 0.9 * opening
    moves[list(JAW), 1] -= 0.55 * opening


class Spread:
    """Carries movements of the control points to all points: exact at the controls, smooth between, still far away.

    `share` (m,) in 0..1 is how much each point takes part.
    """

    def __init__(self, controls: Floats, points: Floats, reach: float, share: Floats) -> None:
        solve = np.linalg.pinv(_kernel(controls, controls, reach), rcond=1e-10)
        self.share = share
        self._weights = _kernel(points, controls, reach) @ solve * share[:, None]

    def __call__(self, moves: Floats) -> Floats:
        """Movements (m, 2) of all points from those (n, 2) of the controls."""
        return self._weights @ moves


def _kernel(points: Floats, centres: Floats, reach: float) -> Floats:
    """Exponential kernel (m, n): positive definite, so any set of distinct controls can be met exactly."""
    distance = np.linalg.norm(points[:, None, :2] - centres[None, :, :2], axis=2)
    return np.exp(-distance / reach)
