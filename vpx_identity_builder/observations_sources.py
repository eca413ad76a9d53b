"""What each module says about the faces of one frame, in our names: one small reader per module.

Every reader takes the module's `data`, the frame size `(width, height)` and the number of entries in face.detect's
`detected_faces`, and gives plain `FaceValues`. Entries without a box belong to `detected_faces` by place, and only if
the two lists are equally long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .core.geometry import area
from .core.types import Box, Vector
from .observations_read import FaceValues, angle, box_of, get, items, number, share, value_of, vector, xywh

AU_FULL = 5.0
"""Action units are coded 0..5 (FACS A..E); a third of the way is the cut point of the design document's 0.3."""
AU_SLACK = 0.5
RATIOS = {
    "mouth_open": "mouth_open_ratio",
    "eye_open": "eye_open_ratio",
    "eye_open_least": "eye_open_ratio_least",
    "smile": "smile_intensity",
}

Reader = Callable[[Any, tuple[int, int], int], list[FaceValues]]


def _entries(raw: object, size: tuple[int, int], detected: int, read: Callable[[Any], dict[str, Any]]) -> list[Any]:
    """One `FaceValues` per entry that says anything, with its box or else its place."""
    listed = items(raw)
    by_place = len(listed) == detected
    found = []
    for index, item in enumerate(listed):
        if item is None:
            continue
        values = {name: value for name, value in read(item).items() if value is not None}
        box = box_of(item, size)
        if values and (box is not None or by_place):
            place = None if box is not None else index
            found.append(FaceValues(values, box, place, number(get(item, "face_id"))))
    return found


def head_pose(data: Any, size: tuple[int, int], detected: int) -> list[FaceValues]:
    """head.pose: `estimates` with yaw, pitch, roll per detected face."""

    def read(item: Any) -> dict[str, float | None]:
        return {name: angle(get(item, name)) for name in ("yaw", "pitch", "roll")}

    return _entries(get(data, "estimates"), size, detected, read)


def expression(data: Any, size: tuple[int, int], _: int) -> list[FaceValues]:
    """face.expression: openings and gaze where given, em_happy as a stand-in for the smile. Always by box."""

    def read(item: Any) -> dict[str, float | None]:
        signals = get(item, "signals")
        values = {name: share(get(signals, key)) for name, key in RATIOS.items()}
        return {**values, "happy": share(get(signals, "em_happy")), "gaze": angle(get(signals, "gaze_deg"))}

    return _entries(get(data, "faces"), size, -1, read)


def action_units(data: Any, size: tuple[int, int], detected: int) -> list[FaceValues]:
    """face.au: AU12 is the smile, AU26 (else AU25) the mouth, AU43 (else AU45) the closing of the eyes."""

    def read(item: Any) -> dict[str, float | None]:
        units = item if isinstance(item, Mapping) else get(item, "au_intensities")
        mouth = _unit(units, "AU26")
        closed = _unit(units, "AU43")
        closed = _unit(units, "AU45") if closed is None else closed
        return {
            "smile": _unit(units, "AU12"),
            "mouth_open": _unit(units, "AU25") if mouth is None else mouth,
            "eye_open": None if closed is None else 1.0 - closed,
        }

    return _entries(get(data, "au_intensities"), size, detected, read)


def _unit(units: object, name: str) -> float | None:
    value = number(get(units, name))
    if value is None or not -AU_SLACK <= value <= AU_FULL + AU_SLACK:
        return None
    return min(1.0, max(0.0, value / AU_FULL))


def occlusion(data: Any, size: tuple[int, int], detected: int) -> list[FaceValues]:
    """Any module whose per-face entries have `occlusion_ratio`, as a signal or a field."""

    def read(item: Any) -> dict[str, float | None]:
        return {"occlusion": share(value_of(item, "occlusion_ratio"))}

    found: list[FaceValues] = []
    for name in ("results", "faces", "detected_faces"):
        found += _entries(get(data, name), size, detected if name != "faces" else -1, read)
    return found


def quality(data: Any, size: tuple[int, int], detected: int) -> list[FaceValues]:
    """face.quality: mean level and clipped part of the face. `face_blur` has a scale of its own and is not read."""

    def read(item: Any) -> dict[str, float | None]:
        clipped, crushed = share(value_of(item, "clipped_ratio")), share(value_of(item, "crushed_ratio"))
        both = None if clipped is None and crushed is None else min(1.0, (clipped or 0.0) + (crushed or 0.0))
        return {"brightness": _level(value_of(item, "face_exposure")), "clipped": both}

    return _per_face(data, size, detected, read)


def lighting(data: Any, size: tuple[int, int], detected: int) -> list[FaceValues]:
    """face.lighting: mean level of the face."""

    def read(item: Any) -> dict[str, float | None]:
        return {"brightness": _level(value_of(item, "brightness", "face_brightness"))}

    return _per_face(data, size, detected, read)


def _per_face(
    data: Any, size: tuple[int, int], detected: int, read: Callable[[Any], dict[str, float | None]]
) -> list[FaceValues]:
    found: list[FaceValues] = []
    for name in ("results", "faces"):
        found += _entries(get(data, name), size, detected if name == "results" else -1, read)
    return found


def _level(value: object) -> float | None:
    """A mean grey level 0..255. Values up to 1 could be a share or a level: they stay unknown."""
    level = number(value)
    return level if level is not None and 1.0 < level <= 255.0 else None


READERS: Mapping[str, tuple[Reader, ...]] = {
    "face.detect": (occlusion,),
    "face.expression": (expression, occlusion),
    "head.pose": (head_pose,),
    "face.au": (action_units,),
    "face.parse": (occlusion,),
    "face.occlusion": (occlusion,),
    "face.quality": (quality, occlusion),
    "face.lighting": (lighting,),
}
"""Module → its readers. Further modules named by the setting `extra_inputs` are read for `occlusion_ratio`."""

PRECEDENCE: Mapping[str, tuple[str, ...]] = {
    "yaw": ("head.pose", "face.detect"),
    "pitch": ("head.pose", "face.detect"),
    "roll": ("head.pose", "face.detect"),
    "mouth_open": ("face.expression", "face.au"),
    "eye_open": ("face.expression", "face.au"),
    "eye_open_least": ("face.expression",),
    "smile": ("face.expression", "face.au"),
    "happy": ("face.expression",),
    "gaze": ("face.expression",),
    "brightness": ("pixels", "face.quality", "face.lighting"),
    "clipped": ("pixels", "face.quality"),
    "e_vis_face": ("vision.embed", "face.embed"),
    "e_vis_body": ("vision.embed", "body.embed"),
}
"""Quantity → modules, the first that knows it wins, face by face. Of several occlusion ratios the largest holds."""

OPTIONAL = (
    "head.pose",
    "face.au",
    "face.parse",
    "face.occlusion",
    "face.quality",
    "face.lighting",
    "frame.quality",
    "body.pose",
    "face.embed",
    "body.embed",
)
"""Names that may be absent. body.pose serves vision.embed, which cuts the upper body by it."""


def first_known(name: str, said: Mapping[str, FaceValues]) -> float | None:
    """The value by `PRECEDENCE`; `said` maps module names to what each says of one face."""
    for source in PRECEDENCE[name]:
        entry = said.get(source)
        if entry is not None and name in entry.values:
            return entry.values[name]
    return None


def is_rejection(verdict: Any) -> bool:
    """True when frame.quality's `quality_gate` turned the frame down; no face is judged by that."""
    return verdict is False or (isinstance(verdict, str) and verdict.lower() in ("fail", "failed", "blocked", "closed"))


def lone_embedding(data: Any, name: str, boxes: Sequence[Box]) -> tuple[int, Vector] | None:
    """Era A's face.embed or body.embed: (place in `boxes`, unit vector) of the one face it embedded.

    That is the largest face of its crop box `(x, y, w, h)` px, of the frame where it gives no box.
    """
    embedded = vector(get(data, name))
    if embedded is None or not boxes:
        return None
    raw = next((found for key in CROP_NAMES[name] if (found := get(data, key)) is not None), None)
    crop = xywh(raw)
    inside = [i for i, box in enumerate(boxes) if crop is None or _centre_inside(box, crop)]
    if not inside:
        return None
    return max(inside, key=lambda i: (area(boxes[i]), -i)), embedded


CROP_NAMES: Mapping[str, tuple[str, ...]] = {
    "e_face": ("face_crop_box", "crop_box", "face_box"),
    "e_body": ("body_crop_box", "crop_box", "body_box"),
}


def _centre_inside(box: Box, crop: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return crop[0] <= x <= crop[2] and crop[1] <= y <= crop[3]
