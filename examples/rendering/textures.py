"""The photograph as texture, and what expressions need painted: a mouth's inside, closed lids."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .expression import INNER_LOOP, LOWER_LIDS, UPPER_LIDS
from .photograph import HEAD, TEXTURE_SCALE

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

# Mesh points on skin above and below each eye, clear of lashes and brows.
LID_SKIN = (((223, 222, 224), (230, 229, 231)), ((443, 442, 444), (450, 449, 451)))


@dataclass(frozen=True)
class Textures:
    """The photograph at texture scale, the same with an open mouth, and with closed lids; all (h, w, 3) uint8."""

    plain: Picture
    open_mouth: Picture
    closed_eyes: Picture


def make_textures(large: Picture, mesh: Floats) -> Textures:
    """All textures of a head from the texture-scale photograph and its mesh (468, 3) in photograph pixels."""
    plain = without_surroundings(large)
    return Textures(plain, with_open_mouth(plain, mesh), with_closed_eyes(plain, mesh))


def with_open_mouth(large: Picture, mesh: Floats) -> Picture:
    """The texture with a mouth's inside, upper teeth and dark below, painted between the lips."""
    loop = mesh[list(INNER_LOOP), :2] * TEXTURE_SCALE
    mask = np.zeros(large.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(loop).astype(np.int32)], 255)
    soft = cv2.GaussianBlur(mask, (0, 0), 1.0)[..., None] / 255.0
    top, bottom = loop[:, 1].min(), loop[:, 1].max()
    upper = loop[1:10]
    rows = np.arange(large.shape[0], dtype=np.float64)[:, None]
    edge = np.interp(np.arange(large.shape[1]), upper[:, 0], upper[:, 1])[None]
    below = np.clip((rows - edge) / (bottom - top), 0, 1)[..., None]
    inside = np.array([38, 30, 78]) * (0.35 + 0.5 * below)
    teeth = np.clip((0.24 - below) / 0.08, 0, 1)
    painted = large * teeth + inside * (1 - teeth)
    return np.clip(large * (1 - soft) + painted * soft, 0, 255).astype(np.uint8)


def with_closed_eyes(large: Picture, mesh: Floats) -> Picture:
    """The texture with skin over the eyes and lashes along the lower lids."""
    painted = large.astype(np.float64)
    rows = np.arange(large.shape[0], dtype=np.float64)[:, None] + np.zeros((1, large.shape[1]))
    for side in range(2):
        upper, lower = (np.array(lids[7 * side : 7 * side + 7]) for lids in (UPPER_LIDS, LOWER_LIDS))
        corners = mesh[[(33, 133), (263, 362)][side], :2]
        lower_lid = np.vstack([corners[:1], mesh[lower, :2], corners[1:]])
        loop = np.vstack([lower_lid, mesh[upper[::-1], :2]]) * TEXTURE_SCALE
        mask = np.zeros(large.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(loop).astype(np.int32)], 255)
        cv2.polylines(mask, [np.round(loop - [0, 4]).astype(np.int32)], True, 255, 22)
        soft = cv2.GaussianBlur(mask, (0, 0), 3.0)[..., None] / 255.0
        above, below = (_skin(large, mesh[list(points), :2]) for points in LID_SKIN[side])
        down = np.clip((rows - loop[:, 1].min()) / np.ptp(loop[:, 1]), 0, 1)[..., None]
        skin = above * (1 - down) + below * down
        painted = painted * (1 - soft) + skin * soft
        lashes = np.zeros(large.shape[:2], np.uint8)
        cv2.polylines(lashes, [np.round(lower_lid * TEXTURE_SCALE).astype(np.int32)], False, 220, 4)
        dark = cv2.GaussianBlur(lashes, (0, 0), 1.0)[..., None] / 255.0
        painted = painted * (1 - dark) + np.array([38, 52, 78]) * dark
    return np.clip(painted, 0, 255).astype(np.uint8)


def _skin(large: Picture, places: Floats) -> Floats:
    """Median colour (3,) around places (n, 2) in photograph pixels."""
    patches = [
        large[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].reshape(-1, 3) for x, y in places * TEXTURE_SCALE
    ]
    return np.median(np.concatenate(patches), axis=0)


def without_surroundings(large: Picture) -> Picture:
    """The texture with the head's colours carried outwards over whatever lies behind it."""
    mask = np.zeros(large.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.array(HEAD) * TEXTURE_SCALE], 255)
    mask = cv2.erode(mask, np.ones((5, 5), np.uint8))
    _, labels = cv2.distanceTransformWithLabels(255 - mask, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    nearest = np.zeros(labels.max() + 1, np.intp)
    inside = np.flatnonzero(mask)
    nearest[labels.reshape(-1)[inside]] = inside
    return large.reshape(-1, 3)[nearest[labels]]
