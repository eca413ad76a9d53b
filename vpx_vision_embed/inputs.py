"""Reads faces and bodies out of other modules' observations: the only place that knows their fields.

The observations may be the originals' dataclasses or what a JSON round trip made of them (attribute dictionaries,
lists for tuples), and any field may be missing: every read has a default and nothing here checks a type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed.crops import area, iou, is_seen, xywh_to_box
from vpx_vision_embed.types import Box

_SAME_FACE_IOU = 0.5
_HEAD_POINTS = 5
_HEAD_REACH = 0.25


@dataclass(frozen=True)
class Face:
    """One face of a frame: its box in source pixels and its track, None where the detector gave none."""

    box: Box
    face_id: int | None


@dataclass(frozen=True)
class Faces:
    """All faces of a frame, largest first, and how many boxes were no boxes."""

    faces: tuple[Face, ...] = ()
    invalid: int = 0


def read_faces(data: object, width: int, height: int) -> Faces:
    """The union of face.detect's `faces` (normalised boxes) and `detected_faces` (pixel boxes).

    The two lists do not correspond by index; entries are one face if their boxes overlap (IoU ≥ 0.5, best pairs first).
    """
    tracked, bad_tracked = _read_list(field(data, "faces"), float(width), float(height))
    detected, bad_detected = _read_list(field(data, "detected_faces"), 1.0, 1.0)
    pairs = [(iou(t.box, d.box), i, j) for i, t in enumerate(tracked) for j, d in enumerate(detected)]
    merged: dict[int, int] = {}
    for overlap, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if overlap >= _SAME_FACE_IOU and i not in merged and j not in merged.values():
            merged[i] = j
    union = [_merge(face, detected[merged[i]]) if i in merged else face for i, face in enumerate(tracked)]
    union += [face for j, face in enumerate(detected) if j not in merged.values()]
    union.sort(key=lambda face: (-area(face.box), face.box))
    return Faces(tuple(union), bad_tracked + bad_detected)


def read_poses(data: object) -> list[NDArray[np.float64]]:
    """(17, 3) keypoints (x px, y px, confidence) of everyone in body.pose; entries of another shape are left out."""
    poses = []
    for person in _entries(field(data, "keypoints")):
        try:
            points = np.asarray(field(person, "keypoints"), np.float64)
        except (TypeError, ValueError):
            continue
        if points.shape == (17, 3):
            poses.append(points)
    return poses


def match_poses(faces: Iterable[Box], poses: list[NDArray[np.float64]]) -> list[NDArray[np.float64] | None]:
    """For each face the pose whose head points lie on it, nearest first; no pose serves two faces."""
    boxes = list(faces)
    pairs = []
    for i, box in enumerate(boxes):
        for j, pose in enumerate(poses):
            distance = _head_distance(pose, box)
            if distance is not None:
                pairs.append((distance, i, j))
    chosen: dict[int, int] = {}
    for _, i, j in sorted(pairs):
        if i not in chosen and j not in chosen.values():
            chosen[i] = j
    return [poses[chosen[i]] if i in chosen else None for i in range(len(boxes))]


def field(obj: object, name: str) -> object:
    """A field of an object or of a mapping, None if it is not there."""
    if isinstance(obj, Mapping):
        return obj.get(name)
    return getattr(obj, name, None)


def _merge(tracked: Face, detected: Face) -> Face:
    return Face(tracked.box, tracked.face_id if tracked.face_id is not None else detected.face_id)


def _read_list(value: object, scale_x: float, scale_y: float) -> tuple[list[Face], int]:
    faces, invalid = [], 0
    for entry in _entries(value):
        box = xywh_to_box(_numbers(field(entry, "bbox")), scale_x, scale_y)
        if box is None:
            invalid += 1
        else:
            faces.append(Face(box, _face_id(field(entry, "face_id"))))
    return faces, invalid


def _entries(value: object) -> Iterable[object]:
    return value if isinstance(value, (list, tuple)) else ()


def _numbers(value: object) -> list[float]:
    """A list, tuple or array as a list; anything else as an empty one."""
    return list(value) if isinstance(value, (list, tuple, np.ndarray)) else []


def _face_id(value: object) -> int | None:
    """A track number; trackers use negative numbers for faces that they do not follow."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        return None
    return int(value)


def _head_distance(pose: NDArray[np.float64], box: Box) -> float | None:
    """Distance of the head points' mean from the face's centre in face widths; None if the head is elsewhere."""
    head = [point for point in pose[:_HEAD_POINTS] if is_seen(point)]
    if not head:
        return None
    x, y = np.mean(head, axis=0)[:2]
    width, height = box[2] - box[0], box[3] - box[1]
    inside_x = box[0] - _HEAD_REACH * width <= x <= box[2] + _HEAD_REACH * width
    inside_y = box[1] - _HEAD_REACH * height <= y <= box[3] + _HEAD_REACH * height
    if not (inside_x and inside_y):
        return None
    return float(np.hypot(x - (box[0] + box[2]) / 2, y - (box[1] + box[3]) / 2) / width)
