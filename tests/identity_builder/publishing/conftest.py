"""Made-up results for everything that writes: real small images, plausible values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from vpx_identity_builder.core.results import (
    AxisCoverage,
    ChosenImage,
    Coverage,
    ModelNames,
    PairCandidate,
    PairImage,
    PersonSet,
    RunResult,
    SetName,
    StopReason,
    UnpublishedPerson,
)
from vpx_identity_builder.core.types import Buckets, Candidate, Check, FaceMeasures, FaceSample, GateResult, Pose
from vpx_identity_builder.documents import RunContext

CONTENT = "0123456789abcdef" * 4
LOOSE = GateResult((Check("confidence", 0.95, 0.5, True), Check("roll", None, 40.0, True)))
STRICT = GateResult((Check("confidence", 0.95, 0.7, True), Check("sharpness", 40.0, 42.0, False)))


def encoded_picture(shade: int, suffix: str = ".jpg", size_px: int = 64) -> bytes:
    """A grey oval on a dark ground as JPEG or PNG bytes."""
    picture = np.full((size_px, size_px, 3), 40, np.uint8)
    cv2.ellipse(picture, (size_px // 2, size_px // 2), (size_px // 4, size_px // 3), 0, 0, 360, (shade,) * 3, -1)
    done, data = cv2.imencode(suffix, picture)
    if not done:
        raise RuntimeError("cannot encode the test picture")
    return data.tobytes()


def made_candidate(frame: int, buckets: Buckets, left: float = 120.4, data: bytes | None = None) -> Candidate:
    sample = FaceSample(
        t_ns=frame * 33_333_333,
        frame_idx=frame,
        frame_size_px=(1280, 720),
        bbox=(left, 80.0, left + 200, 380.6),
        confidence=0.97,
        measures=FaceMeasures(face_px=200.0, area_share=0.07, sharpness=55.0, brightness=float("nan")),
        face_id=1,
        pose=Pose(2.0, -1.0, None),
    )
    image = encoded_picture(120 + frame % 100) if data is None else data
    return Candidate(sample, buckets, (100, 60, 340, 400), image, 0.45)


def made_person(person_id: int) -> PersonSet:
    def chosen(set_name: SetName, name: str, frame: int, buckets: Buckets, condition: str | None = None) -> ChosenImage:
        candidate = made_candidate(frame, buckets, 120.4 + 500 * person_id)
        return ChosenImage(set_name, name, candidate, 0.92, 0.45, 0.88, condition, STRICT, LOOSE)

    front = Buckets("[-5,5]", "neutral", "smile", "none", "normal")
    side = Buckets("[15,30]", "slight-up", "mouth_open", "none", "normal")
    dark = Buckets(">45", "down", "unknown", "unknown", "dark")
    return PersonSet(
        person_id=person_id,
        track_score=0.85,
        frames_seen=300,
        first_t_ns=0,
        last_t_ns=41_133_333_333,
        prototype=np.eye(1, 128, dtype=np.float32)[0],
        prototype_source="strict",
        prototype_size=64,
        soft=person_id == 1,
        coverage=Coverage(
            AxisCoverage(("[-5,5]", "[15,30]"), 7),
            AxisCoverage(("neutral", "slight-up"), 5),
            AxisCoverage(("smile", "mouth_open"), 4),
        ),
        stop_reason=StopReason.COVERAGE_SATISFIED,
        anchors=tuple(chosen(SetName.ANCHOR, f"anchor_{n:03d}", 1200 + n, front) for n in (1, 2)),
        coverage_images=(
            chosen(SetName.COVERAGE, "cov_yaw0_pitch0_smile", 40, front),
            chosen(SetName.COVERAGE, "cov_yaw30_pitch15_mouth_open", 41, side),
        ),
        challenge=(chosen(SetName.CHALLENGE, "chal_dark_001", 77, dark, "dark"),),
        notes=("1 of at least 5 challenge images: <no> more dark moments",),
    )


def _pair_image(pair: PairCandidate) -> PairImage:
    return PairImage("pair_001", pair, (0, 1), (0.8, 0.85), (0.9, 0.91), 1.0, (LOOSE, LOOSE), (LOOSE, LOOSE))


def made_result(persons: int = 2) -> RunResult:
    front = Buckets("[-5,5]", "neutral", "smile", "none", "normal")
    left, right = made_candidate(50, front), made_candidate(50, front, 620.4)
    pair = PairCandidate(left, right, (0, 0, 1280, 720), encoded_picture(90), 0.0)
    return RunResult(
        persons=tuple(made_person(number) for number in range(persons)),
        pair=(_pair_image(pair),) if persons == 2 else (),
        unpublished=(UnpublishedPerson("too_brief", 4, 0.21, 5_000_000_000, 5_400_000_000),),
        stop_reason=StopReason.COVERAGE_SATISFIED if persons else StopReason.END_OF_VIDEO,
        models=ModelNames("dlib-resnet-128", "dinov2-vits14-v1", None),
        frames=1235,
        frames_with_faces=600,
        first_t_ns=0,
        last_t_ns=41_133_333_333,
        fates={"saved": 12, "not_novel": 588},
        faults={"nan_embedding": 1},
    )


@pytest.fixture
def context() -> RunContext:
    return RunContext(
        video_id="ride",
        app_version="0.1.0",
        created_at="2026-05-04T10:11:12Z",
        source_name="ride.mp4",
        content_sha256=CONTENT,
        fps=10.0,
        source_fps=29.97,
        settings={"anchors_max": 4},
    )


@pytest.fixture
def result_of() -> Callable[[int], RunResult]:
    """A result with so many persons."""
    return made_result


@pytest.fixture
def person() -> PersonSet:
    return made_person(0)


@pytest.fixture
def bad_quality() -> PersonSet:
    """A person one of whose images has no finite quality."""
    person = made_person(0)
    return replace(person, anchors=(replace(person.anchors[0], quality=float("nan")),))
