"""The faces of one frame: both lists of face.detect together, matched by box, every face once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .core.geometry import area, intersection, iou
from .core.types import Box, Vector
from .observations_read import (
    BAD_INPUT,
    LARGEST_COMPONENT,
    FaceKey,
    angle,
    best_match,
    get,
    items,
    number,
    share,
    vector,
    xywh,
)

DUPLICATE_IOU = 0.5
LARGEST_APPEARANCE = 65_536
DUPLICATE_COVER = 0.8
"""Two detections of which one lies this much inside the other are one face found twice."""


@dataclass(slots=True, eq=False)
class Face:
    """One face. `observed` is its entry in `faces`, `detected` that in `detected_faces`, `index` its place there."""

    bbox: Box
    confidence: float
    observed: Any = None
    detected: Any = None
    index: int | None = None

    @property
    def key(self) -> FaceKey:
        """What other modules' entries are matched by."""
        return FaceKey(self.bbox, self.index)

    def angle(self, name: str) -> float | None:
        """yaw, pitch or roll in degrees, None where neither entry has it."""
        found = angle(get(self.observed, name))
        return angle(get(self.detected, name)) if found is None else found

    @property
    def face_id(self) -> int | None:
        """The track number; trackers use negative numbers for faces they do not follow."""
        for holder in (self.observed, self.detected):
            found = number(get(holder, "face_id"))
            if found is not None and 0 <= found < 2**53:
                return int(found)
        return None


def find_faces(data: Any, size: tuple[int, int], faults: Counter[str]) -> list[Face]:
    """All faces with a usable box, surest first; what is no face is counted as `malformed_face`.

    `faces` has boxes as shares of the frame, `detected_faces` in pixels; the two do not correspond by index.
    """
    faces: list[Face] = []
    for index, item in enumerate(items(get(data, "detected_faces"))):
        face = _face(item, (1.0, 1.0), faults)
        if face is not None:
            face.detected, face.index = item, index
            faces.append(face)
    known = [(face.bbox, face) for face in faces]
    for item in items(get(data, "faces")):
        face = _face(item, (float(size[0]), float(size[1])), faults)
        if face is None:
            continue
        match = best_match(face.bbox, ((box, other) for box, other in known if other.observed is None))
        if match is not None:
            match.observed = item
        else:
            face.observed = item
            faces.append(face)
    return _without_duplicates(faces, size)


def detected_count(data: Any) -> int:
    """Length of `detected_faces`, which other modules' lists without boxes must have to be trusted; at least 0."""
    return len(items(get(data, "detected_faces")))


def _face(item: Any, scale: tuple[float, float], faults: Counter[str]) -> Face | None:
    if item is None:
        return None
    try:
        box, confidence = xywh(get(item, "bbox"), scale), share(get(item, "confidence"))
    except BAD_INPUT:
        box, confidence = None, None
    if box is None or confidence is None:
        faults["malformed_face"] += 1
        return None
    return Face(box, confidence)


def _without_duplicates(faces: list[Face], size: tuple[int, int]) -> list[Face]:
    frame: Box = (0.0, 0.0, float(size[0]), float(size[1]))
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: (-f.confidence, f.bbox)):
        inside = intersection(face.bbox, frame) > 0
        if inside and not any(_is_duplicate(face.bbox, other.bbox) for other in kept):
            kept.append(face)
    return kept


def _is_duplicate(a: Box, b: Box) -> bool:
    smaller = min(area(a), area(b))
    return iou(a, b) >= DUPLICATE_IOU or intersection(a, b) >= DUPLICATE_COVER * smaller


def face_id_embedding(face: Face, faults: Counter[str]) -> Vector | None:
    """The first usable Face-ID embedding of the two entries; broken ones are counted."""
    for holder in (face.observed, face.detected):
        raw = get(holder, "embedding")
        if raw is not None:
            found = vector(raw)
            if found is not None:
                return found
            faults["bad_face_id_embedding"] += 1
    return None


def appearance(face: Face, faults: Counter[str]) -> NDArray[np.float32] | None:
    """What each part of the face looks like, `(cells, channels + 1)` float32; a broken one is counted."""
    raw = get(face.detected, "appearance")
    if raw is None:
        return None
    try:
        rows = np.asarray(raw)
    except (TypeError, ValueError):
        rows = np.empty(0)
    plain = rows.dtype.kind in "fiu" and rows.ndim == 2 and 0 < rows.size <= LARGEST_APPEARANCE and rows.shape[1] > 1
    if plain and bool((np.abs(rows) <= LARGEST_COMPONENT).all()):
        return rows.astype(np.float32)
    faults["bad_appearance"] += 1
    return None


def outline(face: Face) -> Box | None:
    """Box around the face's mesh `(points, 2 or 3)` px, also beyond the frame; None where there is no usable mesh."""
    try:
        points = np.asarray(get(face.detected, "mesh"), np.float64)
    except (TypeError, ValueError):
        return None
    if points.ndim != 2 or len(points) < 3 or points.shape[1] < 2 or not np.isfinite(points[:, :2]).all():
        return None
    (x1, y1), (x2, y2) = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)
