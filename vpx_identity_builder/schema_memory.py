"""`memory_bank.json`: what is remembered of one person (contract §11). It holds embeddings: biometric data."""

from __future__ import annotations

from pydantic import Field

from vpx_identity_builder.schema_base import Document, Unit, Version


class MetaHistogram(Document):
    """Hits of a node by bin, and their quality. `last_updated_ms`: from the start of the video that it was in."""

    yaw_bins: dict[str, int]
    pitch_bins: dict[str, int]
    expression_bins: dict[str, int]
    quality_best: Unit
    quality_mean: Unit
    hit_count: int
    last_updated_ms: float


class MemoryPicture(Document):
    """An image that was learnt from; `path` relative to the document's folder."""

    path: str
    quality: Unit
    kind: str
    yaw_bin: str
    pitch_bin: str
    expression_bin: str
    timestamp_ms: float


class MemoryShare(Document):
    """What one person of one video gave to a node; the parts of all shares sum to the node's vector."""

    video_id: str
    person: int
    part: list[float]
    hits: int
    quality_sum: float
    quality_best: Unit
    last: int
    last_updated_ms: float
    bins: list[tuple[str, str, int]]
    pictures: list[MemoryPicture]


class MemoryNodeDetails(Document):
    """Where a node was learnt."""

    shares: list[MemoryShare]


class MemoryNode(Document):
    """One look of the person: `vec_id` is a unit vector, `rep_images` are best first."""

    node_id: int
    vec_id: list[float]
    rep_images: list[str]
    meta_hist: MetaHistogram
    details: MemoryNodeDetails


class MemoryDetails(Document):
    """`updates`: how many images were learnt from so far, which numbers the next node."""

    updates: int


class MemoryBankDocument(Document):
    """`memory_bank.json`. `_version.embed_model` is the Face-ID model: a bank of another one cannot be compared."""

    person_id: str
    k: int
    nodes: list[MemoryNode]
    version: Version = Field(validation_alias="_version", serialization_alias="_version")
    details: MemoryDetails
