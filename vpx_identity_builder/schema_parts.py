"""The parts of documents that describe a person, a run and references (`schema.py`)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vpx_identity_builder.core.results import StopReason
from vpx_identity_builder.schema_base import BinShare, Document, Models, Unit


class CoverageShares(Document):
    """Bins filled of all bins per axis, as text like `6/7`."""

    yaw: BinShare
    pitch: BinShare
    expression: BinShare


class FilledBins(Document):
    """The filled bins by name, in bin order."""

    yaw: list[str]
    pitch: list[str]
    expression: list[str]


class Prototype(Document):
    """What the person's prototype was made from: strict-gate frames, or loose ones where those were too few."""

    source: str
    embeddings: int


class SeenConditions(Document):
    """Under which conditions the person was seen: counts over its faces, of which one may count in several.

    `drifting`: off the person's prototype. `covered`: more than the strict gate allows.
    """

    faces: int
    drifting: int
    covered: int
    drifting_or_covered: int
    dark: int


class Objective(Document):
    """What the chosen images are worth (docs/architecture.md), and what no choice within the caps can exceed."""

    value: float
    upper_bound: float
    share: Unit


class PersonDetails(Document):
    """Additions to the person summary. `seen` and `objective` are null in documents of versions without them.

    `extra_bins`: axes of plugins, with the bins that anchors and coverage show.
    """

    frames_seen: int
    first_seen_ms: float
    last_seen_ms: float
    prototype: Prototype
    soft: bool
    coverage_count: int
    filled_bins: FilledBins
    seen: SeenConditions | None = None
    extra_bins: dict[str, list[str]] = Field(default={})
    objective: Objective | None = None
    models: Models
    notes: list[str]


class Video(Document):
    """What was read. `source_name` is a file name without folders; `fps` the rate asked for, null = every frame.

    `kind`: `photos` for an image or a folder of them; `frames` are then photos, and times mean nothing.
    """

    video_id: str
    source_name: str | None
    kind: Literal["video", "photos"] = "video"
    content_sha256: str | None
    fps: float | None
    source_fps: float | None
    frames: int
    frames_with_faces: int
    first_ms: float | None
    last_ms: float | None


class PersonSummary(Document):
    """One published person in `result.json`."""

    person_id: int
    folder: str
    track_score: Unit
    frames_seen: int
    anchor_count: int
    coverage_count: int
    challenge_count: int
    coverage_buckets_filled: CoverageShares
    soft: bool
    stop_reason: StopReason
    notes: list[str]


class Unpublished(Document):
    """Somebody seen and not published, and why. No picture and no embedding of them is kept."""

    reason: str
    frames_seen: int
    track_score: Unit
    first_seen_ms: float
    last_seen_ms: float


class ReferenceShares(Document):
    """The proportion of the three sets that was asked for."""

    anchor: float
    coverage: float
    challenge: float


class ReferenceCounts(Document):
    """How many images of each set there are."""

    anchor: int
    coverage: int
    challenge: int


class ReferenceImage(Document):
    """One reference by path."""

    path: str
    type: Literal["anchor", "coverage", "challenge"]
    yaw_bin: str
    pitch_bin: str
    expression_bin: str
    lighting_bin: str
    occlusion_bin: str
    quality_score: Unit
    condition: str | None
