"""Frame and dependency observations → face samples: the only place that knows other modules' fields.

Everything is read with `getattr(x, name, None)`: an observation may be another era's class or a document that crossed a
process boundary. Faces of different modules are matched by box, never by index. What is absent, non-finite or malformed
is unknown, and counted as a fault where it should have been there.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import pixels
from .core.config import NoveltyScale
from .core.geometry import area, intersection, iou
from .core.prototype import unit_or_none
from .core.types import Box, ExpressionSignals, FaceSample, Pose

SAME_FACE_IOU = 0.4
DUPLICATE_IOU = 0.5
DUPLICATE_COVER = 0.8
"""Two detections of which one lies this much inside the other are one face found twice."""


@dataclass(frozen=True, slots=True)
class VisionModel:
    """Name and novelty scale of a general vision embedding; `scale` None where the producer gave none."""

    name: str | None = None
    scale: NoveltyScale | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Translation:
    """Faces of one frame, which models they come from, and what was wrong with the input."""

    samples: tuple[FaceSample, ...]
    face_id_model: str | None = None
    vision_face: VisionModel = VisionModel()
    vision_body: VisionModel = VisionModel()
    faults: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Face:
    """One detection while its parts are put together."""

    bbox: Box
    confidence: float
    observed: Any = None
    detected: Any = None


def number(value: object) -> float | None:
    """A finite float, or None."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def _items(value: object) -> list[Any]:
    """A list's elements; an absent or malformed list has none."""
    return [item for item in value if item is not None] if isinstance(value, (list, tuple)) else []


def _xywh(value: object, scale: tuple[float, float]) -> Box | None:
    """`(x, y, w, h)` times scale → `(x1, y1, x2, y2)`; None unless finite and of positive size."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    parts = [number(part) for part in value] if isinstance(value, (list, tuple)) else []
    known = [part for part in parts if part is not None]
    if len(parts) != 4 or len(known) != 4:
        return None
    x, y, w, h = known[0] * scale[0], known[1] * scale[1], known[2] * scale[0], known[3] * scale[1]
    return (x, y, x + w, y + h) if w > 0 and h > 0 else None


def _xyxy(value: object) -> Box | None:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    parts = [number(part) for part in value] if isinstance(value, (list, tuple)) else []
    if len(parts) != 4 or any(part is None for part in parts):
        return None
    x1, y1, x2, y2 = (float(part or 0.0) for part in parts)
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def _data(deps: Mapping[str, Any] | None, name: str) -> Any:
    observation = deps.get(name) if deps else None
    return getattr(observation, "data", None)


def _signal(holder: Any, *names: str) -> float | None:
    signals = getattr(holder, "signals", None)
    if not isinstance(signals, Mapping):
        return None
    for name in names:
        value = number(signals.get(name))
        if value is not None:
            return value
    return None


def _best_match(box: Box, others: Iterable[tuple[Box, Any]]) -> Any:
    scored = [(iou(box, other), index, item) for index, (other, item) in enumerate(others)]
    best = max(scored, key=lambda entry: (entry[0], -entry[1]), default=None)
    return best[2] if best is not None and best[0] >= SAME_FACE_IOU else None


def _faces(data: Any, size: tuple[int, int], faults: Counter[str]) -> list[_Face]:
    """Both lists of face.detect together, duplicates removed, surest first."""
    faces: list[_Face] = []
    for item in _items(getattr(data, "detected_faces", None)):
        _append(faces, _xywh(getattr(item, "bbox", None), (1.0, 1.0)), item, "detected", faults)
    known = [(face.bbox, face) for face in faces]
    for item in _items(getattr(data, "faces", None)):
        box = _xywh(getattr(item, "bbox", None), (float(size[0]), float(size[1])))
        match = None if box is None else _best_match(box, ((b, f) for b, f in known if f.observed is None))
        if match is not None:
            match.observed = item
        else:
            _append(faces, box, item, "observed", faults)
    return _without_duplicates(faces, size)


def _append(faces: list[_Face], box: Box | None, item: Any, kind: str, faults: Counter[str]) -> None:
    confidence = number(getattr(item, "confidence", None))
    if box is None or confidence is None:
        faults["malformed_face"] += 1
        return
    faces.append(_Face(box, confidence, **{kind: item}))


def _without_duplicates(faces: list[_Face], size: tuple[int, int]) -> list[_Face]:
    frame: Box = (0.0, 0.0, float(size[0]), float(size[1]))
    kept: list[_Face] = []
    for face in sorted(faces, key=lambda f: (-f.confidence, f.bbox)):
        inside = intersection(face.bbox, frame) > 0
        if inside and not any(_is_duplicate(face.bbox, other.bbox) for other in kept):
            kept.append(face)
    return kept


def _is_duplicate(a: Box, b: Box) -> bool:
    smaller = min(area(a), area(b))
    return iou(a, b) >= DUPLICATE_IOU or intersection(a, b) >= DUPLICATE_COVER * smaller


def _pose(face: _Face, flip_pitch: bool) -> Pose:
    angles: dict[str, float | None] = {}
    for name in ("yaw", "pitch", "roll"):
        value = number(getattr(face.observed, name, None))
        angles[name] = number(getattr(face.detected, name, None)) if value is None else value
    pitch = angles["pitch"]
    return Pose(angles["yaw"], -pitch if flip_pitch and pitch is not None else pitch, angles["roll"])


def _embedding(face: _Face, faults: Counter[str]) -> Any:
    for holder in (face.observed, face.detected):
        raw = getattr(holder, "embedding", None)
        if raw is not None:
            vector = unit_or_none(raw)
            if vector is None:
                faults["bad_face_id_embedding"] += 1
            else:
                return vector
    return None


def _landmarks(face: _Face) -> NDArray[np.float64] | None:
    raw = getattr(face.detected, "landmarks", None)
    try:
        points = np.asarray(raw, np.float64)
    except (TypeError, ValueError):
        return None
    return points if points.shape == (5, 2) and bool(np.isfinite(points).all()) else None


def _expression(box: Box, size: tuple[int, int], data: Any) -> ExpressionSignals:
    scale = (float(size[0]), float(size[1]))
    boxes = [(_xywh(getattr(item, "bbox", None), scale), item) for item in _items(getattr(data, "faces", None))]
    match = _best_match(box, ((b, item) for b, item in boxes if b is not None))
    return ExpressionSignals(
        mouth_open=_signal(match, "mouth_open_ratio"),
        eye_open=_signal(match, "eye_open_ratio"),
        smile=_signal(match, "smile_intensity"),
        happy_probability=_signal(match, "em_happy"),
    )


def _vision(box: Box, data: Any, faults: Counter[str]) -> tuple[Any, Any]:
    boxes = [(_xyxy(getattr(item, "bbox", None)), item) for item in _items(getattr(data, "faces", None))]
    match = _best_match(box, ((b, item) for b, item in boxes if b is not None))
    vectors = []
    for name in ("e_face", "e_body"):
        raw = getattr(match, name, None)
        vector = unit_or_none(raw)
        if raw is not None and vector is None:
            faults["bad_vision_embedding"] += 1
        vectors.append(vector)
    return vectors[0], vectors[1]


def _vision_model(deps: Mapping[str, Any] | None, part: str) -> VisionModel:
    data = _data(deps, "vision.embed")
    name = getattr(data, f"{part}_model", None)
    threshold = number(getattr(data, f"{part}_novelty_threshold", None))
    plateau = number(getattr(data, f"{part}_plateau", None))
    scale = None
    if threshold and plateau and threshold > 0 and plateau > 0:
        scale = NoveltyScale(threshold, plateau, getattr(data, f"{part}_calibrated", None) is True)
    return VisionModel(name if isinstance(name, str) and name else None, scale)


def to_samples(
    frame: Any, deps: Mapping[str, Any] | None, *, frame_idx: int, t_ns: int, flip_pitch: bool = False
) -> Translation:
    """All faces of one frame. `frame.data` is `(h, w, 3)` uint8 BGR; `deps` maps module names to observations."""
    faults: Counter[str] = Counter()
    image = getattr(frame, "data", None)
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        return Translation((), faults={"malformed_frame": 1})
    size = (int(image.shape[1]), int(image.shape[0]))
    detections = _data(deps, "face.detect")
    if detections is None:
        faults["no_face_detect"] += 1
    samples = []
    for face in _faces(detections, size, faults):
        pose = _pose(face, flip_pitch)
        e_face, e_body = _vision(face.bbox, _data(deps, "vision.embed"), faults)
        face_id = number(getattr(face.observed, "face_id", getattr(face.detected, "face_id", None)))
        samples.append(
            FaceSample(
                t_ns=t_ns,
                frame_idx=frame_idx,
                frame_size_px=size,
                bbox=face.bbox,
                confidence=face.confidence,
                measures=pixels.measure(image, face.bbox, _landmarks(face), pose.yaw_deg),
                face_id=None if face_id is None else int(face_id),
                pose=pose,
                expression=_expression(face.bbox, size, _data(deps, "face.expression")),
                e_id=_embedding(face, faults),
                e_vis_face=e_face,
                e_vis_body=e_body,
            )
        )
    model = getattr(detections, "embed_model", None)
    return Translation(
        tuple(samples),
        model if isinstance(model, str) else None,
        _vision_model(deps, "face"),
        _vision_model(deps, "body"),
        dict(faults),
    )
