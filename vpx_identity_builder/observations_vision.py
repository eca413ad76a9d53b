"""General vision embeddings of a frame's faces: from vision.embed, or from era A's face.embed and body.embed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .core.config import NoveltyScale
from .core.frame_views import Look, OwnVectors
from .core.types import Box, Vector
from .observations_faces import Face
from .observations_frame import FrameInput
from .observations_read import BAD_INPUT, best_match, get, items, number, vector, xyxy
from .observations_sources import lone_embedding
from .translation import NO_MODEL, VisionModel


@dataclass(frozen=True, slots=True, eq=False)
class Vision:
    """General vision embeddings of a frame's faces, in the order of the faces, and their models."""

    faces: Sequence[Vector | None]
    bodies: Sequence[Vector | None]
    face_model: VisionModel = NO_MODEL
    body_model: VisionModel = NO_MODEL


def read_vision(work: FrameInput, faces: Sequence[Face]) -> Vision:
    """vision.embed where it said anything about the frame, else era A's face.embed and body.embed."""
    if work.says("vision.embed"):
        matches = work.read("vision.embed", lambda data: _matched(data, faces), [None] * len(faces))
        return Vision(
            [_vector(work, match, "e_face") for match in matches],
            [_vector(work, match, "e_body") for match in matches],
            work.read("vision.embed", lambda data: _model(data, "face"), NO_MODEL),
            work.read("vision.embed", lambda data: _model(data, "body"), NO_MODEL),
        )
    boxes = [face.bbox for face in faces]
    vectors: list[list[Vector | None]] = []
    models = []
    for module, name in (("face.embed", "e_face"), ("body.embed", "e_body")):
        found = work.read(module, lambda data, name=name: lone_embedding(data, name, boxes), None)  # type: ignore[misc]
        vectors.append([found[1] if found is not None and found[0] == i else None for i in range(len(faces))])
        models.append(VisionModel(module if found is not None else None))
    return Vision(vectors[0], vectors[1], models[0], models[1])


def look_through(deps: Mapping[str, Any] | None) -> Look:
    """Looks at a frame's faces through vision.embed, which can embed what it carried an earlier embedding for.

    The look raises one of `BAD_INPUT` where that fails.
    """

    def look(box: Box) -> OwnVectors | None:
        data = get((deps or {}).get("vision.embed"), "data")
        if data is None:
            return None
        from vpx_vision_embed.types import own_embedding  # its package brings models along, not wanted without them

        found = best_match(box, [(known, place) for place, (known, _) in enumerate(_boxes(data)) if known is not None])
        own = None if found is None else own_embedding(data, found)
        return None if own is None else OwnVectors(vector(own.e_face), vector(own.e_body))

    return look


def _matched(data: Any, faces: Sequence[Face]) -> list[Any]:
    known = [(box, item) for box, item in _boxes(data) if box is not None]
    return [best_match(face.bbox, known) for face in faces]


def _boxes(data: Any) -> list[tuple[Box | None, Any]]:
    """Each of the module's faces with its box; None for a face or box that is none."""
    faces = items(get(data, "faces"))
    return [(None if item is None else xyxy(get(item, "bbox")), item) for item in faces]


def _vector(work: FrameInput, match: Any, name: str) -> Vector | None:
    try:
        raw = get(match, name)
    except BAD_INPUT:
        work.faults["unreadable:vision.embed"] = 1
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
