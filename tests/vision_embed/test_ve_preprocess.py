from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vpx_vision_embed.errors import CropError
from vpx_vision_embed.models import MODELS, Preprocessing, get_spec
from vpx_vision_embed.preprocess import preprocess, resized_centre

TOLERANCE_LEVELS = 0.01 * 255
"""0.01 on the 0..1 scale; in fact single pixels differ by one level, rarely two, where a value lies between two."""
sizes = st.integers(1, 400)


def picture(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def pillow_reference(crop: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.uint8]:
    """torchvision's Resize(short side) and CenterCrop, on Pillow."""
    image_module = pytest.importorskip("PIL.Image", reason="Pillow is the reference of this test")
    height, width = crop.shape[:2]
    short = int(spec.size_px / spec.crop_pct)
    out = (short, int(short * height / width)) if width <= height else (int(short * width / height), short)
    resized = image_module.fromarray(crop[:, :, ::-1]).resize(out, image_module.Resampling.BICUBIC)
    left, top = round((out[0] - spec.size_px) / 2), round((out[1] - spec.size_px) / 2)
    return np.asarray(resized.crop((left, top, left + spec.size_px, top + spec.size_px))).transpose(2, 0, 1)


@pytest.mark.parametrize(
    "size", [(250, 250), (60, 60), (1000, 1000), (37, 91), (600, 480), (224, 224), (1, 1), (3, 500)]
)
@pytest.mark.parametrize("key", ["dinov2-vits14", "siglip-b16-224"])
def test_resize_equals_pillows_bicubic(size: tuple[int, int], key: str) -> None:
    spec = get_spec(key).preprocessing
    crop = picture(*size, seed=1)

    difference = np.abs(resized_centre(crop, spec) - pillow_reference(crop, spec).astype(np.float32))

    assert float(difference.max()) <= TOLERANCE_LEVELS
    assert float(difference.mean()) < 0.01


@settings(max_examples=25, deadline=None)
@given(height=sizes, width=sizes, seed=st.integers(0, 99))
def test_resize_equals_pillow_at_any_size(height: int, width: int, seed: int) -> None:
    spec = get_spec("dinov2-vits14").preprocessing
    crop = picture(height, width, seed)

    difference = np.abs(resized_centre(crop, spec) - pillow_reference(crop, spec).astype(np.float32))

    assert float(difference.max()) <= TOLERANCE_LEVELS


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.key)
def test_a_plain_colour_is_normalised_as_rgb(spec: object) -> None:
    row = get_spec(spec.key)  # type: ignore[attr-defined]
    crop = np.empty((50, 50, 3), np.uint8)
    crop[:] = (10, 120, 250)  # B, G, R

    batch = preprocess([crop], row.preprocessing)

    expected = (np.array([250, 120, 10]) / 255 - row.preprocessing.mean) / row.preprocessing.std
    assert batch.shape == (1, 3, row.preprocessing.size_px, row.preprocessing.size_px)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch[0].min(axis=(1, 2)), expected, atol=1e-5)
    np.testing.assert_allclose(batch[0].max(axis=(1, 2)), expected, atol=1e-5)


def test_only_the_centre_square_of_a_wide_crop_is_seen() -> None:
    spec = get_spec("dinov2-vits14").preprocessing
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, :90] = 255
    wide[:, 210:] = 255

    assert float(resized_centre(wide, spec)[:, :, 5:-5].max()) == 0.0


def test_views_with_odd_strides_give_the_same_batch() -> None:
    spec = get_spec("dinov2-vits14").preprocessing
    image = picture(300, 300, seed=3)
    view = image[20:221:2, 40:241:2]

    np.testing.assert_array_equal(preprocess([view], spec), preprocess([view.copy()], spec))


def test_the_crops_are_not_written_to() -> None:
    crop = picture(80, 80, seed=4)
    before = crop.copy()

    preprocess([crop], get_spec("bundled").preprocessing)

    np.testing.assert_array_equal(crop, before)


@pytest.mark.parametrize(
    ("crop", "complaint"),
    [
        (np.zeros((4, 4, 3), np.float32), "expected uint8, found float32"),
        (np.zeros((4, 4), np.uint8), r"expected shape \(h, w, 3\)"),
        (np.zeros((4, 4, 4), np.uint8), r"expected shape \(h, w, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), "with pixels"),
        ([[1, 2], [3, 4]], "found list"),
    ],
)
def test_anything_but_an_image_is_refused(crop: object, complaint: str) -> None:
    with pytest.raises(CropError, match=complaint) as caught:
        preprocess([crop], get_spec("bundled").preprocessing)  # type: ignore[list-item]
    assert isinstance(caught.value, ValueError)
