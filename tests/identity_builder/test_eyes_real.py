"""Filmed faces: open mouths are no smiles, and lids that are down make no anchors. Skipped without the videos."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from visualbase import FileSource, sample
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.face_expression import ExpressionAnalyzer
from vpx.sdk.weights import WeightsError

from vpx_identity_builder.builder import IdentitySetBuilder
from vpx_identity_builder.core.buckets import MOUTH_OPEN_FROM, SMILE_FROM
from vpx_identity_builder.core.eyes import half_closed
from vpx_identity_builder.core.results import StopReason
from vpx_identity_builder.core.types import FaceSample
from vpx_identity_builder.observations import to_samples

pytestmark = pytest.mark.real

DATA = Path(os.environ.get("IDENTITY_TEST_DATA") or Path(__file__).resolve().parents[2].parent / "shared" / "data")
FPS = 5


def faces_of(name: str, spans: list[tuple[float, float]]) -> Iterator[tuple[float, FaceSample]]:
    """(seconds, largest face) at five frames per second within these seconds of a video."""
    path = DATA / "videos" / name
    if not path.is_file():
        pytest.skip(f"no video at {path}; set IDENTITY_TEST_DATA")
    detector, expression = FaceDetectionAnalyzer(), ExpressionAnalyzer()
    try:
        detector.initialize()
        expression.initialize()
    except WeightsError as error:
        pytest.skip(str(error))
    with FileSource(path) as source:
        for frame in sample(source, FPS):
            seconds = frame.t_src_ns / 1e9
            if not any(start <= seconds <= end for start, end in spans):
                continue
            deps = {"face.detect": detector.process(frame)}
            deps["face.expression"] = expression.process(frame, deps)
            found = to_samples(frame, deps, frame_idx=frame.frame_id, t_ns=frame.t_src_ns).samples
            if found:
                yield seconds, max(found, key=lambda face: face.measures.face_px)


def test_a_wide_open_mouth_is_no_smile() -> None:
    """A man who tells something with wide gestures of his mouth, never smiling."""
    signals = [face.expression for _, face in faces_of("carphone.mp4", [(0.0, 4.0)])]
    assert len(signals) >= 15
    assert sum((s.mouth_open or 0.0) >= MOUTH_OPEN_FROM for s in signals) >= 3
    assert [s.smile for s in signals if (s.smile or 0.0) >= SMILE_FROM] == []


def test_anchors_are_taken_while_the_eyes_are_open() -> None:
    """She looks down and cries for two seconds, and laughs with open eyes later."""
    builder = IdentitySetBuilder()
    for seconds, face in faces_of("hand_over_mouth.mp4", [(0.0, 2.3), (9.8, 15.6)]):
        builder.add(round(seconds * 1e9), [face], lambda _: b"picture")
    person = builder.finish(StopReason.END_OF_VIDEO).persons[0]
    eyes = [image.candidate.sample.expression for image in person.anchors]
    assert len(eyes) >= 3
    assert all(signals.eye_usual is not None and not half_closed(signals) for signals in eyes)
    assert min(image.candidate.sample.t_ns for image in person.anchors) > 9e9
