"""Plans and vectors → what the analyzer says about a frame. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from vpx.sdk import BBoxMark, DrawStyle, Observation

from vpx_vision_embed.inputs import field
from vpx_vision_embed.models import ModelSpec
from vpx_vision_embed.plan import CropPlan, FacePlan, FramePlan
from vpx_vision_embed.types import FaceEmbedding, Vector, VisionEmbedOutput, with_faces

if TYPE_CHECKING:
    from vpx.sdk.marks import Mark

SIGNALS = frozenset({"faces_seen", "faces_embedded", "bodies_embedded", "face_model", "body_model"})

_EMBEDDED_STYLE = DrawStyle(color=(80, 200, 80))
_SKIPPED_STYLE = DrawStyle(color=(150, 150, 150))


class Model(Protocol):
    """What an output says of a model."""

    @property
    def spec(self) -> ModelSpec:
        """Its row."""

    @property
    def version(self) -> str:
        """Its version tag, with the precision where that is not fp32."""


def empty_output(face: Model | None, body: Model | None) -> VisionEmbedOutput:
    """An output without faces that names its models and their novelty scales; None = no such model runs."""
    face_row, body_row = face.spec if face is not None else None, body.spec if body is not None else None
    return VisionEmbedOutput(
        faces=[],
        face_model=face.version if face is not None else "",
        face_dim=face_row.dim if face_row is not None else 0,
        body_model=body.version if body is not None else "",
        body_dim=body_row.dim if body_row is not None else 0,
        face_novelty_threshold=face_row.novelty.threshold if face_row is not None else 0.0,
        face_plateau=face_row.novelty.plateau if face_row is not None else 0.0,
        face_calibrated=face_row is not None and face_row.novelty.calibrated,
        body_novelty_threshold=body_row.novelty.threshold if body_row is not None else 0.0,
        body_plateau=body_row.novelty.plateau if body_row is not None else 0.0,
        body_calibrated=body_row is not None and body_row.novelty.calibrated,
    )


def observation(source: str, plan: FramePlan, empty: VisionEmbedOutput, timing: dict[str, float]) -> Observation:
    """What the module `source` says about a frame whose slots are filled; `empty` names the models."""
    output = with_faces(empty, [embedding(face) for face in plan.faces])
    return Observation(
        source=source,
        frame_id=plan.frame.frame_id,
        t_ns=plan.frame.t_src_ns,
        signals=signals(output),
        data=output,
        metadata={
            "image_size": list(plan.image_size),
            "_metrics": {
                "invalid_boxes": plan.invalid,
                "bad_input": plan.bad_input,
                "tracks": plan.tracks,
                "skipped": skipped(output.faces),
            },
        },
        timing=timing,
    )


def embedding(plan: FacePlan) -> FaceEmbedding:
    """One face's plan, with its slots filled, as output."""
    crop, body = plan.crop, plan.body
    shown = crop is not None and crop.slot is not None
    return FaceEmbedding(
        face_id=plan.face.face_id,
        bbox=plan.face.box,
        crop_box=crop.box if crop is not None and shown else None,
        e_face=_vector(crop),
        e_body=_vector(body),
        body_box=body.box if body is not None else None,
        embedded=plan.reason is None,
        reason=plan.reason,
        body_source=plan.body_source,
        body_embedded=body is not None and body.is_fresh,
    )


def _vector(crop: CropPlan | None) -> Vector | None:
    return crop.slot.vector if crop is not None and crop.slot is not None else None


def signals(output: VisionEmbedOutput) -> dict[str, int | str]:
    """The plain scalars of a frame."""
    return {
        "faces_seen": len(output.faces),
        "faces_embedded": sum(face.embedded for face in output.faces),
        "bodies_embedded": sum(face.body_embedded for face in output.faces),
        "face_model": output.face_model,
        "body_model": output.body_model,
    }


def skipped(faces: Iterable[FaceEmbedding]) -> dict[str, int]:
    """Reason code → number of faces that were not embedded in this frame for it."""
    return dict(Counter(face.reason for face in faces if face.reason is not None))


def marks(obs: object) -> list[Mark]:
    """The embedded square of each face, or the face box in grey with the reason why there is none."""
    size = field(field(obs, "metadata"), "image_size")
    faces = field(field(obs, "data"), "faces")
    if not isinstance(size, (list, tuple)) or not isinstance(faces, (list, tuple)):
        return []
    return [mark for face in faces if (mark := _mark(face, float(size[0]), float(size[1]))) is not None]


def _mark(face: object, width: float, height: float) -> Mark | None:
    embedded = bool(field(face, "embedded"))
    box = field(face, "crop_box" if embedded else "bbox")
    if not isinstance(box, (list, tuple)):
        return None
    x1, y1, x2, y2 = (float(value) for value in box)
    return BBoxMark(
        x=x1 / width,
        y=y1 / height,
        w=(x2 - x1) / width,
        h=(y2 - y1) / height,
        label="vision" if embedded else str(field(face, "reason") or ""),
        style=_EMBEDDED_STYLE if embedded else _SKIPPED_STYLE,
    )
