"""Head pose from the face mesh: the rigid rotation that carries the canonical face onto it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpx.face_detect.canonical import CANONICAL, POSE_POINTS, POSE_WEIGHTS

# The mesh flattens the face's relief, which compresses yaw. Stretching its depth by this much before the fit is a
# monotone correction; beyond 55 degrees a rest stays: the hidden half of the mesh is guessed.
DEPTH_GAIN = 1.25
# The mesh of a face that looks ahead comes out a little down: by 4.2 degrees on labelled photos, by about 5 in the mean
# of twelve rendered heads of other proportions each (a person's own zero differs from it by 2 to 4, which no single
# picture tells), by 2.3 in the median of 18 people, if they look straight at the camera. Undone in the head's own
# frame, so that a turned or tilted head is corrected about its own axis.
PITCH_ZERO_DEG = 4.5
_MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Degrees: `yaw` > 0 = turned to the image's right, `pitch` > 0 = up, `roll` > 0 = clockwise in the image."""

    yaw: float
    pitch: float
    roll: float


def head_pose(mesh: NDArray[np.floating], mirrored: NDArray[np.floating] | None = None) -> HeadPose | None:
    """Return the pose of a (468, 3) mesh in pixels; None where the mesh is not finite or has no extent.

    `mirrored` is the same face's mesh out of the mirrored picture (`MeshResult.mirrored`); both count alike, where its
    numbers can be used.
    """
    rotation = _rotation(mesh, CANONICAL)
    if rotation is None:
        return None
    other = None if mirrored is None else _rotation(mirrored, CANONICAL * _MIRROR)
    if other is not None:
        rotation = _nearest_rotation(rotation + other)
    return angles(rotation @ rotation_from(HeadPose(0.0, PITCH_ZERO_DEG, 0.0)))


def _rotation(mesh: NDArray[np.floating], canonical: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return procrustes(canonical, np.asarray(mesh, np.float64)[POSE_POINTS] * [1.0, -1.0, -DEPTH_GAIN], POSE_WEIGHTS)


def turned_straight(mesh: NDArray[np.floating]) -> NDArray[np.float64] | None:
    """A (468, 3) mesh in pixels, turned and moved so that the head looks ahead: x right, y up, z towards the camera.

    In pixels, about the middle of the pose's points. None where the mesh is not finite or has no extent.
    """
    rotation = _rotation(mesh, CANONICAL)
    if rotation is None:
        return None
    points = np.asarray(mesh, np.float64) * [1.0, -1.0, -DEPTH_GAIN]
    return np.asarray((points - points[POSE_POINTS].mean(axis=0)) @ rotation)


def _nearest_rotation(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The proper (3, 3) rotation closest to a matrix."""
    u, _, vt = np.linalg.svd(matrix)
    sign = 1.0 if np.linalg.det(u @ vt) > 0 else -1.0
    return np.asarray(u @ np.diag([1.0, 1.0, sign]) @ vt)


def procrustes(
    source: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64] | None:
    """Return the proper (3, 3) rotation of the least-squares similarity from `source` to `target`, both (n, 3).

    `weights` (n,) say how much each point counts, None: all alike. None where a set is not finite or lies in one place.
    """
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        return None
    counts = np.ones(len(source)) if weights is None else weights
    p, q = (points - np.average(points, axis=0, weights=counts) for points in (source, target))
    scale = float(np.linalg.norm(p) * np.linalg.norm(q))
    if scale < 1e-9:
        return None
    return _nearest_rotation((q.T * counts) @ p / scale)


def angles(rotation: NDArray[np.float64]) -> HeadPose:
    """Split a rotation (x right, y up, z towards the camera) as Rx(pitch) · Ry(yaw) · Rz(roll).

    This is the order of the usual pose labels: yaw is the sideways part of where the face looks, within ±90.
    """
    facing = rotation[:, 2]
    yaw = np.degrees(np.arcsin(np.clip(facing[0], -1.0, 1.0)))
    pitch = np.degrees(np.arctan2(facing[1], facing[2]))
    roll = np.degrees(np.arctan2(rotation[0, 1], rotation[0, 0]))
    return HeadPose(float(yaw), float(pitch), float(roll))


def rotation_from(pose: HeadPose) -> NDArray[np.float64]:
    """Return the rotation that `angles` splits into `pose` again."""
    yaw, pitch, roll = np.radians([pose.yaw, pose.pitch, pose.roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_z = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return np.asarray(about_x @ about_y @ about_z)
