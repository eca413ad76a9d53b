"""The wire format: every document this package writes, as versioned models whose keys keep the design's order.

Keys are exactly those of §2 and §11; additions stand only under `_version` and `details`. Numbers are finite or null.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from vpx_identity_builder.core.results import StopReason
from vpx_identity_builder.erasure.note import ErasureNote
from vpx_identity_builder.errors import DamagedDocumentError
from vpx_identity_builder.schema_base import Cosine, Document, IntBox, Models, Unit, Version
from vpx_identity_builder.schema_images import (
    ImageDetails,
    PairDetails,
    PairMember,
    RelativePosition,
    Scale,
    Simultaneous,
)
from vpx_identity_builder.schema_memory import MemoryBankDocument
from vpx_identity_builder.schema_parts import (
    CoverageShares,
    PersonDetails,
    PersonSummary,
    ReferenceCounts,
    ReferenceImage,
    ReferenceShares,
    Unpublished,
    Video,
)

D = TypeVar("D", bound=Document)


class PersonMeta(Document):
    """`person_N/meta.json`."""

    person_id: int
    track_score: Unit
    prototype_type: str
    anchor_count: int
    coverage_buckets_filled: CoverageShares
    challenge_count: int
    total_saved: int
    stop_reason: StopReason
    version: Version = Field(validation_alias="_version", serialization_alias="_version")
    details: PersonDetails


class ImageMeta(Document):
    """`NAME_meta.json` beside each image. Boxes are `[x1, y1, x2, y2]` source pixels."""

    type: Literal["anchor", "coverage", "challenge"]
    person_id: int
    frame_idx: int
    timestamp_ms: float
    yaw_bin: str
    pitch_bin: str
    expression_bin: str
    occlusion_bin: str
    lighting_bin: str
    quality_score: Unit
    novelty_score: float | None
    stable_score: Cosine | None
    face_bbox: IntBox
    crop_box: IntBox
    embed_model_version: str
    gate_version: str
    version: Version = Field(validation_alias="_version", serialization_alias="_version")
    details: ImageDetails


class PairMeta(Document):
    """`pair/NAME_meta.json`.

    `same_expression`: both show one known expression at the same moment. `overlap`: IoU of the two face boxes.
    `novelty_score`: distance to the nearest earlier pair image, of the person who changed more.
    """

    type: Literal["pair"] = "pair"
    person_ids: tuple[int, int]
    frame_idx: int
    timestamp_ms: float
    quality_score: Unit
    novelty_score: float | None
    overlap: Unit
    relative_position: RelativePosition
    scale: Scale
    same_expression: bool
    simultaneous: Simultaneous
    persons: tuple[PairMember, PairMember]
    crop_box: IntBox
    embed_model_version: str
    gate_version: str
    version: Version = Field(validation_alias="_version", serialization_alias="_version")
    details: PairDetails


class ResultMeta(Document):
    """`result.json`: the outcome of one video, also when there is nobody to publish."""

    schema_version: Literal[1] = 1
    video: Video
    stop_reason: StopReason
    persons: list[PersonSummary]
    pair_count: int
    unpublished: list[Unpublished]
    fates: dict[str, int]
    faults: dict[str, int]
    models: Models
    settings: dict[str, str | int | float | bool]
    notes: list[str]
    version: Version = Field(validation_alias="_version", serialization_alias="_version")


class ReferencesMeta(Document):
    """What `identity-builder query --json` prints: references for a generator, anchors first.

    `avoid`: what the person's challenge images show, or covers a face of these, and a generator should not learn: for a
    negative prompt.
    """

    schema_version: Literal[1] = 1
    person_id: int
    ratio: ReferenceShares
    ratio_why: str
    counts: ReferenceCounts
    images: list[ReferenceImage]
    avoid: list[str]
    notes: list[str]


DOCUMENTS: dict[str, type[Document]] = {
    "person_meta": PersonMeta,
    "image_meta": ImageMeta,
    "pair_meta": PairMeta,
    "result": ResultMeta,
    "memory_bank": MemoryBankDocument,
    "references": ReferencesMeta,
    "erased": ErasureNote,
}


def json_schema() -> dict[str, dict[str, Any]]:
    """Name → JSON Schema (draft 2020-12) of every document."""
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **model.model_json_schema(by_alias=True, mode="serialization"),
        }
        for name, model in DOCUMENTS.items()
    }


def read_document(model: type[D], text: str | bytes, name: str) -> D:
    """A document read back; `name` is for the message.

    Raises `DamagedDocumentError` naming the first key that is wrong.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DamagedDocumentError(name, f"{where}: {first['msg']}" if where else first["msg"]) from error
