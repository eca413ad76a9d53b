"""Which crops are embedded, which carry an earlier vector, and what that must never mix up."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from visualbase import Frame
from vpx.sdk import Observation

from vpx_vision_embed import BackendError, VisionEmbedAnalyzer
from vpx_vision_embed.prefilter import Prefilter, PrefilterRules, difference, sharpness, signature_of
from vpx_vision_embed.types import REASONS

STEP_NS = 100_000_000
BOX = (100.0, 80.0, 160.0, 160.0)
RULES = PrefilterRules(unchanged_below=0.015)


def picture(seed: int, side: int = 120) -> NDArray[np.uint8]:
    """Smooth random blobs: what differs between two seeds survives averaging."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def noisy(image: NDArray[np.uint8], seed: int = 1) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, 4, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def test_noise_is_no_change_and_another_picture_is() -> None:
    first = signature_of(picture(0))

    assert difference(first, first) == 0.0
    assert difference(first, signature_of(noisy(picture(0)))) < RULES.unchanged_below
    assert difference(first, signature_of(picture(1))) > 0.1


def test_an_unchanged_crop_shares_the_slot_of_the_embedded_one() -> None:
    prefilter = Prefilter(RULES)
    first = prefilter.face(0, BOX, picture(0), 0)
    second = prefilter.face(0, BOX, noisy(picture(0)), STEP_NS)
    third = prefilter.face(0, BOX, picture(1), 2 * STEP_NS)

    assert (first.reason, second.reason, third.reason) == (None, "unchanged", None)
    assert second.slot is first.slot
    assert third.slot is not first.slot


def test_slow_change_is_seen_because_the_embedded_crop_is_the_reference() -> None:
    prefilter = Prefilter(RULES)
    start, end = picture(0).astype(np.float32), picture(1).astype(np.float32)
    mixes = [(start + (end - start) * share).astype(np.uint8) for share in np.linspace(0, 1, 101)]

    steps = [difference(signature_of(a), signature_of(b)) for a, b in pairwise(mixes)]
    fresh = [prefilter.face(0, BOX, mix, i * STEP_NS).reason is None for i, mix in enumerate(mixes)]

    assert max(steps) < RULES.unchanged_below
    assert 5 < sum(fresh) < 60


@pytest.mark.parametrize(
    ("box", "t_ns"),
    [(BOX, 1_200_000_000), (BOX, -STEP_NS), ((400.0, 80.0, 460.0, 160.0), STEP_NS)],
    ids=["gap", "time backwards", "jump"],
)
def test_a_track_that_starts_anew_carries_nothing_over(box: tuple[float, float, float, float], t_ns: int) -> None:
    prefilter = Prefilter(RULES)
    first = prefilter.face(0, BOX, picture(0), 0)
    second = prefilter.face(0, box, picture(0), t_ns)

    assert second.reason is None
    assert second.slot is not first.slot


def test_faces_without_a_track_are_always_embedded() -> None:
    prefilter = Prefilter(RULES)

    assert [prefilter.face(None, BOX, picture(0), i * STEP_NS).reason for i in range(3)] == [None] * 3


def test_people_never_share_a_vector() -> None:
    prefilter = Prefilter(RULES)
    first = prefilter.face(0, BOX, picture(0), 0)
    other = prefilter.face(1, (300.0, 80.0, 360.0, 160.0), picture(0), 0)
    again = prefilter.face(1, (300.0, 80.0, 360.0, 160.0), picture(0), STEP_NS)

    assert other.reason is None
    assert again.slot is other.slot
    assert again.slot is not first.slot


def test_an_embedding_is_refreshed_after_a_while() -> None:
    prefilter = Prefilter(PrefilterRules(unchanged_below=0.015, refresh_s=0.5))

    fresh = [prefilter.face(0, BOX, picture(0), i * STEP_NS).reason is None for i in range(11)]

    assert [i for i, is_fresh in enumerate(fresh) if is_fresh] == [0, 5, 10]


def test_the_rate_of_one_face_is_capped() -> None:
    prefilter = Prefilter(PrefilterRules(max_rate_hz=5.0))

    reasons = [prefilter.face(0, BOX, noisy(picture(0), i), i * 50_000_000).reason for i in range(9)]

    assert reasons == [None, *["rate_limited"] * 3, None, *["rate_limited"] * 3, None]


def test_whoever_appears_in_a_track_gets_no_vector_of_the_one_before_for_the_rates_sake() -> None:
    prefilter = Prefilter(PrefilterRules(unchanged_below=0.015, max_rate_hz=1.0))
    before = prefilter.face(0, BOX, picture(0), 0), prefilter.body(0, picture(2), 0)
    after_a_cut = prefilter.face(0, BOX, picture(1), 33_000_000), prefilter.body(0, picture(3), 33_000_000)

    for old, new in zip(before, after_a_cut, strict=True):
        assert new.reason is None
        assert new.slot is not old.slot


def test_frames_without_a_clock_are_not_rate_limited() -> None:
    prefilter = Prefilter(PrefilterRules(max_rate_hz=15.0))

    assert [prefilter.face(0, BOX, noisy(picture(0), i), 0).reason for i in range(3)] == [None] * 3


def test_a_face_blurred_beyond_use_gets_no_slot() -> None:
    prefilter = Prefilter(PrefilterRules(min_sharpness=8.0))
    sharp = noisy(picture(0))
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 12), np.uint8)

    assert sharpness(sharp) > 8.0 > sharpness(blurred)
    assert prefilter.face(0, BOX, sharp, 0).reason is None
    verdict = prefilter.face(0, BOX, blurred, STEP_NS)
    assert (verdict.slot, verdict.reason) == (None, "low_quality")


def test_memory_is_bounded() -> None:
    prefilter = Prefilter(RULES)
    for i in range(1000):
        prefilter.face(i, BOX, picture(0, 40), i)

    assert len(prefilter._tracks) <= 256


def still_video(fakes: Any, count: int = 6) -> tuple[list[Frame], list[dict[str, Observation] | None]]:
    """The same picture with two faces again and again, but for the fourth frame."""
    pixels = {False: cv2.resize(picture(0), (640, 360)), True: cv2.resize(picture(7), (640, 360))}
    frames = [Frame.from_array(pixels[i == 3], frame_id=i, t_src_ns=i * STEP_NS) for i in range(count)]
    faces = [((100, 80, 60, 80), 0), ((400, 100, 90, 100), 1)]
    tracked = [fakes.tracked((x / 640, y / 360, w / 640, h / 360), n) for (x, y, w, h), n in faces]
    deps = {"face.detect": fakes.observation("face.detect", fakes.face_data(faces=tracked))}
    return frames, [deps] * count


def test_an_unchanged_face_carries_its_last_vector_and_says_so(fake_model: str, fakes: Any) -> None:
    frames, deps = still_video(fakes)
    with VisionEmbedAnalyzer(min_sharpness=0.0) as module:
        found = [module.process(frame, dep) for frame, dep in zip(frames, deps, strict=True)]

    outputs = [obs.data.faces for obs in found if obs is not None]
    assert [[face.reason for face in faces] for faces in outputs] == [
        [None] * 2,
        ["unchanged"] * 2,
        ["unchanged"] * 2,
        [None] * 2,
        [None] * 2,
        ["unchanged"] * 2,
    ]
    for faces in outputs:
        for face in faces:
            assert face.embedded is face.body_embedded is (face.reason is None)
            assert face.reason is None or face.reason in REASONS
    for k in range(2):
        np.testing.assert_array_equal(outputs[1][k].e_face, outputs[0][k].e_face)
        np.testing.assert_array_equal(outputs[1][k].e_body, outputs[0][k].e_body)
        assert not np.array_equal(outputs[3][k].e_face, outputs[0][k].e_face)
    assert [obs.signals["faces_embedded"] for obs in found if obs is not None] == [2, 0, 0, 2, 2, 0]
    assert [obs.signals["bodies_embedded"] for obs in found if obs is not None] == [2, 0, 0, 2, 2, 0]


def test_a_batch_carries_vectors_as_frame_by_frame_does(fake_model: str, fakes: Any) -> None:
    frames, deps = still_video(fakes)
    with VisionEmbedAnalyzer(min_sharpness=0.0) as module:
        singles = [module.process(frame, dep) for frame, dep in zip(frames, deps, strict=True)]
    with VisionEmbedAnalyzer(min_sharpness=0.0) as module:
        batch = module.process_batch(frames[:2], deps[:2]) + module.process_batch(frames[2:], deps[2:])

    for one, other in zip(batch, singles, strict=True):
        assert one is not None
        assert other is not None
        assert one.signals == other.signals
        for a, b in zip(one.data.faces, other.data.faces, strict=True):
            assert a.reason == b.reason
            np.testing.assert_allclose(a.e_face, b.e_face, atol=1e-5)
            np.testing.assert_allclose(a.e_body, b.e_body, atol=1e-5)


def test_switched_off_every_frame_is_embedded(fake_model: str, fakes: Any) -> None:
    frames, deps = still_video(fakes)
    with VisionEmbedAnalyzer(unchanged_below=0.0, max_rate_hz=0.0, min_sharpness=0.0) as module:
        found = module.process_batch(frames, deps)

    assert all(face.embedded and face.body_embedded for obs in found if obs is not None for face in obs.data.faces)


def test_after_a_failed_inference_nothing_is_carried_over(fake_model: str, fakes: Any) -> None:
    frames, deps = still_video(fakes)
    with VisionEmbedAnalyzer(min_sharpness=0.0) as module:
        embedder = module._face
        assert embedder is not None
        working, embedder._backend = embedder._backend, FailingBackend()
        with pytest.raises(BackendError, match="out of memory"):
            module.process(frames[0], deps[0])
        embedder._backend = working
        after = module.process(frames[1], deps[1])

    assert after is not None
    assert [face.reason for face in after.data.faces] == [None, None]


def test_after_a_batch_that_broke_off_nothing_is_carried_over(fake_model: str, fakes: Any) -> None:
    frames, deps = still_video(fakes)
    with VisionEmbedAnalyzer(min_sharpness=0.0) as module:
        with pytest.raises(ValueError, match="shorter"):
            module.process_batch(frames[:2], deps[:1])
        after = module.process(frames[2], deps[2])

    assert after is not None
    assert [(face.reason, face.e_face is None) for face in after.data.faces] == [(None, False)] * 2


class FailingBackend:
    """A device that ran out of memory."""

    device = "cpu"

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        raise BackendError("out of memory")

    def close(self) -> None:
        return None
