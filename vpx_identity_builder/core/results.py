"""What a run publishes, all frozen: images, sets, persons, and the outcome of the video."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count, filterfalse

from .types import Buckets, Candidate, FaceSample, GateResult, IntBox, Vector

NOT_ASKED = GateResult(())
"""No gate was asked."""


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
    strict: GateResult = NOT_ASKED
    loose: GateResult = NOT_ASKED


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


PairFace = tuple[FaceSample, Buckets]
"""One of two faces in a frame, with its bins."""


@dataclass(frozen=True, slots=True, eq=False)
class PairCandidate:
    """Two faces of one frame with the encoded crop that holds both heads; `first` is the image-left one."""

    first: Candidate
    second: Candidate
    crop_box: IntBox
    image: bytes
    overlap: float

    @property
    def faces(self) -> tuple[PairFace, PairFace]:
        """Both faces with their bins, the image-left one first."""
        return (self.first.sample, self.first.buckets), (self.second.sample, self.second.buckets)


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


def person_ids(taken: Collection[int]) -> Iterator[int]:
    """Numbers for published people, from 0 on, without those that are taken for good."""
    return filterfalse(taken.__contains__, count())


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
