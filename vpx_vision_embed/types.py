"""What `vision.embed` delivers. The only module of this package that a consumer needs to import.

Plain dataclasses of plain fields: they survive a trip through JSON (tuples come back as lists, arrays stay),
so read them with `getattr(obj, "field", None)` and never by type. Only `own_embedding` needs the very object.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""(dim,) or (n, dim) float32; rows are unit vectors (L2) unless said otherwise."""

Box = tuple[float, float, float, float]
"""(x1, y1, x2, y2) in source pixels; x2 and y2 are exclusive."""


@dataclass(frozen=True)
class FaceEmbedding:
    """General-vision embeddings of one face and its upper body in one frame (design document §4, §7).

    They say *what is new*, never *who it is* (§3).

    Attributes:
        face_id: face.detect's track, or None where the detector gave none.
        bbox: the face box as detected.
        crop_box: the square that was embedded, from the smoothed box; may reach over the frame's edge, where the
            crop repeats the edge pixels. None where there is no e_face.
        e_face: (face_dim,) float32 unit vector, or None. With the reason "unchanged" or "rate_limited" it is that of
            the crop of this face that was embedded last.
        e_body: (body_dim,) float32 unit vector, or None; it may be an earlier one like e_face, see `body_embedded`.
        body_box: the square of the upper body, or None.
        embedded: whether e_face was computed from this frame.
        reason: why not, as a code of `REASONS`; None if embedded.
        body_source: "pose" (from body.pose keypoints), "face" (guessed from the face's geometry) or None.
        body_embedded: whether e_body was computed from this frame.
    """

    face_id: int | None
    bbox: Box
    crop_box: Box | None
    e_face: Vector | None
    e_body: Vector | None
    body_box: Box | None
    embedded: bool
    reason: str | None
    body_source: str | None = None
    body_embedded: bool = False


@dataclass(frozen=True)
class VisionEmbedOutput:
    """All faces of one frame, largest first, and which models looked at them.

    Attributes:
        faces: one entry per face with a usable box, embedded or not.
        face_model: version tag of the face model, for example "dinov2-vits14-v1" (`embed_model_version`, §11).
        face_dim: length of every e_face.
        body_model: version tag of the body model, "" if bodies are not embedded.
        body_dim: length of every e_body, 0 if bodies are not embedded.
        face_novelty_threshold: cosine distance from which on a face crop counts as new for this model.
        face_plateau: mean novelty below which nothing new comes any more (§9), on this model's scale.
        face_calibrated: False = the two figures are provisional, no measurement stands behind them.
        body_novelty_threshold, body_plateau, body_calibrated: the same for the body model.
    """

    faces: list[FaceEmbedding] = field(default_factory=list)
    face_model: str = ""
    face_dim: int = 0
    body_model: str = ""
    body_dim: int = 0
    face_novelty_threshold: float = 0.0
    face_plateau: float = 0.0
    face_calibrated: bool = False
    body_novelty_threshold: float = 0.0
    body_plateau: float = 0.0
    body_calibrated: bool = False


OwnEmbedding = Callable[[int], FaceEmbedding | None]
"""A face's place in `VisionEmbedOutput.faces` → that face with embeddings of its own."""

_offers: dict[int, OwnEmbedding] = {}
"""By `id` of an output, as long as that lives."""


def offer_own(output: VisionEmbedOutput, own: OwnEmbedding) -> None:
    """Let `own_embedding` answer for this output."""
    _offers[id(output)] = own
    weakref.finalize(output, _offers.pop, id(output), None).atexit = False


def own_embedding(output: object, place: int) -> FaceEmbedding | None:
    """Embed a face that carries an earlier crop's embedding ("unchanged", "rate_limited") after all.

    Args:
        output: the very object that `vision.embed` gave for the frame, in the same process.
        place: of the face in its `faces`.

    Returns:
        The face with embeddings of its own crops; `output` stays as it is. None where nothing is carried, for a copy of
        an output, when some frames have gone by since (the pixels are gone), and once the module was released.

    Raises:
        VisionEmbedError: the model failed; the face keeps what it carries.
    """
    own = _offers.get(id(output))
    return None if own is None else own(place)


def with_faces(output: VisionEmbedOutput, faces: list[FaceEmbedding]) -> VisionEmbedOutput:
    """The output with these faces."""
    return replace(output, faces=faces)


REASONS: dict[str, str] = {
    "too_small": "the face is smaller than min_face_px",
    "outside_frame": "less than a third of the face box lies inside the frame",
    "over_max_faces": "the frame has more than max_faces larger faces",
    "low_quality": "the face is blurred beyond use (min_sharpness)",
    "unchanged": "the crop looks like the one of this face embedded last, whose vector it carries (unchanged_below)",
    "rate_limited": "this face was embedded a moment ago, changed little and carries that vector (max_rate_hz)",
}
"""Reason codes of faces that were not embedded in a frame. Boxes without a usable geometry are only counted."""
