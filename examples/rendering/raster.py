"""Draw textured triangles: which point of the texture shows at which pixel."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_SIZES = (4, 6, 8, 11, 16, 22, 32, 45, 64, 90, 128, 192)


def rasterize(
    points: Floats, triangles: NDArray[np.intp], attributes: Floats, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the attributes seen at each pixel (h, w, k) float32 and where anything is seen (h, w).

    `points` (n, 3): x right and y down in pixels, z towards the viewer. `triangles` (m, 3) wind clockwise on the screen
    where they face the viewer; others are not drawn. `attributes` (n, k); `size` is (width, height).
    """
    width, height = size
    corners = points[triangles]
    e1, e2 = corners[:, 1, :2] - corners[:, 0, :2], corners[:, 2, :2] - corners[:, 0, :2]
    area = e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]
    low = np.floor(corners[..., :2].min(axis=1)).astype(np.intp)
    extent = (np.ceil(corners[..., :2].max(axis=1)).astype(np.intp) - low).max(axis=1) + 1
    found = []
    for least, side in zip((0, *_SIZES[:-1]), _SIZES, strict=True):
        chosen = np.flatnonzero((area > 1e-6) & (extent > least) & (extent <= side))
        if chosen.size:
            found.append(_covered(corners, area, low, chosen, side, size))
    image = np.zeros((height * width, attributes.shape[1]), np.float32)
    seen = np.zeros(height * width, np.bool_)
    if found:
        pixel, depth, triangle, weights = (np.concatenate(parts) for parts in zip(*found, strict=True))
        nearest = np.full(height * width, -1, np.intp)
        order = np.argsort(depth, kind="stable")
        nearest[pixel[order]] = order
        hit = nearest[nearest >= 0]
        values = np.einsum("nc,nck->nk", weights[hit], attributes[triangles[triangle[hit]]])
        image[pixel[hit]] = values
        seen[pixel[hit]] = True
    return image.reshape(height, width, -1), seen.reshape(height, width)


def _covered(
    corners: Floats, area: Floats, low: NDArray[np.intp], chosen: NDArray[np.intp], side: int, size: tuple[int, int]
) -> tuple[NDArray[np.intp], Floats, NDArray[np.intp], Floats]:
    """Pixels inside the chosen triangles: pixel index, depth, triangle, and the weights of its three corners."""
    down, along = (axis.reshape(-1) for axis in np.mgrid[0:side, 0:side])
    x, y = low[chosen, :1] + along, low[chosen, 1:] + down
    a, b, c = (corners[chosen, i, :2, None] for i in range(3))
    (bx, by), (cx, cy) = (np.moveaxis(p - a, 1, 0) for p in (b, c))
    dx, dy = x - a[:, 0], y - a[:, 1]
    double = area[chosen][:, None]
    wb, wc = (dx * cy - dy * cx) / double, (bx * dy - by * dx) / double
    wa = 1 - wb - wc
    within = (wa >= -1e-9) & (wb >= -1e-9) & (wc >= -1e-9) & (x >= 0) & (y >= 0) & (x < size[0]) & (y < size[1])
    row, column = np.nonzero(within)
    weights = np.stack([w[row, column] for w in (wa, wb, wc)], axis=1)
    depth = (weights * corners[chosen[row], :, 2]).sum(axis=1)
    return y[row, column] * size[0] + x[row, column], depth, chosen[row], weights


def delaunay(points: Floats) -> NDArray[np.intp]:
    """Triangles (m, 3) over points (n, 2), winding clockwise on the screen (y down)."""
    low, high = points.min(axis=0) - 10, points.max(axis=0) + 10
    plane = cv2.Subdiv2D((int(low[0]), int(low[1]), int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1))
    index = {}
    for i, (x, y) in enumerate(points.astype(np.float32)):
        plane.insert((float(x), float(y)))
        index[float(x), float(y)] = i
    corners = plane.getTriangleList().astype(np.float32).reshape(-1, 3, 2)
    rows = [[index.get((float(x), float(y)), -1) for x, y in triangle] for triangle in corners]
    found = np.array([row for row in rows if min(row) >= 0], np.intp)
    a, b, c = (points[found[:, i]] for i in range(3))
    turn = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    return np.where((turn > 0)[:, None], found, found[:, [0, 2, 1]])
