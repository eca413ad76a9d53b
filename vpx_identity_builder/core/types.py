"""Values that flow through the builder, all frozen; boxes are `(x1, y1, x2, y2)` in source pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Box = tuple[float, float, float, float]
IntBox = tuple[int, int, int, int]


class SetName(StrEnum):
    """The three sets of the design document, §8."""

    ANCHOR = "anchor"
    COVERAGE = "coverage"
    CHALLENGE = "challenge"


class StopReason(StrEnum):
    """Why a run ended (§9)."""

    COVERAGE_SATISFIED = "coverage_satisfied"
    END_OF_VIDEO = "end_of_video"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Pose:
    """Head pose, None = unknown: yaw > 0 = towards the image's right, pitch > 0 = up, roll > 0 = clockwise.

    `pitch_source` names the module that gave the pitch: its sign may turn out reversed when the video ends.
    """

    yaw_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None
    pitch_source: str | None = None


@dataclass(frozen=True, slots=True)
class ExpressionSignals:
    """Openings and smile in 0..1 (§5), None = unknown; `happy_probability` stands in for a missing smile only.

    `gaze_deg`: where the eyes look, sideways against the head, > 0 towards the image's right. `eye_usual`: the person's
    usual `eye_open` over the video, see `eyes`; None where too little was seen of it.
    """

    mouth_open: float | None = None
    eye_open: float | None = None
    smile: float | None = None
    happy_probability: float | None = None
    gaze_deg: float | None = None
    eye_usual: float | None = None


@dataclass(frozen=True, slots=True)
class FaceMeasures:
    """What the pixels of one face say, measured on the face itself and not on the frame. None = not measurable.

    `brightness` is the mean grey level (0..255) of the face box, `crop_brightness` that of a crop around it.
    `edge_margin`: distance of the face box to the nearest frame edge, in face sizes. `alignment_error`: misfit of the
    five landmarks in eye distances, beyond what the head's turn explains.
    """

    face_px: float
    area_share: float
    sharpness: float | None = None
    brightness: float | None = None
    clipped_share: float | None = None
    alignment_error: float | None = None
    edge_margin: float | None = None
    crop_brightness: float | None = None

    @property
    def lighting_level(self) -> float | None:
        """What the lighting bin is told by (§5): the whole crop, or the face where only that was measured."""
        return self.brightness if self.crop_brightness is None else self.crop_brightness


@dataclass(frozen=True, slots=True)
class CoveredParts:
    """How surely something lies over the eyes and over the mouth, 0..1: the most covered place of each."""

    eyes: float
    mouth: float


@dataclass(frozen=True, slots=True, eq=False)
class FaceSample:
    """One face in one frame, translated from other modules' observations.

    `e_id` is the Face-ID embedding (who), `e_vis_face` and `e_vis_body` the general vision embeddings (what is new):
    all `(dim,)` float32 unit vectors or None. `frame_size_px` is (width, height). `appearance` `(cells, channels + 1)`
    float32 shows what each part of the face looks like, see `occlusion`; `covered` is known where that told the ratio
    or makes a cover likely. `occlusion_guess` is the share that is likely where the ratio is unknown, None
    where nobody looked.
    `extra_bins`: (axis, label) of axes that plugins add, each axis once. `in_highlight`: the moment is one that wins
    among images of equal quality (§15).
    """

    t_ns: int
    frame_idx: int
    frame_size_px: tuple[int, int]
    bbox: Box
    confidence: float
    measures: FaceMeasures
    face_id: int | None = None
    pose: Pose = Pose()
    expression: ExpressionSignals = ExpressionSignals()
    occlusion_ratio: float | None = None
    covered: CoveredParts | None = None
    e_id: Vector | None = None
    e_vis_face: Vector | None = None
    e_vis_body: Vector | None = None
    appearance: NDArray[np.float32] | None = None
    extra_bins: tuple[tuple[str, str], ...] = ()
    in_highlight: bool = False
    occlusion_guess: float | None = None


@dataclass(frozen=True, slots=True)
class Buckets:
    """The bins of one face (§5), as written into metadata. `unknown` fills nothing."""

    yaw: str
    pitch: str
    expression: str
    occlusion: str
    lighting: str


@dataclass(frozen=True, slots=True)
class Check:
    """One component of a gate: what was measured, the limit, and whether it held. An unknown value (None) passes."""

    name: str
    value: float | None
    limit: float
    passed: bool


@dataclass(frozen=True, slots=True)
class GateResult:
    """Outcome of a gate (strict or loose), component by component."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """True when every component passed."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the components that did not pass."""
        return tuple(check.name for check in self.checks if not check.passed)


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A face whose crop is kept while the video runs; `image` is the encoded crop of `crop_box`."""

    sample: FaceSample
    buckets: Buckets
    crop_box: IntBox
    image: bytes
    novelty: float

    @property
    def key(self) -> tuple[int, Box]:
        """Identity of the candidate within a run: its time and box."""
        return (self.sample.t_ns, self.sample.bbox)


@dataclass(frozen=True, slots=True, eq=False)
class ChosenImage:
    """One image of a published set. `name` is the file stem of §2; `condition` is set for challenge images."""

    set_name: SetName
    name: str
    candidate: Candidate
    quality: float
    novelty: float
    stability: float
    condition: str | None = None
    strict: GateResult = GateResult(())
    loose: GateResult = GateResult(())


@dataclass(frozen=True, slots=True)
class AxisCoverage:
    """Bins filled on one axis, in bin order, and how many bins there are."""

    filled: tuple[str, ...]
    total: int

    def __str__(self) -> str:
        return f"{len(self.filled)}/{self.total}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Coverage of the three axes that the stop condition (§9) counts."""

    yaw: AxisCoverage
    pitch: AxisCoverage
    expression: AxisCoverage


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which conditions a person was seen: counts over its faces, of which one may count in several.

    `drifting`: off the person's prototype. `covered`: more than the strict gate allows.
    """

    faces: int = 0
    drifting: int = 0
    covered: int = 0
    drifting_or_covered: int = 0
    dark: int = 0

    def __add__(self, other: Conditions) -> Conditions:
        return Conditions(
            self.faces + other.faces,
            self.drifting + other.drifting,
            self.covered + other.covered,
            self.drifting_or_covered + other.drifting_or_covered,
            self.dark + other.dark,
        )


@dataclass(frozen=True, slots=True)
class Achieved:
    """What a choice of images is worth (`objective`), and what no choice within the caps can exceed."""

    value: float
    bound: float

    @property
    def share(self) -> float:
        """Value of bound, 0..1; 1 where there was nothing to choose."""
        return min(1.0, self.value / self.bound) if self.bound > 0 else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class PersonSet:
    """Everything published of one person. `notes` are sentences on what is missing and why."""

    person_id: int
    track_score: float
    frames_seen: int
    first_t_ns: int
    last_t_ns: int
    prototype: Vector
    prototype_source: str
    prototype_size: int
    soft: bool
    coverage: Coverage
    stop_reason: StopReason
    anchors: tuple[ChosenImage, ...]
    coverage_images: tuple[ChosenImage, ...]
    challenge: tuple[ChosenImage, ...]
    notes: tuple[str, ...] = ()
    conditions: Conditions = Conditions()
    objective: Achieved = Achieved(0.0, 0.0)

    @property
    def images(self) -> tuple[ChosenImage, ...]:
        """All images, anchors first, then coverage, then challenge."""
        return (*self.anchors, *self.coverage_images, *self.challenge)


@dataclass(frozen=True, slots=True)
class UnpublishedPerson:
    """Somebody who was seen but is not published, with the reason. Carries no biometrics."""

    reason: str
    frames_seen: int
    track_score: float
    first_t_ns: int
    last_t_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class PairCandidate:
    """Two faces of one frame with the encoded crop that holds both heads; `first` is the image-left one."""

    first: Candidate
    second: Candidate
    crop_box: IntBox
    image: bytes
    overlap: float


@dataclass(frozen=True, slots=True, eq=False)
class PairImage:
    """One published two-person image (§12).

    `person_ids`, `qualities`, `stability`, `strict` and `loose` are those of `candidate.first` and `candidate.second`.
    """

    name: str
    candidate: PairCandidate
    person_ids: tuple[int, int]
    qualities: tuple[float, float]
    stability: tuple[float, float]
    novelty: float
    strict: tuple[GateResult, GateResult]
    loose: tuple[GateResult, GateResult]


@dataclass(frozen=True, slots=True)
class ModelNames:
    """Names of the models that produced a run's embeddings; None = never seen in this run."""

    face_id: str | None = None
    vision_face: str | None = None
    vision_body: str | None = None
    vision_calibrated: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """The outcome of one video. `fates` counts per reason code what became of every face; `faults` counts bad input.

    `notes` are sentences on what the run as a whole lacks.
    """

    persons: tuple[PersonSet, ...]
    pair: tuple[PairImage, ...]
    unpublished: tuple[UnpublishedPerson, ...]
    stop_reason: StopReason
    models: ModelNames
    frames: int
    frames_with_faces: int
    first_t_ns: int | None
    last_t_ns: int | None
    fates: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
