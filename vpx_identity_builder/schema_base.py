"""What every part of the wire format is made of: the base of all documents, and what all of them name."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from vpx_identity_builder.core.gates import GATE_VERSION

APP = "vpx-identity-builder"

IntBox = tuple[int, int, int, int]
Size = tuple[int, int]
BinShare = Annotated[str, Field(pattern=r"^\d+/\d+$")]
Unit = Annotated[float, Field(ge=0, le=1)]
Cosine = Annotated[float, Field(ge=-1, le=1)]


class Document(BaseModel):
    """Base of all parts of the wire format: closed, frozen, without NaN or infinity; errors quote nothing of it."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_by_name=True, hide_input_in_errors=True
    )

    def to_json(self) -> str:
        """Indented JSON text, keys in order, ending with a line break; the same values give the same bytes."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values by key."""
        return self.model_dump(mode="json", by_alias=True)


class Version(Document):
    """`_version` of every document. `created_at` is UTC in ISO 8601, the only value that differs between equal runs."""

    app: str = APP
    app_version: str
    embed_model: str
    gate_version: str = GATE_VERSION
    created_at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$")]


class Models(Document):
    """Models whose embeddings the run used; null = none seen. Sets of different models must not be compared."""

    face_id: str | None
    vision_face: str | None
    vision_body: str | None
    vision_calibrated: bool
