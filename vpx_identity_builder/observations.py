"""Frame and dependency observations → face samples. Pure.

Only this module and its neighbours `observations_*` know other modules' fields. Faces of different modules are matched
by box; by place in `detected_faces` only where a module gives no boxes and one entry for each of them. What is absent,
not finite or malformed is unknown, and counted as a fault where it should have been there. A source that cannot be read
costs its own values, never the frame. Which source wins is `observations_sources.PRECEDENCE`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from . import pixels
from .core.config import NoveltyScale
from .core.types import ExpressionSignals, FaceMeasures, FaceSample, Pose, Vector
from .observations_faces import Face, appearance, detected_count, face_id_embedding, find_faces
from .observations_read import BAD_INPUT, FaceValues, best_match, get, items, number, points, values_for, vector, xyxy
from .observations_sources import (
    OPTIONAL,
    PRECEDENCE,
    READERS,
    first_known,
    lone_embedding,
    occlusion,
    rejected_frame,
)
from .pitch_sign import FRONTAL_YAW_DEG, PitchHint, nose_height

__all__ = ["OPTIONAL", "PRECEDENCE", "InputRules", "Translation", "VisionModel", "to_samples"]

T = TypeVar("T")
Image = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class InputRules:
    """How inputs are to be understood: sources whose pitch is turned round, and further modules to read."""

    reversed_pitch: frozenset[str] = frozenset()
    extra_inputs: tuple[str, ...] = ()


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
    pitch_hints: tuple[PitchHint, ...] = ()


@dataclass(slots=True, eq=False)
class _Frame:
    """One frame while it is translated. Reading goes through `read`, so that a broken source costs itself only."""

    image: Image
    deps: Mapping[str, Any]
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def size(self) -> tuple[int, int]:
        return int(self.image.shape[1]), int(self.image.shape[0])

    def read(self, name: str, reader: Callable[[Any], T], default: T) -> T:
        """`reader(data)` of this module, or `default` where it gave nothing or nothing readable."""
        try:
            data = get(self.deps.get(name), "data")
            return default if data is None else reader(data)
        except BAD_INPUT:
            self.faults[f"unreadable:{name}"] += 1
            return default


@dataclass(frozen=True, slots=True, eq=False)
class _Vision:
    """General vision embeddings of a frame's faces, in the order of the faces, and their models."""

    faces: Sequence[Vector | None]
    bodies: Sequence[Vector | None]
    face_model: VisionModel = VisionModel()
    body_model: VisionModel = VisionModel()


def to_samples(
    frame: Any, deps: Mapping[str, Any] | None, *, frame_idx: int, t_ns: int, rules: InputRules | None = None
) -> Translation:
    """All faces of one frame. `frame.data` is `(h, w, 3)` uint8 BGR; `deps` maps module names to observations."""
    rules = rules or InputRules()
    image = getattr(frame, "data", None)
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        return Translation((), faults={"malformed_frame": 1})
    if image.size == 0:
        return Translation((), faults={"malformed_frame": 1})
    work = _Frame(image, deps or {})
    if get(work.deps.get("face.detect"), "data") is None:
        work.faults["no_face_detect"] += 1
    faces = work.read("face.detect", lambda data: find_faces(data, work.size, work.faults), list[Face]())
    said = _said(work, rules)
    vision = _vision(work, faces)
    samples, hints = [], list[PitchHint]()
    for place, face in enumerate(faces):
        try:
            sample, hint = _sample(work, face, _said_of(face, said, work), len(faces), rules, (frame_idx, t_ns))
        except BAD_INPUT:
            work.faults["malformed_face"] += 1
            continue
        hints += hint
        samples.append(replace(sample, e_vis_face=vision.faces[place], e_vis_body=vision.bodies[place]))
    model = work.read("face.detect", lambda data: get(data, "embed_model"), None)
    return Translation(
        tuple(samples),
        model if isinstance(model, str) and model else None,
        vision.face_model,
        vision.body_model,
        dict(work.faults),
        tuple(hints),
    )


def _said(work: _Frame, rules: InputRules) -> dict[str, list[FaceValues]]:
    """Module → what it says about faces, for every module that is there."""
    detected = work.read("face.detect", detected_count, 0)
    readers = {**dict.fromkeys(rules.extra_inputs, (occlusion,)), **READERS}
    said = {}
    for name, several in readers.items():
        entries: list[FaceValues] = []
        for reader in several:
            entries += work.read(name, lambda data, reader=reader: reader(data, work.size, detected), [])  # type: ignore[misc]
        if entries:
            said[name] = entries
    if rejected_frame(work.deps.get("frame.quality")):
        work.faults["frame_quality_rejected"] += 1
    return said


def _said_of(face: Face, said: Mapping[str, list[FaceValues]], work: _Frame) -> dict[str, FaceValues]:
    """Module → its values for this face. An expression that belongs to another track is distrusted."""
    found = {}
    for name, entries in said.items():
        entry = values_for(face.key, entries)
        if entry is None:
            continue
        if name == "face.expression" and None not in (entry.face_id, face.face_id) and entry.face_id != face.face_id:
            work.faults["expression_mismatch"] += 1
            continue
        found[name] = entry
    return found


def _sample(
    work: _Frame, face: Face, said: dict[str, FaceValues], count: int, rules: InputRules, when: tuple[int, int]
) -> tuple[FaceSample, list[PitchHint]]:
    """One face without its vision embeddings, and what it tells of the pitch's sign."""
    given = {name: value for name in ("yaw", "pitch", "roll") if (value := face.angle(name)) is not None}
    said = {**said, "face.detect": FaceValues({**_values(said.get("face.detect")), **given})}
    landmarks = points(get(face.detected, "landmarks"), 5, face.bbox)
    pose = _pose(said, rules)
    sample = FaceSample(
        t_ns=when[1],
        frame_idx=when[0],
        frame_size_px=work.size,
        bbox=face.bbox,
        confidence=face.confidence,
        measures=_measures(pixels.measure(work.image, face.bbox, landmarks, pose.yaw_deg), said),
        face_id=face.face_id,
        pose=pose,
        expression=ExpressionSignals(
            mouth_open=first_known("mouth_open", said),
            eye_open=first_known("eye_open", said),
            smile=first_known("smile", said),
            happy_probability=first_known("happy", said),
        ),
        occlusion_ratio=_occlusion(work, said, count),
        e_id=face_id_embedding(face, work.faults),
    )
    if sample.occlusion_ratio is None:
        sample = replace(sample, appearance=appearance(face, work.faults))
    return sample, _hints(sample, said, None if landmarks is None else nose_height(landmarks))


def _values(entry: FaceValues | None) -> Mapping[str, float]:
    return {} if entry is None else entry.values


def _pose(said: Mapping[str, FaceValues], rules: InputRules) -> Pose:
    pitch = first_known("pitch", said)
    source = next((name for name in PRECEDENCE["pitch"] if "pitch" in _values(said.get(name))), None)
    if pitch is not None and source in rules.reversed_pitch:
        pitch = -pitch
    return Pose(first_known("yaw", said), pitch, first_known("roll", said), source)


def _measures(measured: FaceMeasures, said: Mapping[str, FaceValues]) -> FaceMeasures:
    """The pixels' own measures; other modules' where the pixels could not be measured."""
    brightness, clipped = measured.brightness, measured.clipped_share
    return replace(
        measured,
        brightness=first_known("brightness", said) if brightness is None else brightness,
        clipped_share=first_known("clipped", said) if clipped is None else clipped,
    )


def _occlusion(work: _Frame, said: Mapping[str, FaceValues], count: int) -> float | None:
    """The largest ratio of all modules: each sees other things (no face parser knows hands).

    A ratio for the whole frame counts where there is one face only.
    """
    ratios = [entry.values["occlusion"] for entry in said.values() if "occlusion" in entry.values]
    if count == 1:
        for name in work.deps:
            value = number(get(get(work.deps.get(name), "signals"), "occlusion_ratio"))
            if value is not None and 0.0 <= value <= 1.0:
                ratios.append(value)
    return max(ratios, default=None)


def _hints(sample: FaceSample, said: Mapping[str, FaceValues], nose: float | None) -> list[PitchHint]:
    """What this face tells of the sign of each source's pitch, as the source gave it."""
    yaw, track = sample.pose.yaw_deg, -1 if sample.face_id is None else sample.face_id
    if yaw is None or abs(yaw) > FRONTAL_YAW_DEG:
        return []
    given = {name: entry.values["pitch"] for name, entry in said.items() if "pitch" in entry.values}
    hints = []
    if nose is not None:
        hints += [PitchHint(name, "landmarks", track, pitch, nose) for name, pitch in given.items()]
    if "head.pose" in given and "face.detect" in given:
        hints.append(PitchHint("face.detect", "head.pose", track, given["face.detect"], given["head.pose"]))
    return hints


def _vision(work: _Frame, faces: Sequence[Face]) -> _Vision:
    """vision.embed where it said anything about the frame, else era A's face.embed and body.embed."""
    if get(work.deps.get("vision.embed"), "data") is not None:
        matches = work.read("vision.embed", lambda data: _matched(data, faces), [None] * len(faces))
        return _Vision(
            [_vector(work, match, "e_face") for match in matches],
            [_vector(work, match, "e_body") for match in matches],
            work.read("vision.embed", lambda data: _model(data, "face"), VisionModel()),
            work.read("vision.embed", lambda data: _model(data, "body"), VisionModel()),
        )
    boxes = [face.bbox for face in faces]
    vectors: list[list[Vector | None]] = []
    models = []
    for module, name in (("face.embed", "e_face"), ("body.embed", "e_body")):
        found = work.read(module, lambda data, name=name: lone_embedding(data, name, boxes), None)  # type: ignore[misc]
        vectors.append([found[1] if found is not None and found[0] == i else None for i in range(len(faces))])
        models.append(VisionModel(module if found is not None else None))
    return _Vision(vectors[0], vectors[1], models[0], models[1])


def _matched(data: Any, faces: Sequence[Face]) -> list[Any]:
    boxes = [(xyxy(get(item, "bbox")), item) for item in items(get(data, "faces")) if item is not None]
    known = [(box, item) for box, item in boxes if box is not None]
    return [best_match(face.bbox, known) for face in faces]


def _vector(work: _Frame, match: Any, name: str) -> Vector | None:
    try:
        raw = get(match, name)
    except BAD_INPUT:
        work.faults["unreadable:vision.embed"] += 1
        return None
    found = vector(raw)
    if raw is not None and found is None:
        work.faults["bad_vision_embedding"] += 1
    return found


def _model(data: Any, part: str) -> VisionModel:
    name = get(data, f"{part}_model")
    threshold, plateau = number(get(data, f"{part}_novelty_threshold")), number(get(data, f"{part}_plateau"))
    scale = None
    if threshold and plateau and threshold > 0 and plateau > 0:
        scale = NoveltyScale(threshold, plateau, get(data, f"{part}_calibrated") is True)
    return VisionModel(name if isinstance(name, str) and name else None, scale)
