"""The parts that the documents of the wire format (`schema.py`) are made of."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vpx_identity_builder.core.gates import GATE_VERSION
from vpx_identity_builder.core.results import StopReason

APP = "vpx-identity-builder"

IntBox = tuple[int, int, int, int]
Size = tuple[int, int]
BinShare = Annotated[str, Field(pattern=r"^\d+/\d+$")]
Unit = Annotated[float, Field(ge=0, le=1)]
Cosine = Annotated[float, Field(ge=-1, le=1)]


class Document(BaseModel):
    """Base of all parts of the wire format: closed, frozen, without NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_by_name=True)

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


class CoverageShares(Document):
    """Bins filled of all bins per axis, as text like `6/7` (§2)."""

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
    """Additions to §2's person summary. `seen` and `objective` are null in documents of versions without them.

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
    extra_bins: dict[str, list[str]] = {}
    objective: Objective | None = None
    models: Models
    notes: list[str]


class GateCheck(Document):
    """One component of a gate; `margin` is the distance to the limit, negative where it failed."""

    name: str
    value: float | None
    limit: float
    margin: float | None
    passed: bool


class Gate(Document):
    """A gate and its components."""

    passed: bool
    checks: list[GateCheck]


class Gates(Document):
    """Both gates of one image: anchors pass the strict one, coverage the loose one; challenge images may fail both."""

    strict: Gate
    loose: Gate


class PoseDegrees(Document):
    """Head pose: yaw > 0 towards the image's right, pitch > 0 up, roll > 0 clockwise; null = unknown."""

    yaw_deg: float | None
    pitch_deg: float | None
    roll_deg: float | None


class Measures(Document):
    """What was measured on the face: pixels, shares, grey levels; null = not measurable."""

    confidence: float | None
    face_px: float | None
    area_share: float | None
    sharpness: float | None
    brightness: float | None
    crop_brightness: float | None = None
    clipped_share: float | None
    alignment_error: float | None
    occlusion_ratio: float | None
    mouth_open: float | None
    eye_open: float | None
    smile: float | None
    happy: float | None = None
    gaze_deg: float | None = None
    eye_usual: float | None = None


class Cues(Document):
    """Constraint cues for a generator (§8): what this image shows about the person, and what not to learn from it."""

    condition: str
    shows: str
    avoid: list[str]


class ImageDetails(Document):
    """Additions to §11's image metadata.

    `expression_source`: `signals` (openings and smile), `em_happy` (a probability that stands in for a smile), or null.
    `source_file`: name of the photo, null for a video. `in_highlight`: the moment lies in a highlight window, or was
    marked by a trigger or a plugin.
    `extra_bins`: the image's bin on each axis that a plugin adds.
    """

    gates: Gates
    pose: PoseDegrees
    measures: Measures
    expression_source: Literal["signals", "em_happy"] | None = None
    source_size_px: Size
    source_file: str | None = None
    in_highlight: bool = False
    condition: str | None
    cues: Cues | None
    extra_bins: dict[str, str] = {}
    face_id_model: str | None


class PairMember(Document):
    """One of the two people in a pair image. Both passed the strict gate."""

    person_id: int
    yaw_bin: str
    pitch_bin: str
    expression_bin: str
    occlusion_bin: str
    lighting_bin: str
    quality_score: Unit
    stable_score: Cosine | None
    face_bbox: IntBox
    gates: Gates


class RelativePosition(Document):
    """From the image-left person to the right one: offsets of the face centres in mean face widths (dy > 0 = lower).

    `bin` is the kind of placing by which pair images are kept apart, for example `near_level`.
    """

    left: int
    right: int
    dx: float
    dy: float
    distance: float
    distance_px: float
    bin: str


class Simultaneous(Document):
    """What both do at the same moment, told by the signals themselves; null = not known of both."""

    both_smile: bool | None
    both_mouth_open: bool | None


class Scale(Document):
    """Sizes of the two faces, `sqrt(area)` in pixels in the order left, right, and right divided by left."""

    face_px: tuple[float, float]
    ratio: float


class PairDetails(Document):
    """Additions to the pair metadata."""

    source_size_px: Size
    source_file: str | None = None
    in_highlight: bool = False
    models: Models


class Video(Document):
    """What was read. `source_name` is a file name without folders; `fps` the rate asked for, null = every frame."""

    video_id: str
    source_name: str | None
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
    quality_score: Unit
    condition: str | None
