"""Reading other modules' fields without trusting any of them: numbers, boxes, vectors, and faces matched by box.

Values are read with `getattr(x, name, None)` or from mappings: an observation may be another era's class or a document
that crossed a process boundary. What is absent, not finite or out of any sensible range is None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .core.geometry import iou
from .core.prototype import unit_or_none
from .core.types import Box, Vector

SAME_FACE_IOU = 0.4
SMALLEST_FACE_PX = 1.0
FARTHEST_PX = 1e5
"""Coordinates beyond this are garbage, whatever the camera."""
LONGEST_VECTOR = 8192
LARGEST_COMPONENT = 1e6
NORMALISED_UP_TO = 2.0
"""A box without a coordinate beyond this is meant as a share of the frame: as pixels it would be no face."""
SHARE_SLACK = 0.1
"""Regressed shares overshoot 0..1 by this much at most; they are cut, further ones are garbage."""


BAD_INPUT = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What reading another module's broken data can raise: a property of it may do anything."""


def number(value: object) -> float | None:
    """A finite float, or None."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def share(value: object) -> float | None:
    """A number in 0..1; a slight overshoot is cut, anything else is None."""
    found = number(value)
    if found is None or not -SHARE_SLACK <= found <= 1.0 + SHARE_SLACK:
        return None
    return min(1.0, max(0.0, found))


def angle(value: object) -> float | None:
    """Degrees within a full turn, or None."""
    found = number(value)
    return None if found is None or abs(found) > 180.0 else found


def items(value: object) -> list[Any]:
    """A list's elements, None included so that positions hold; an absent or malformed list has none."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return list(value) if isinstance(value, (list, tuple)) else []


def get(holder: object, name: str) -> Any:
    """A field of an object or a mapping, None where it is not there."""
    if isinstance(holder, Mapping):
        return holder.get(name)
    return getattr(holder, name, None)


def value_of(holder: object, *names: str) -> object:
    """The first of these that is not None, looked up in `holder.signals` before `holder` itself."""
    places = [get(holder, "signals"), holder]
    for name in names:
        for place in places:
            found = get(place, name) if place is not None else None
            if found is not None:
                return found
    return None


def xywh(value: object, scale: tuple[float, float] = (1.0, 1.0)) -> Box | None:
    """`(x, y, w, h)` times scale → `(x1, y1, x2, y2)` px; None unless it could be a face."""
    parts = [number(part) for part in items(value)]
    known = [part for part in parts if part is not None]
    if len(parts) != 4 or len(known) != 4:
        return None
    x, y, w, h = known[0] * scale[0], known[1] * scale[1], known[2] * scale[0], known[3] * scale[1]
    return _sensible((x, y, x + w, y + h))


def xyxy(value: object) -> Box | None:
    """`(x1, y1, x2, y2)` px; None unless it could be a face."""
    parts = [number(part) for part in items(value)]
    known = [part for part in parts if part is not None]
    if len(parts) != 4 or len(known) != 4:
        return None
    return _sensible((known[0], known[1], known[2], known[3]))


def box_of(item: object, size: tuple[int, int]) -> Box | None:
    """Box of a per-face entry, `bbox` or `face_bbox` as (x, y, w, h), in pixels or as a share of the frame."""
    for name in ("bbox", "face_bbox"):
        raw = items(get(item, name))
        parts = [number(part) for part in raw]
        if len(parts) == 4 and all(part is not None and abs(part) <= NORMALISED_UP_TO for part in parts):
            return xywh(raw, (float(size[0]), float(size[1])))
        if raw:
            return xywh(raw)
    return None


def _sensible(box: Box) -> Box | None:
    if any(abs(part) > FARTHEST_PX for part in box):
        return None
    return box if min(box[2] - box[0], box[3] - box[1]) >= SMALLEST_FACE_PX else None


def vector(raw: object) -> Vector | None:
    """A `(d,)` float32 unit vector, or None for anything that is no sensible embedding."""
    if raw is None or isinstance(raw, (str, bytes, Mapping)):
        return None
    try:
        values = np.asarray(raw)
    except (TypeError, ValueError):
        return None
    if values.dtype.kind not in "fiu" or not 0 < values.size <= LONGEST_VECTOR:
        return None
    if not np.isfinite(values).all() or np.abs(values).max() > LARGEST_COMPONENT:
        return None
    return unit_or_none(values)


def points(raw: object, count: int, box: Box) -> NDArray[np.float64] | None:
    """`(count, 2)` float64 px near `box`, or None."""
    if raw is None or isinstance(raw, (str, bytes, Mapping)):
        return None
    try:
        values = np.asarray(raw)
    except (TypeError, ValueError):
        return None
    if values.dtype.kind not in "fiu" or values.shape != (count, 2) or not np.isfinite(values).all():
        return None
    found = values.astype(np.float64)
    margin = max(box[2] - box[0], box[3] - box[1])
    low, high = np.array(box[:2]) - margin, np.array(box[2:]) + margin
    return found if bool(((found >= low) & (found <= high)).all()) else None


@dataclass(frozen=True, slots=True)
class FaceValues:
    """What one module says about one face, plain numbers by our names.

    `box` is None where the module gives none; then `index` is the face's place in face.detect's `detected_faces`.
    """

    values: Mapping[str, float]
    box: Box | None = None
    index: int | None = None
    face_id: float | None = None


@dataclass(frozen=True, slots=True)
class FaceKey:
    """What a face is matched by."""

    box: Box
    index: int | None = None


def best_match(box: Box, others: Iterable[tuple[Box, Any]]) -> Any:
    """The entry whose box overlaps most, None below `SAME_FACE_IOU`; the earlier one of equals."""
    best, found = 0.0, None
    for other, item in others:
        overlap = iou(box, other)
        if overlap >= SAME_FACE_IOU and overlap > best:
            best, found = overlap, item
    return found


def values_for(face: FaceKey, said: Sequence[FaceValues]) -> FaceValues | None:
    """What was said about this face: by box; by place in the list only where no box was given."""
    found: FaceValues | None = best_match(face.box, ((entry.box, entry) for entry in said if entry.box is not None))
    if found is not None or face.index is None:
        return found
    return next((entry for entry in said if entry.box is None and entry.index == face.index), None)
