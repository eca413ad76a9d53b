"""Preprocessing and models against timm itself, at random weights; without timm against values that it gave before."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from vpx_vision_embed.embedder import unit_rows
from vpx_vision_embed.errors import BackendError
from vpx_vision_embed.models import MODELS, get_spec
from vpx_vision_embed.preprocess import preprocess

from .make_golden import GOLDEN, SIZES, STEP, picture, timm_transform, transformed
from .timm_import import timm_or_skip

ROWS = [spec for spec in MODELS if spec.timm_name is not None]
PIXEL_TOLERANCE = 0.01
"""On the 0..1 scale of pixels."""
COSINE = 0.999


def in_pixels(difference: Any, spec: Any) -> float:
    """Largest difference of normalised values, on the 0..1 scale of pixels."""
    return float((np.abs(difference) * np.asarray(spec.preprocessing.std)[:, None, None]).max())


@pytest.mark.parametrize("spec", ROWS, ids=lambda spec: spec.key)
def test_preprocessing_equals_what_timm_gave(spec: Any) -> None:
    golden = json.loads(GOLDEN.read_text())
    for height, width in SIZES:
        found = preprocess([picture(height, width)], spec.preprocessing)[0][:, ::STEP, ::STEP]
        expected = np.asarray(golden[f"{spec.key} {height}x{width}"], np.float32)
        assert in_pixels(found - expected, spec) <= PIXEL_TOLERANCE


@pytest.mark.parametrize("spec", ROWS, ids=lambda spec: spec.key)
def test_preprocessing_equals_timms_transform(spec: Any) -> None:
    timm = timm_or_skip()
    from vpx_vision_embed.backends.timm import prepared

    transform = timm_transform(timm, spec.timm_name, spec.preprocessing.size_px)
    crops = [picture(*size) for size in SIZES]
    expected = np.stack([transformed(transform, crop) for crop in crops])

    for found in (preprocess(crops, spec.preprocessing), prepared(crops, spec.preprocessing, "cpu").numpy()):
        assert in_pixels(found - expected, spec) <= PIXEL_TOLERANCE


def test_embeddings_equal_those_of_timms_transform() -> None:
    timm = timm_or_skip()
    import torch

    from vpx_vision_embed.backends.timm import TimmBackend

    spec = get_spec("dinov2-vits14")
    torch.manual_seed(0)
    backend = TimmBackend(spec, None, "cpu")
    transform = timm_transform(timm, spec.timm_name or "", spec.preprocessing.size_px)
    crops = [picture(*size) for size in SIZES]
    expected = unit_rows(backend.infer(np.stack([transformed(transform, crop) for crop in crops])))

    assert float((unit_rows(backend.infer_crops(crops)) * expected).sum(axis=1).min()) >= COSINE
    ours = unit_rows(backend.infer(preprocess(crops, spec.preprocessing)))
    assert float((ours * expected).sum(axis=1).min()) >= COSINE


@pytest.mark.parametrize("spec", ROWS, ids=lambda spec: spec.key)
def test_every_row_builds_with_its_dimension(spec: Any) -> None:
    timm_or_skip()
    from vpx_vision_embed.backends.timm import TimmBackend

    backend = TimmBackend(spec, None, "cpu")

    assert backend.infer_crops([picture(90, 90)]).shape == (1, spec.dim)


@pytest.mark.parametrize(("precision", "least"), [("bf16", 0.99)])
def test_half_precision_stays_near_fp32(precision: Any, least: float) -> None:
    timm_or_skip()
    import torch

    from vpx_vision_embed.backends.timm import TimmBackend

    rows = []
    for one in ("fp32", precision):
        torch.manual_seed(0)
        backend = TimmBackend(get_spec("dinov2-vits14"), None, "cpu", precision=one)
        rows.append(unit_rows(backend.infer_crops([picture(200, 200)])))

    assert rows[1].dtype == np.float32
    assert float((rows[0] * rows[1]).sum()) >= least


def test_crops_of_mixed_sizes_come_back_in_their_order() -> None:
    timm_or_skip()
    from vpx_vision_embed.backends.timm import prepared

    spec = get_spec("dinov2-vits14").preprocessing
    crops = [picture(*size) for size in ((50, 50), (80, 80), (50, 50))]
    crops[2] = 255 - crops[2]
    together = prepared(crops, spec, "cpu").numpy()

    for index, crop in enumerate(crops):
        np.testing.assert_allclose(together[index], prepared([crop], spec, "cpu").numpy()[0], atol=1e-5)


def test_random_weights_of_another_row_are_refused(tmp_path: Any) -> None:
    timm_or_skip()
    from safetensors.torch import save_file

    from vpx_vision_embed.backends.timm import build_model

    path = tmp_path / "other.safetensors"
    save_file(build_model(get_spec("dinov2-vits14"), None).state_dict(), str(path))

    with pytest.raises(BackendError, match="cannot build"):
        build_model(get_spec("dinov2-vitb14"), path)
    assert build_model(get_spec("dinov2-vits14"), path) is not None
