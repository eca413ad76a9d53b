"""The parts of documents that describe one image (`schema.py`)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vpx_identity_builder.schema_base import Cosine, Document, IntBox, Models, Size, Unit


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
    eye_open_least: float | None = None


class Cues(Document):
    """Constraint cues for a generator: what this image shows about the person, and what not to learn from it."""

    condition: str
    shows: str
    avoid: list[str]


class ImageDetails(Document):
    """Additions to the image metadata.

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
    extra_bins: dict[str, str] = Field(default={})
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
