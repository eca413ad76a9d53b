"""Asking for the embedding of a crop that carries an earlier one: the same vector as without the prefilter, or None."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from visualbase import Frame
from vpx.sdk import Observation

from vpx_vision_embed import BackendError, VisionEmbedAnalyzer, types
from vpx_vision_embed.embedder import VisionEmbedder
from vpx_vision_embed.late import HELD_FRAMES
from vpx_vision_embed.types import VisionEmbedOutput, own_embedding

STEP_NS = 100_000_000


@pytest.fixture
def module(fake_model: str) -> Iterator[VisionEmbedAnalyzer]:
    with VisionEmbedAnalyzer(min_sharpness=0.0) as analyzer:
        yield analyzer


def brightening(fakes: Any, count: int = 4) -> tuple[list[Frame], list[dict[str, Observation]]]:
    """A picture that grows a little brighter from frame to frame: too little to be embedded, and not nothing."""
    coarse = np.random.default_rng(3).integers(20, 200, (9, 16, 3), dtype=np.uint8)
    first = cv2.resize(coarse, (640, 360), interpolation=cv2.INTER_CUBIC)
    pictures = [np.asarray(first + np.array([i, 0, 0]), np.uint8) for i in range(count)]
    frames = [Frame.from_array(pixels, frame_id=i, t_src_ns=i * STEP_NS) for i, pixels in enumerate(pictures)]
    faces = [((100, 80, 60, 80), 0), ((400, 100, 90, 100), 1)]
    tracked = [fakes.tracked((x / 640, y / 360, w / 640, h / 360), n) for (x, y, w, h), n in faces]
    return frames, [{"face.detect": fakes.observation("face.detect", fakes.face_data(faces=tracked))}] * count


def said(module: VisionEmbedAnalyzer, frame: Frame, deps: dict[str, Observation]) -> VisionEmbedOutput:
    found = module.process(frame, deps)
    assert found is not None
    output = found.data
    assert isinstance(output, VisionEmbedOutput)
    return output


def test_it_is_what_would_have_been_embedded_and_the_output_stays(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    frames, deps = brightening(fakes)
    outputs = [said(module, frame, dep) for frame, dep in zip(frames, deps, strict=True)]
    with VisionEmbedAnalyzer(min_sharpness=0.0, unchanged_below=0.0, max_rate_hz=0.0) as every:
        wanted = [said(every, frame, dep) for frame, dep in zip(frames, deps, strict=True)]

    for output, other in zip(outputs[1:], wanted[1:], strict=True):
        for place, face in enumerate(output.faces):
            assert face.reason == "unchanged"
            own = own_embedding(output, place)
            assert own is not None
            assert (own.embedded, own.body_embedded, own.reason) == (True, True, None)
            assert (own.bbox, own.crop_box, own.body_box) == (face.bbox, face.crop_box, face.body_box)
            np.testing.assert_array_equal(own.e_face, other.faces[place].e_face)
            np.testing.assert_array_equal(own.e_body, other.faces[place].e_body)
            assert not np.array_equal(own.e_face, face.e_face)
            np.testing.assert_array_equal(face.e_face, outputs[0].faces[place].e_face)


def test_it_is_of_the_pixels_that_were_seen(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    frames, deps = brightening(fakes, 2)
    output = [said(module, frame, dep) for frame, dep in zip(frames, deps, strict=True)][1]
    frames[1].data[:] = 255

    own = own_embedding(output, 0)
    assert own is not None
    with VisionEmbedAnalyzer(min_sharpness=0.0) as other:
        again, deps = brightening(fakes, 2)
        np.testing.assert_array_equal(own.e_face, said(other, again[1], deps[1]).faces[0].e_face)


def test_nothing_is_computed_twice(module: VisionEmbedAnalyzer, fakes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    frames, deps = brightening(fakes, 2)
    output = [said(module, frame, dep) for frame, dep in zip(frames, deps, strict=True)][1]
    calls = []
    embed = VisionEmbedder.embed

    def counting(self: VisionEmbedder, crops: Any) -> NDArray[np.float32]:
        calls.append(len(crops))
        return embed(self, crops)

    monkeypatch.setattr(VisionEmbedder, "embed", counting)
    module._late.embed_face = module._late.embed_body = module._face.embed  # type: ignore[union-attr]
    first, second = own_embedding(output, 0), own_embedding(output, 0)

    assert calls == [1, 1]
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.e_face, second.e_face)


def test_of_an_embedded_face_there_is_no_other(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    frames, deps = brightening(fakes, 1)
    output = said(module, frames[0], deps[0])

    assert output.faces[0].embedded
    assert own_embedding(output, 0) is None
    assert own_embedding(None, 0) is None


def test_a_copy_or_another_place_has_none(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    frames, deps = brightening(fakes, 2)
    output = [said(module, frame, dep) for frame, dep in zip(frames, deps, strict=True)][1]

    assert own_embedding(replace(output), 0) is None
    assert own_embedding(fakes.json_like(output), 0) is None
    assert own_embedding(output, 2) is None
    assert own_embedding(output, 0) is not None


def test_pixels_are_held_for_some_frames_only(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    frames, deps = brightening(fakes, HELD_FRAMES + 2)
    outputs = [said(module, frame, dep) for frame, dep in zip(frames, deps, strict=True)]

    answers = [own_embedding(output, 0) is not None for output in outputs]
    assert answers == [False] * 2 + [True] * HELD_FRAMES


def test_a_whole_batch_and_the_one_before_can_be_asked_for(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    frames, deps = brightening(fakes, 9)
    found = [obs for k in (0, 3, 6) for obs in module.process_batch(frames[k : k + 3], deps[k : k + 3])]

    assert [own_embedding(obs.data, 1) is not None for obs in found if obs is not None] == [False] * 3 + [True] * 6


def test_of_batches_of_any_length_the_last_two_are_held(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    frames, deps = brightening(fakes, 9)
    found = [obs for a, b in ((0, 2), (2, 8), (8, 9)) for obs in module.process_batch(frames[a:b], deps[a:b])]

    assert [own_embedding(obs.data, 1) is not None for obs in found if obs is not None] == [False] * 2 + [True] * 7


def test_only_carried_crops_are_held(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    frames, deps = brightening(fakes, 2)
    for frame, dep in zip(frames, deps, strict=True):
        said(module, frame, dep)

    assert module._late is not None
    held = [face for batch in module._late._batches for frame_held in batch for face in frame_held.values()]
    assert len(held) == 2
    for face in held:
        for crop in (face.crop, face.body):
            assert crop is not None
            assert crop.image.size > 0
            assert not any(np.shares_memory(crop.image, frame.data) for frame in frames)


def test_after_release_there_is_none(fake_model: str, fakes: Any) -> None:
    frames, deps = brightening(fakes, 2)
    module = VisionEmbedAnalyzer(min_sharpness=0.0)
    module.initialize()
    output = [said(module, frame, dep) for frame, dep in zip(frames, deps, strict=True)][1]
    module.reset()
    assert own_embedding(output, 0) is not None
    module.release()

    assert own_embedding(output, 1) is None


class FailingBackend:
    """A device that ran out of memory."""

    device = "cpu"

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        raise BackendError("out of memory")

    def close(self) -> None:
        """Nothing to free."""


def test_what_cannot_be_embedded_now_keeps_what_it_carries(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    frames, deps = brightening(fakes, 2)
    output = [said(module, frame, dep) for frame, dep in zip(frames, deps, strict=True)][1]
    embedder = module._face
    assert embedder is not None
    working, embedder._backend = embedder._backend, FailingBackend()

    with pytest.raises(BackendError, match="out of memory"):
        own_embedding(output, 0)
    embedder._backend = working
    assert own_embedding(output, 0) is not None


def test_what_nobody_holds_any_more_is_forgotten(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    before = set(types._offers)
    frames, deps = brightening(fakes, 3)
    outputs = [said(module, frame, dep) for frame, dep in zip(frames, deps, strict=True)]
    assert len(set(types._offers) - before) == 2
    del outputs
    gc.collect()

    assert set(types._offers) <= before
