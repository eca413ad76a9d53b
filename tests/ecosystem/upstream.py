"""Small upstream modules that answer from a script: what the ecosystem's modules say of a clip, without any model.

The clip has a textured face that moves over a textured ground; the script says for each frame how the head is turned.
Time decides, not the frame number, because hosts renumber frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from visualbase import Frame
from vpx.face_detect import DetectedFace, FaceDetectOutput, FaceObservation
from vpx.face_expression import ExpressionOutput, FaceExpression
from vpx.sdk import Module, Observation

from vpx_vision_embed.types import FaceEmbedding, VisionEmbedOutput, offer_own, with_faces

WIDTH, HEIGHT = 320, 240
FPS = 10.0
DIM = 512
VISION_DIM = 48


@dataclass(frozen=True)
class Person:
    """A rider with a place and a rhythm of its own."""

    number: int = 0
    left: float = 60.0
    phase: float = 0.0


RIDER = Person()
FRIEND = Person(1, 200.0, 1.7)


def unit(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / np.linalg.norm(values), np.float32)


@dataclass(frozen=True)
class Look:
    """The face of a person at a time: box (x, y, w, h) px, angles, expression, and how sure the detector is."""

    box: tuple[float, float, float, float]
    yaw: float
    pitch: float
    smile: float
    mouth: float
    eyes: float
    confidence: float


def look(person: Person, t_ns: int) -> Look:
    """A lively head: turns, nods, smiles, speaks."""
    t = t_ns / 1e9 + person.phase
    step = int(t * FPS + 0.5)
    size = 56.0 + 40.0 * (step * 0.618034 % 1.0)  # no two alike: JPEG must not decide between equals
    return Look(
        box=(person.left + 4 * math.sin(t), 70 + 3 * math.cos(t), size, size * 1.2),
        yaw=round(40 * math.sin(2 * math.pi * t / 4.1), 3),
        pitch=round(26 * math.sin(2 * math.pi * t / 2.7 + 1), 3),
        smile=0.8 if step % 9 in (3, 4) else 0.05,
        mouth=0.6 if step % 11 in (5, 6) else 0.05,
        eyes=0.1 if step % 17 == 8 else 0.9,
        confidence=0.95,
    )


def identity(person: Person, t_ns: int) -> np.ndarray:
    """Face-ID: `(512,)` unit, .8 to the person's own direction."""
    axis = np.zeros(DIM)
    axis[person.number] = 1.0
    noise = np.random.default_rng((person.number, t_ns)).normal(size=DIM)
    noise[:8] = 0.0
    return unit(0.8 * axis + 0.6 * noise / np.linalg.norm(noise))


def vision(person: Person, t_ns: int) -> np.ndarray:
    """General vision embedding: who, pose and expression."""
    seen = look(person, t_ns)
    values = np.zeros(VISION_DIM)
    values[person.number] = 1.0
    values[10] = 1.2 * math.sin(math.radians(seen.yaw))
    values[11] = 1.2 * math.sin(math.radians(seen.pitch))
    values[12:15] = 0.5 * seen.smile, 0.5 * seen.mouth, 0.5 * (1 - seen.eyes)
    return unit(values)


def _texture(seed: int, height: int, width: int, grain: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(60, 200, (height // grain + 2, width // grain + 2, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def picture(people: tuple[Person, ...], t_ns: int) -> np.ndarray:
    """`(240, 320, 3)` uint8: a ground and one textured face per person."""
    canvas = _texture(99, HEIGHT, WIDTH, 24)
    for person in people:
        x, y, w, h = (round(value) for value in look(person, t_ns).box)
        canvas[y : y + h, x : x + w] = _texture(person.number, h, w, 7)
    return canvas


def clip(seconds: float = 3.0, people: tuple[Person, ...] = (RIDER,), start: int = 0) -> list[Frame]:
    """Frames at 10 per second; frame ids count source frames of a 30 fps video."""
    times = [round(i * 1e9 / FPS) for i in range(start, start + round(seconds * FPS))]
    return [Frame.from_array(picture(people, t_ns), round(t_ns * 30 / 1e9), t_ns) for t_ns in times]


def landmarks(seen: Look) -> np.ndarray:
    """Five points `(5, 2)` px of a frontal template in the face's box; the nose rises with the pitch."""
    x, y, w, h = seen.box
    nose = 0.60 - 0.004 * seen.pitch
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, nose], [0.34, 0.77], [0.66, 0.77]])
    return np.asarray(points * [w, h] + [x, y], np.float32)


@dataclass
class Script:
    """What the fakes say; `spoil` may change face.detect's data of a frame."""

    people: tuple[Person, ...] = (RIDER,)
    pitch_sign: float = 1.0
    with_embeddings: bool = True
    spoilt: dict[int, Any] = field(default_factory=dict)


class FakeDetect(Module):
    """face.detect by script: both lists, in opposite order."""

    name = "face.detect"
    stateful = True

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation | None:
        script = self.script
        data = FaceDetectOutput(image_size=(frame.width, frame.height))
        for person in script.people:
            seen = look(person, frame.t_src_ns)
            x, y, w, h = seen.box
            e_id = identity(person, frame.t_src_ns) if script.with_embeddings else None
            pitch = script.pitch_sign * seen.pitch
            data.faces.append(
                FaceObservation(
                    person.number,
                    seen.confidence,
                    (x / WIDTH, y / HEIGHT, w / WIDTH, h / HEIGHT),
                    yaw=seen.yaw,
                    pitch=pitch,
                    embedding=e_id,
                )
            )
            zoom = frame.width / WIDTH
            box, points = tuple(zoom * value for value in seen.box), zoom * landmarks(seen)
            data.detected_faces.insert(0, DetectedFace(box, seen.confidence, points, seen.yaw, pitch, 0.0, e_id, -1))
        spoilt = script.spoilt.get(frame.t_src_ns)
        answer: Any = data if spoilt is None else spoilt(data)
        return Observation(self.name, frame.frame_id, frame.t_src_ns, {"face_count": len(data.faces)}, answer)


class FakeExpression(Module):
    """face.expression by script, with the opening ratios."""

    name = "face.expression"
    depends = ["face.detect"]  # noqa: RUF012 - the contract wants a plain list

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation | None:
        faces = []
        for person in self.script.people:
            seen = look(person, frame.t_src_ns)
            x, y, w, h = seen.box
            signals = {
                "smile_intensity": seen.smile,
                "mouth_open_ratio": seen.mouth,
                "eye_open_ratio": seen.eyes,
                "em_happy": seen.smile,
            }
            box = (x / WIDTH, y / HEIGHT, w / WIDTH, h / HEIGHT)
            faces.append(FaceExpression(person.number, seen.confidence, box, signals=signals))
        return Observation(self.name, frame.frame_id, frame.t_src_ns, {}, ExpressionOutput(faces))


class FakeVision(Module):
    """vision.embed by script."""

    name = "vision.embed"
    depends = ["face.detect"]  # noqa: RUF012 - the contract wants a plain list
    stateful = True

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation | None:
        faces = []
        for person in self.script.people:
            x, y, w, h = (value * frame.width / WIDTH for value in look(person, frame.t_src_ns).box)
            box, e_face = (x, y, x + w, y + h), vision(person, frame.t_src_ns)
            faces.append(FaceEmbedding(person.number, box, box, e_face, None, None, True, None))
        data = VisionEmbedOutput(
            faces, "scripted-48", VISION_DIM, face_novelty_threshold=0.15, face_plateau=0.05, face_calibrated=True
        )
        return Observation(self.name, frame.frame_id, frame.t_src_ns, {"faces_seen": len(faces)}, data)


class SparingVision(FakeVision):
    """The same, embedding once a second: in between faces carry that vector, and their own has to be asked for."""

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation | None:
        seen = super().process(frame, deps)
        if seen is None or frame.t_src_ns % 10**9 == 0:
            return seen
        own = seen.data.faces
        second = frame.t_src_ns - frame.t_src_ns % 10**9
        carried = [
            replace(face, e_face=vision(person, second), embedded=False, reason="rate_limited")
            for face, person in zip(own, self.script.people, strict=True)
        ]
        data = with_faces(seen.data, carried)
        offer_own(data, lambda place: own[place])
        return replace(seen, data=data)
