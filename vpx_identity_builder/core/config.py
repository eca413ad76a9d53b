"""Every threshold of the builder in one home: default, range, unit and reason; and the rows of Face-ID models."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any


def setting(default: float | int | bool | None, low: float, high: float, unit: str, why: str) -> Any:
    """A dataclass field with its default, range, unit and reason, as `setting_fields` finds them."""
    return field(default=default, metadata={"low": low, "high": high, "unit": unit, "why": why})


@dataclass(frozen=True, slots=True)
class GateConfig:
    """Quality gates (contract §11; §6, §14 of the design document)."""

    strict_confidence: float = setting(0.7, 0, 1, "score", "strict gate: detector confidence")
    loose_confidence: float = setting(0.5, 0, 1, "score", "loose gate: detector confidence")
    strict_area_share: float = setting(0.01, 0, 1, "share of frame", "strict gate: face area")
    strict_face_px: float = setting(48, 8, 4096, "px", "strict gate: shorter side of the face box")
    loose_face_px: float = setting(32, 8, 4096, "px", "loose gate: below this a face holds too little detail")
    exposure_low: float = setting(40, 0, 255, "grey level", "strict gate: mean brightness of the face")
    exposure_high: float = setting(220, 0, 255, "grey level", "strict gate: mean brightness of the face")
    strict_clipped: float = setting(0.3, 0, 1, "share of face", "strict gate: blown or crushed part of the face box")
    loose_clipped: float = setting(0.5, 0, 1, "share of face", "loose gate: blown or crushed part of the face box")
    strict_edge_margin: float = setting(0.02, -1, 5, "face sizes", "strict gate: the whole face inside the frame")
    loose_edge_margin: float = setting(0.005, -1, 5, "face sizes", "loose gate: no face is cut by the frame")
    strict_occlusion: float = setting(0.3, 0, 1, "share of face", "strict gate: covered part of the face")
    loose_occlusion: float = setting(0.5, 0, 1, "share of face", "loose gate: covered part of the face")
    sharpness_floor: float = setting(20.0, 0, 1e6, "sharpness", "below this no face is usable, however soft the video")
    sharpness_good: float = setting(160.0, 0, 1e6, "sharpness", "a person whose median is below this is marked soft")
    strict_sharpness_ratio: float = setting(
        0.7, 0, 2, "of the person's median", "strict gate; the loose gate asks half of it"
    )
    strict_roll_deg: float = setting(25, 0, 180, "degrees", "strict gate: rolled faces align badly")
    loose_roll_deg: float = setting(40, 0, 180, "degrees", "loose gate: rolled faces align badly")
    strict_alignment_error: float = setting(0.15, 0, 10, "eye distances", "strict gate: misfit of the five landmarks")
    loose_alignment_error: float = setting(0.25, 0, 10, "eye distances", "loose gate: misfit of the five landmarks")


@dataclass(frozen=True, slots=True)
class TrackConfig:
    """Tracklets (§6: the short-term layer)."""

    track_gap_ms: float = setting(2000, 0, 10_000, "ms", "a tracklet is bridged by motion over gaps up to this")
    track_reach: float = setting(0.8, 0.1, 5, "face sizes", "how far a face may jump between frames")
    track_reach_growth: float = setting(0.8, 0, 10, "face sizes per second", "added reach while a face is missing")
    smoothing_alpha: float = setting(0.4, 0.05, 1, "weight", "EMA weight of a new box (0.3 to 0.5 is usual)")
    smoothing_gap_ms: float = setting(1000, 0, 10_000, "ms", "smoothing restarts after a gap longer than this")
    smoothing_iou: float = setting(0.3, 0, 1, "IoU", "smoothing restarts when the box jumps")
    split_after: int = setting(3, 1, 50, "trusted frames", "an identity jump that stays this long splits a tracklet")
    trusted_yaw_deg: float = setting(35, 0, 90, "degrees", "beyond this Face-ID is not trusted to tell a jump")
    trusted_pitch_deg: float = setting(30, 0, 90, "degrees", "beyond this Face-ID is not trusted to tell a jump")
    reservoir_size: int = setting(64, 3, 4096, "embeddings", "kept per tracklet and person for the prototype")


@dataclass(frozen=True, slots=True)
class PersonConfig:
    """Persons (§4, §6: the long-term layer)."""

    max_persons: int = setting(2, 1, 16, "persons", "how many are published")
    max_tracked: int = setting(16, 2, 256, "persons", "how many are kept in memory while the video runs")
    min_frames: int = setting(3, 1, 100_000, "frames", "fewer sightings than this are nobody")
    min_presence: float = setting(
        0.3, 0, 1, "of the most present person's frames", "a passer-by is nobody's second rider"
    )
    min_presence_loose: float = setting(
        0.6,
        0,
        1,
        "of the most present person's frames",
        "the same for who is known loosely only or never fit for an anchor; for both: 0.9",
    )
    min_track_score: float = setting(0.2, 0, 1, "track_score", "a far, fleeting face is not a rider")
    prototype_min_strict: int = setting(3, 1, 1000, "frames", "fewer strict frames: fall back to loose ones, marked")
    face_size_full: float = setting(0.35, 0.01, 1, "sqrt of frame area", "a face this large scores 1 in track_score")


@dataclass(frozen=True, slots=True)
class SelectionConfig:
    """The three sets (§8)."""

    anchors_max: int = setting(5, 1, 50, "images", "at most this many anchors")
    anchors_min: int = setting(3, 1, 50, "images", "fewer are explained, never padded; a run stops only from here on")
    anchor_yaw_deg: float = setting(15, 0, 45, "degrees", "anchors are frontal")
    anchor_pitch_deg: float = setting(20, 0, 45, "degrees", "anchors are frontal")
    anchor_roll_deg: float = setting(15, 0, 45, "degrees", "anchors are upright")
    anchor_occlusion: float = setting(0.1, 0, 1, "share of face", "anchors are unoccluded")
    anchor_gap_ms: float = setting(500, 0, 60_000, "ms", "closer anchors are one moment")
    bucket_images: int = setting(2, 1, 10, "images", "at most this many coverage images per bucket")
    challenge_max: int = setting(8, 1, 50, "images", "at most this many challenge images")
    challenge_min: int = setting(5, 1, 50, "images", "fewer challenge images are explained, never padded")
    challenge_yaw_deg: float = setting(30, 0, 90, "degrees", "extreme yaw starts here")
    challenge_gap_ms: float = setting(500, 0, 60_000, "ms", "closer challenge images are one moment")
    dark_level: float = setting(60, 0, 255, "grey level", "a crop whose mean is below this is dark")
    bright_level: float = setting(200, 0, 255, "grey level", "a crop whose mean is above this is overexposed")
    dark_of_median: float = setting(0.75, 0, 1, "of the person's median", "dark is a condition, not a skin tone")
    bright_of_median: float = setting(1.2, 1, 10, "of the person's median", "bright is a condition, not a skin tone")
    pair_max: int = setting(8, 0, 50, "images", "pair images when two are published; 0: none")
    pair_min: int = setting(3, 0, 50, "images", "fewer pair images than this are explained, never padded")
    pair_overlap: float = setting(0.05, 0, 1, "IoU", "mutual occlusion above this spoils a pair image")
    crop_scale: float = setting(2.4, 1.2, 6, "face sizes", "side of the head-and-shoulders crop")


@dataclass(frozen=True, slots=True)
class StopConfig:
    """When to stop (§9)."""

    stop_when_covered: bool = setting(True, 0, 1, "switch", "off: read the whole video")
    stop_yaw: int = setting(6, 1, 7, "of 7 bins", "yaw bins that must be filled before a run stops early")
    stop_pitch: int = setting(4, 1, 5, "of 5 bins", "pitch bins that must be filled before a run stops early")
    stop_expression: int = setting(3, 1, 4, "of 4 bins", "expressions that must be filled before a run stops early")
    novelty_window: int = setting(20, 1, 10_000, "frames", "the mean novelty that ends a run looks back this far")


@dataclass(frozen=True, slots=True)
class FaceIdModel:
    """Thresholds of one Face-ID model on its own similarity scale, and where they were calibrated.

    `tau_id`: a frame is this person (§6). `tau_merge`: two tracklets are one person. `tau_split`: below this a trusted
    frame contradicts its tracklet.
    """

    name: str
    dim: int
    tau_id: float
    tau_merge: float
    tau_split: float
    origin: str


FACE_ID_MODELS = (
    FaceIdModel("arcface-512", 512, 0.35, 0.45, 0.2, "design document §6 (tau_id 0.3-0.4)"),
    FaceIdModel(
        "dlib-resnet-128", 128, 0.925, 0.935, 0.91, "docs/calibration.md: 15 people; FMR 1e-3 of pairs at .905-.916"
    ),
)


@dataclass(frozen=True, slots=True)
class NoveltyScale:
    """Cosine distances: from `threshold` on an image counts as new, below `plateau` nothing new comes (§9)."""

    threshold: float
    plateau: float
    calibrated: bool = True


UNCALIBRATED_NOVELTY = NoveltyScale(threshold=0.2, plateau=0.08, calibrated=False)


@dataclass(frozen=True, slots=True)
class Config:
    """All groups of settings together. Keys are unique across the groups."""

    gates: GateConfig = GateConfig()
    tracks: TrackConfig = TrackConfig()
    persons: PersonConfig = PersonConfig()
    selection: SelectionConfig = SelectionConfig()
    stop: StopConfig = StopConfig()


GROUPS: dict[str, type[Any]] = {
    "gates": GateConfig,
    "tracks": TrackConfig,
    "persons": PersonConfig,
    "selection": SelectionConfig,
    "stop": StopConfig,
}


def setting_fields() -> dict[str, tuple[str, Field[Any]]]:
    """Key → (group, field) of every setting, in order of appearance."""
    return {item.name: (group, item) for group, cls in GROUPS.items() for item in fields(cls)}
