"""Frame and dependency observations → face samples. Pure.

Only this module and its neighbours `observations_*` know other modules' fields. Faces of different modules are matched
by box; by place in `detected_faces` only where a module gives no boxes and one entry for each of them. What is absent,
not finite or malformed is unknown, and counted as a fault where it should have been there. A source that cannot be read
costs its own values, never the frame. Which source wins is `observations_sources.PRECEDENCE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from . import pixels
from .core.types import ExpressionSignals, FaceMeasures, FaceSample, Pose
from .observations_faces import Face, appearance, detected_count, face_id_embedding, find_faces, outline
from .observations_frame import FrameInput
from .observations_read import BAD_INPUT, FaceValues, get, points, share, values_for
from .observations_sources import (
    OPTIONAL,
    PRECEDENCE,
    READERS,
    first_known,
    is_rejection,
    occlusion,
)
from .observations_vision import read_vision
from .pitch_sign import FRONTAL_YAW_DEG, PitchHint, nose_height
from .translation import InputRules, Translation

__all__ = ["OPTIONAL", "PRECEDENCE", "to_samples"]


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
    work = FrameInput(image, deps or {})
    if not work.says("face.detect"):
        work.faults["no_face_detect"] += 1
    faces = work.read("face.detect", lambda data: find_faces(data, work.size, work.faults), list[Face]())
    said = _said(work, rules)
    vision = read_vision(work, faces)
    samples, hints = [], list[PitchHint]()
    whole = _whole_frame_occlusion(work) if len(faces) == 1 else None
    for place, face in enumerate(faces):
        try:
            sample, hint = _sample(work, face, _said_of(face, said, work), whole, rules, (frame_idx, t_ns))
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


def _said(work: FrameInput, rules: InputRules) -> dict[str, list[FaceValues]]:
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
    if is_rejection(work.signal("frame.quality", "quality_gate")):
        work.faults["frame_quality_rejected"] += 1
    return said


def _said_of(face: Face, said: Mapping[str, list[FaceValues]], work: FrameInput) -> dict[str, FaceValues]:
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
    work: FrameInput,
    face: Face,
    said: dict[str, FaceValues],
    whole: float | None,
    rules: InputRules,
    when: tuple[int, int],
) -> tuple[FaceSample, list[PitchHint]]:
    """One face without its vision embeddings, and what it tells of the pitch's sign.

    `whole` is an occlusion ratio that was given for the frame; `when` = (frame_idx, t_ns).
    """
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
        measures=_measures(pixels.measure(work.image, face.bbox, landmarks, pose.yaw_deg, outline(face)), said),
        face_id=face.face_id,
        pose=pose,
        expression=ExpressionSignals(
            mouth_open=first_known("mouth_open", said),
            eye_open=first_known("eye_open", said),
            smile=first_known("smile", said),
            happy_probability=first_known("happy", said),
            gaze_deg=first_known("gaze", said),
            eye_open_least=first_known("eye_open_least", said),
        ),
        occlusion_ratio=_occlusion(said, whole),
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


def _occlusion(said: Mapping[str, FaceValues], whole: float | None) -> float | None:
    """The largest ratio of all modules: each sees other things (no face parser knows hands)."""
    ratios = [entry.values["occlusion"] for entry in said.values() if "occlusion" in entry.values]
    return max([*ratios, *([] if whole is None else [whole])], default=None)


def _whole_frame_occlusion(work: FrameInput) -> float | None:
    """The largest ratio that a module gives for the frame; it can only be meant where there is one face."""
    ratios = [share(work.signal(name, "occlusion_ratio")) for name in sorted(work.deps)]
    return max((ratio for ratio in ratios if ratio is not None), default=None)


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
