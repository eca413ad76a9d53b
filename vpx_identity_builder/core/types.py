"""Values that flow through the builder, all frozen; boxes are `(x1, y1, x2, y2)` in source pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Image = NDArray[np.uint8]
"""Pixels `(h, w, 3)`, BGR."""
Box = tuple[float, float, float, float]
IntBox = tuple[int, int, int, int]


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
    usual `eye_open` over the video, see `eyes`; None where too little was seen of it. `eye_open_least`: the opening of
    the less open eye, None where not both were read; `eye_open` is that of the other where one is shut.
    """

    mouth_open: float | None = None
    eye_open: float | None = None
    smile: float | None = None
    happy_probability: float | None = None
    gaze_deg: float | None = None
    eye_usual: float | None = None
    eye_open_least: float | None = None


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


@dataclass(frozen=True, slots=True)
class ToldOcclusion:
    """What was told of how much of a face is covered; see `FaceSample` for ratio, parts and guess.

    `beside` is a digest of everything it was told by. With the same digest, the same is told again.
    """

    beside: bytes
    ratio: float | None
    covered: CoveredParts | None
    guess: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FaceSample:
    """One face in one frame, translated from other modules' observations.

    `e_id` is the Face-ID embedding (who), `e_vis_face` and `e_vis_body` the general vision embeddings (what is new):
    all `(dim,)` float32 unit vectors or None. `frame_size_px` is (width, height). `appearance` `(cells, channels + 1)`
    float32 shows what each part of the face looks like, see `occlusion`; `covered` is known where that told the ratio
    or makes a cover likely. `occlusion_guess` is the share that is likely where the ratio is unknown, None
    where nobody looked. `told` is what told these three, or what an earlier run told.
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
    told: ToldOcclusion | None = None


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
