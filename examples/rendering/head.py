"""A closed head out of one photograph: the fitted face mesh, hair on an ellipsoid, a rounded back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from vpx.face_detect.canonical import CANONICAL, POSE_POINTS, POSE_WEIGHTS
from vpx.face_detect.pose import HeadPose, procrustes, rotation_from

from .expression import Amounts, Spread, control_indices, control_moves
from .photograph import HEAD, TEXTURE_SCALE
from .raster import delaunay, rasterize
from .textures import Textures, make_textures

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

FACE_POINTS = 468
OUTLINE_POINTS = 72
HAIR_STEP_PX = 7.0
BACK_RINGS = 7
EXPRESSION_REACH_CM = 4.0
# Centimetres in the canonical face's frame: where the silhouette lies, and how far hair and the back of the head reach.
SILHOUETTE_Z_CM, FRONT_CM, BACK_CM, UNDER_CM = -3.5, 9.8, 9.0, 2.0
CAMERA_CM, CAMERA_ABOVE_CM = 70.0, 3.5
"""Where the camera is: before the pivot and above it, level with the nose."""
PIVOT_CM = (0.0, -2.0, -3.5)
"""What the head turns about: between the ears, low."""


@dataclass(frozen=True)
class Head:
    """Points looking straight ahead, relative to the pivot: x right, y up, z to the camera, photograph's pixels.

    `points` (n, 3), the first 468 are the face mesh; `uv` (n, 2) in texture pixels; `shade` (n,) times the texture;
    `triangles` (m, 3); `cm` pixels per centimetre; `pivot_px` (x, y) in the photograph.
    """

    points: Floats
    uv: Floats
    shade: Floats
    triangles: NDArray[np.intp]
    cm: float
    pivot_px: tuple[float, float]
    spread: Spread
    textures: Textures

    def moved(self, pose: HeadPose, amounts: Amounts) -> Floats:
        """Points (n, 3) with this expression, turned to this pose about the pivot."""
        moves = self.spread(control_moves(self.points[:FACE_POINTS], amounts, self.cm))
        points = self.points.copy()
        points[:, :2] += moves
        points[:, 2] += 0.25 * np.minimum(moves[:, 1], 0.0) * (self.points[:, 1] < 0)
        return points @ rotation_from(pose).T


def build_head(large: Picture, mesh: Floats, rest: HeadPose) -> Head:
    """Build the head from the texture-scale photograph, its mesh (468, 3) in photograph pixels and its own pose."""
    face = np.asarray(mesh, np.float64) * [1.0, -1.0, -1.0]
    origin = face[POSE_POINTS].mean(axis=0)
    turned = rotation_from(rest)
    straight = (face - origin) @ turned
    model = CANONICAL - CANONICAL.mean(axis=0)
    scales = (model * straight[POSE_POINTS]).sum(axis=0) / (model**2).sum(axis=0)
    cm = float(scales[:2].mean())
    relief = cm / float(scales[2])
    middle = CANONICAL.mean(axis=0)
    outline = _resampled(_around(HEAD, mesh[:, :2]), OUTLINE_POINTS)
    hair = _hair_points(outline, mesh[:, :2])
    flat = np.vstack([mesh[:, :2], hair, outline])
    rim_z = np.full(len(outline), SILHOUETTE_Z_CM - middle[2]) * cm
    depth = np.concatenate([straight[:, 2] * relief, np.zeros(len(hair)), rim_z])
    depth = _hair_depth(flat, depth, len(hair), cm, float(SILHOUETTE_Z_CM - middle[2]) * cm)
    # Hair and outline: undo the photograph's roll in the plane; their depth is already that of a straight head.
    plane = (flat * [1.0, -1.0] - origin[:2]) @ rotation_from(HeadPose(0.0, 0.0, rest.roll))[:2, :2]
    points = np.column_stack([plane, depth])
    points[:FACE_POINTS, :2] = straight[:, :2]
    front = _inside(delaunay(flat), flat, outline)
    points, uv, triangles, shade = _with_back(points, flat, front, len(outline), cm)
    pivot = (np.array(PIVOT_CM) - middle) * cm
    points = levelled(_unprojected(points - pivot, cm))
    controls = points[control_indices()]
    share = np.where(np.arange(len(points)) < len(flat), _near_face(points, cm), 0.0)
    spread = Spread(controls, points, EXPRESSION_REACH_CM * cm, share)
    pivot_px = (float(origin[0] + pivot[0]), float(-(origin[1] + pivot[1])))
    textures = make_textures(large, mesh)
    return Head(points, uv * TEXTURE_SCALE, shade, triangles, cm, pivot_px, spread, textures)


def levelled(points: Floats) -> Floats:
    """The points turned so that the canonical face fits theirs without a rotation.

    This is yaw, pitch and roll 0, a matter of geometry and not of what a model reads on a picture. A head reshaped from
    this one keeps its skull (ears, orbits, forehead), and with it this zero.
    """
    rotation = procrustes(CANONICAL, points[POSE_POINTS], POSE_WEIGHTS)
    if rotation is None:
        raise ValueError("a head needs points that are finite and apart from each other")
    return points @ rotation


def _near_face(points: Floats, cm: float) -> Floats:
    """1 on the face, falling to 0 towards the hair: no expression moves hair."""
    near = np.ones(len(points))
    lowest = points[:FACE_POINTS, :2]
    distance = np.linalg.norm(points[FACE_POINTS:, None, :2] - lowest[None], axis=2).min(axis=1)
    near[FACE_POINTS:] = np.clip(1.6 - distance / cm, 0, 1)
    return near


def _around(outline: list[tuple[int, int]], face: Floats) -> Floats:
    """The outline, widened where the mesh reaches beyond it: every mesh point lies inside."""
    finer = 4
    mask = np.zeros((512 * finer, 512 * finer), np.uint8)
    hull = cv2.convexHull((face * finer).astype(np.int32))
    cv2.fillPoly(mask, [np.array(outline) * finer], 255)
    cv2.fillPoly(mask, [hull], 255)
    cv2.polylines(mask, [hull], True, 255, int(2.5 * finer))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(contours, key=len)[:, 0].astype(np.float64) / finer


def _resampled(outline: Floats, count: int) -> Floats:
    closed = np.vstack([outline, outline[:1]])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.linspace(0, length[-1], count, endpoint=False)
    return np.column_stack([np.interp(at, length, closed[:, i]) for i in range(2)])


def _hair_points(outline: Floats, face: Floats) -> Floats:
    """Grid points inside the outline but not on the face, at a distance from both."""
    contour, hull = outline.astype(np.float32), cv2.convexHull(face.astype(np.float32))
    low, high = outline.min(axis=0), outline.max(axis=0)
    xs, ys = (np.arange(low[i] + 3, high[i], HAIR_STEP_PX) for i in range(2))
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    kept = [
        (x, y)
        for x, y in grid
        if cv2.pointPolygonTest(contour, (float(x), float(y)), True) > 3
        and cv2.pointPolygonTest(hull, (float(x), float(y)), True) < -3
    ]
    return np.array(kept)


def _hair_depth(flat: Floats, depth: Floats, hair: int, cm: float, rim_z: float) -> Floats:
    """Depth of hair points: an ellipsoid over the outline, drawn to the face where they are next to it."""
    depth = depth.copy()
    outline, face = flat[FACE_POINTS + hair :], flat[:FACE_POINTS]
    centre = (outline.min(axis=0) + outline.max(axis=0)) / 2 * [1, 0] + [0, 92.0]
    for index in range(FACE_POINTS, FACE_POINTS + hair):
        point = flat[index]
        inward = cv2.pointPolygonTest(outline.astype(np.float32), tuple(map(float, point)), True)
        radius = np.linalg.norm(point - centre)
        part = radius / (radius + inward)
        dome = rim_z + FRONT_CM * cm * np.sqrt(max(0.0, 1 - part**2))
        distance = np.linalg.norm(face - point, axis=1)
        nearest = int(distance.argmin())
        stick = np.exp(-distance[nearest] / (1.5 * cm))
        depth[index] = dome * (1 - stick) + depth[nearest] * stick
    # The jaw is part of the outline; it lies where the mesh says.
    for index in range(FACE_POINTS + hair, len(flat)):
        distance = np.linalg.norm(face - flat[index], axis=1)
        stick = np.exp(-distance.min() / (1.0 * cm))
        depth[index] = depth[index] * (1 - stick) + depth[int(distance.argmin())] * stick
    return depth


def _inside(triangles: NDArray[np.intp], flat: Floats, outline: Floats) -> NDArray[np.intp]:
    contour = outline.astype(np.float32)
    centres = flat[triangles].mean(axis=1)
    kept = [cv2.pointPolygonTest(contour, (float(x), float(y)), False) > 0 for x, y in centres]
    return triangles[np.array(kept)]


def _with_back(
    points: Floats, flat: Floats, front: NDArray[np.intp], rim: int, cm: float
) -> tuple[Floats, Floats, NDArray[np.intp], Floats]:
    """Close the head behind its outline with shrinking rings; their texture is the outline's, mirrored inwards."""
    first = len(flat) - rim
    rim_points, rim_flat = points[first:], flat[first:]
    centre = np.array([rim_points[:, 0].mean(), rim_points[:, 1].max() * 0.25])
    centre_flat = np.array([rim_flat[:, 0].mean(), 90.0])
    low = np.clip((rim_flat[:, 1] - 125) / 25, 0, 1)
    rings, uvs, shades, triangles = [points], [flat], [np.ones(len(flat))], [front]
    before = np.arange(first, len(flat))
    back_z = (SILHOUETTE_Z_CM - CANONICAL[:, 2].mean() - np.where(low > 0.5, UNDER_CM, BACK_CM)) * cm
    for ring in range(1, BACK_RINGS + 1):
        part = ring / BACK_RINGS
        angle = part * np.pi / 2 * 0.97
        # The underside of the jaw runs straight to the neck, the skull is round.
        plane = centre + (rim_points[:, :2] - centre) * (np.cos(angle) * (1 - low) + (1 - 0.9 * part) * low)[:, None]
        z = rim_points[:, 2] + (back_z - rim_points[:, 2]) * (np.sin(angle) * (1 - low) + part * low)
        rings.append(np.column_stack([plane, z]))
        inward = (0.24 * (1 - low) + 0.10 * low) * part
        uvs.append(rim_flat + (centre_flat - rim_flat) * inward[:, None])
        shades.append((1 - 0.3 * part) * (1 - low) + (0.9 - 0.35 * min(1.0, 2 * part)) * low)
        now = np.arange(rim) + sum(map(len, rings[:-1]))
        a, b, c, d = before, np.roll(before, -1), now, np.roll(now, -1)
        triangles.extend([np.column_stack([a, c, b]), np.column_stack([b, c, d])])
        before = now
    return np.vstack(rings), np.vstack(uvs), np.vstack(triangles), np.concatenate(shades)


def projected(points: Floats, cm: float, scale: float, centre: tuple[float, float]) -> Floats:
    """Points (n, 3) on the screen: x right, y down in pixels, z unchanged; seen from `CAMERA_CM` in front."""
    nearer = scale * CAMERA_CM * cm / (CAMERA_CM * cm - points[:, 2])
    level = CAMERA_ABOVE_CM * cm
    down = centre[1] - scale * level - nearer * (points[:, 1] - level)
    return np.column_stack([centre[0] + nearer * points[:, 0], down, points[:, 2]])


def _unprojected(points: Floats, cm: float) -> Floats:
    """Undo the camera's perspective: the straight head projects to the photograph again."""
    level = np.array([0.0, CAMERA_ABOVE_CM * cm])
    further = (CAMERA_CM * cm - points[:, 2:]) / (CAMERA_CM * cm)
    return np.hstack([(points[:, :2] - level) * further + level, points[:, 2:]])


def draw_head(
    head: Head, points: Floats, amounts: Amounts, scale: float, centre: tuple[float, float], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], Floats]:
    """Draw turned points: colour (h, w, 3) float32, alpha (h, w), and the face mesh's places (468, 2) in the frame."""
    screen = projected(points, head.cm, scale, centre)
    attributes = np.column_stack([head.uv, head.shade])
    seen_at, seen = rasterize(screen, head.triangles, attributes, size)
    where = (seen_at[..., 0], seen_at[..., 1])
    textures = head.textures
    plain, opened, closed = (
        cv2.remap(picture, *where, cv2.INTER_LINEAR).astype(np.float32)
        for picture in (textures.plain, textures.open_mouth, textures.closed_eyes)
    )
    mouth, eyes = (float(np.clip(amount, 0, 1)) for amount in (amounts.mouth * 5, amounts.eyes * 1.5 - 0.3))
    colour = (plain + mouth * (opened - plain) + eyes * (closed - plain)) * seen_at[..., 2:]
    mask = seen.astype(np.uint8)
    filled = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    colour = np.where((filled > mask)[..., None], cv2.medianBlur(colour.clip(0, 255).astype(np.uint8), 3), colour)
    alpha = cv2.GaussianBlur(cv2.erode(filled, np.ones((2, 2), np.uint8)).astype(np.float32), (0, 0), 0.9)
    return colour.astype(np.float32), alpha * filled, screen[:FACE_POINTS, :2]


def restyled(head: Head, points: Floats, textures: Textures) -> Head:
    """The same head with other proportions and texture."""
    controls = points[control_indices()]
    spread = Spread(controls, points, EXPRESSION_REACH_CM * head.cm, head.spread.share)
    return replace(head, points=points, textures=textures, spread=spread)
