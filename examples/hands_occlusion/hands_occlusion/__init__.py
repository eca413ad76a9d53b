"""`face.occlusion`: which share of each face lies behind a hand, from the wrists of body.pose.

A module of one's own needs three things to be heard by the identity builder: the name `face.occlusion` (or any name
that the setting `identity_builder.extra_inputs` lists), one entry per face under `faces` with a `bbox` like
face.detect's, and an `occlusion_ratio` in 0..1 in the entry's signals. Where nothing is known, leave the entry out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from visualbase import Frame
from vpx.sdk import Module, Observation

ARMS = ((7, 9), (8, 10))
"""(elbow, wrist) of both arms among the 17 COCO points."""
SURE = 0.3
HAND_PER_FACE = 0.6
"""Side of a hand in face widths."""


@dataclass
class OccludedFace:
    """A face (x, y, w, h in 0..1) with its signals."""

    bbox: tuple[float, float, float, float]
    signals: dict[str, float] = field(default_factory=dict)


@dataclass
class OcclusionOutput:
    """One entry per face about which something is known."""

    faces: list[OccludedFace] = field(default_factory=list)


class HandsOcclusion(Module):
    """Faces of face.detect behind hands of body.pose."""

    name = "face.occlusion"
    depends = ["face.detect", "body.pose"]  # noqa: RUF012 - the contract wants a plain list

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation | None:
        found = getattr((deps or {}).get("face.detect"), "data", None)
        poses = getattr((deps or {}).get("body.pose"), "data", None)
        arms = [person["keypoints"] for person in getattr(poses, "keypoints", None) or []]
        if found is None or not arms:
            return None
        faces = []
        for face in found.faces:
            x, y, w, h = face.bbox
            box = (x * frame.width, y * frame.height, (x + w) * frame.width, (y + h) * frame.height)
            ratio = max((covered(box, hand) for points in arms for hand in hands(points, box)), default=0.0)
            faces.append(OccludedFace(tuple(face.bbox), {"occlusion_ratio": ratio}))
        return Observation(
            self.name, frame.frame_id, frame.t_src_ns, {"face_count": len(faces)}, OcclusionOutput(faces)
        )


def hands(points: Any, face: tuple[float, float, float, float]) -> list[tuple[float, float, float, float]]:
    """Squares (x1, y1, x2, y2) px where the hands should be: beyond the wrists, a share of the face in size."""
    side = HAND_PER_FACE * (face[2] - face[0])
    boxes = []
    for elbow, wrist in ARMS:
        (ex, ey, e_sure), (wx, wy, w_sure) = points[elbow], points[wrist]
        if min(e_sure, w_sure) < SURE or 0 in (ex, ey, wx, wy):
            continue
        length = max(1.0, ((wx - ex) ** 2 + (wy - ey) ** 2) ** 0.5)
        x, y = wx + (wx - ex) / length * side / 2, wy + (wy - ey) / length * side / 2
        boxes.append((x - side / 2, y - side / 2, x + side / 2, y + side / 2))
    return boxes


def covered(face: tuple[float, float, float, float], hand: tuple[float, float, float, float]) -> float:
    """Share of the face box under the hand, 0..1."""
    width = max(0.0, min(face[2], hand[2]) - max(face[0], hand[0]))
    height = max(0.0, min(face[3], hand[3]) - max(face[1], hand[1]))
    return width * height / ((face[2] - face[0]) * (face[3] - face[1]))
