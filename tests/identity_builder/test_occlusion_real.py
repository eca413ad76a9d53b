"""A hand over a real face is told from the same face without it, at the one fixed limit. Skipped without the video."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from visualbase import FileSource
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.sdk.weights import WeightsError

from vpx_identity_builder.core.buckets import readable
from vpx_identity_builder.core.gallery import Gallery
from vpx_identity_builder.core.occlusion import PARTIAL, judged
from vpx_identity_builder.core.types import ExpressionSignals, FaceSample
from vpx_identity_builder.observations import to_samples

pytestmark = pytest.mark.real

DATA = Path(os.environ.get("IDENTITY_TEST_DATA") or Path(__file__).resolve().parents[2].parent / "shared" / "data")
HAND_S, MARGIN_S, STEP_NS = (2.5, 9.4), 0.3, 250_000_000


def samples_of(path: Path) -> list[FaceSample]:
    detector = FaceDetectionAnalyzer(embed=False)
    try:
        detector.initialize()
    except WeightsError as error:
        pytest.skip(str(error))
    source, due, samples = FileSource(path), 0, list[FaceSample]()
    source.open()
    while (t_ns := source.grab()) is not None:
        if t_ns >= due:
            frame, due = source.retrieve(), t_ns + STEP_NS
            deps = {"face.detect": detector.process(frame)}
            samples += to_samples(frame, deps, frame_idx=len(samples), t_ns=t_ns).samples[:1]
    source.close()
    return samples


@pytest.fixture(scope="module")
def clip() -> tuple[list[FaceSample], Gallery]:
    path = DATA / "videos" / "hand_over_mouth.mp4"
    if not path.is_file():
        pytest.skip(f"the test video is not at {path}; set IDENTITY_TEST_DATA")
    samples, gallery = samples_of(path), Gallery()
    for sample in samples:
        gallery = gallery.add(sample)
    return samples, gallery


def test_no_mouth_is_read_under_the_hand_and_every_mouth_without_it(clip: tuple[list[FaceSample], Gallery]) -> None:
    samples, gallery = clip
    read: dict[bool, list[bool]] = {True: [], False: []}
    for sample in samples:
        laughing = replace(sample, expression=ExpressionSignals(mouth_open=0.1, eye_open=1.0, smile=0.9))
        face, t_s = judged(laughing, gallery), sample.t_ns / 1e9
        if face.occlusion_ratio is not None and min(abs(t_s - HAND_S[0]), abs(t_s - HAND_S[1])) > MARGIN_S:
            read[HAND_S[0] < t_s < HAND_S[1]].append(readable(face).smile is not None)
    assert np.mean(read[True]) <= 0.05
    assert np.mean(read[False]) >= 0.98


def test_a_hand_over_the_mouth_is_told_from_the_clear_face(clip: tuple[list[FaceSample], Gallery]) -> None:
    samples, gallery = clip
    hand, clear = [], []
    for sample in samples:
        ratio, t_s = judged(sample, gallery).occlusion_ratio, sample.t_ns / 1e9
        if ratio is not None and min(abs(t_s - HAND_S[0]), abs(t_s - HAND_S[1])) > MARGIN_S:
            (hand if HAND_S[0] < t_s < HAND_S[1] else clear).append(ratio)
    assert len(hand) + len(clear) > 0.8 * len(samples)
    assert np.mean(np.array(hand) >= PARTIAL) >= 0.95
    assert np.mean(np.array(clear) >= PARTIAL) <= 0.02
