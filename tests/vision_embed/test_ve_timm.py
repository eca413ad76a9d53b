"""Preprocessing and models against timm itself, at random weights; without timm against values that it gave before."""

from __future__ import annotations

import json
from pathlib import Path
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


def test_the_authors_file_of_siglip_is_taken_apart_into_timms_names(tmp_path: Path) -> None:
    timm_or_skip()
    import torch
    from safetensors.torch import save_file

    from vpx_vision_embed.backends.timm import build_model

    spec = get_spec("siglip-b16-224")
    torch.manual_seed(0)
    model = build_model(spec, None)
    path = tmp_path / "model.safetensors"
    whole = authors_names(model.state_dict())
    save_file(whole, path)
    found = build_model(spec, path).state_dict()
    assert found.keys() == model.state_dict().keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in model.state_dict().items())

    whole.pop("vision_model.encoder.layers.11.self_attn.k_proj.bias")
    save_file(whole, path)
    with pytest.raises(BackendError, match=r"no tensor 'encoder\.layers\.11\.self_attn\.k_proj\.bias'"):
        build_model(spec, path)


def authors_names(state: dict[str, Any]) -> dict[str, Any]:
    """A state dict of timm's SigLIP as the authors' repository has it, with a piece of the text tower."""
    import torch

    parts = {"norm1": "layer_norm1", "norm2": "layer_norm2", "attn.proj": "self_attn.out_proj"}
    found: dict[str, Any] = {"logit_scale": torch.zeros(1), "text_model.head.bias": torch.zeros(3)}
    joint: dict[str, dict[str, Any]] = {"weight": {}, "bias": {}}
    for name, tensor in state.items():
        stem, _, end = name.rpartition(".")
        if name == "pos_embed":
            found["embeddings.position_embedding.weight"] = tensor[0].clone()
        elif name == "attn_pool.latent":
            found["head.probe"] = tensor
        elif stem in ("attn_pool.q", "attn_pool.kv"):
            joint[end][stem] = tensor
        elif stem.startswith("attn_pool."):
            inner = stem.removeprefix("attn_pool.")
            found[f"head.{ {'proj': 'attention.out_proj', 'norm': 'layernorm'}.get(inner, inner) }.{end}"] = tensor
        elif stem.startswith("blocks."):
            _, layer, inner = stem.split(".", 2)
            if inner == "attn.qkv":
                for letter, third in zip("qkv", tensor.chunk(3), strict=True):
                    found[f"encoder.layers.{layer}.self_attn.{letter}_proj.{end}"] = third.clone()
            else:
                found[f"encoder.layers.{layer}.{parts.get(inner, inner)}.{end}"] = tensor
        else:
            places = {"patch_embed.proj": "embeddings.patch_embedding", "norm": "post_layernorm"}
            found[f"{places[stem]}.{end}"] = tensor
    for end, halves in joint.items():
        found[f"head.attention.in_proj_{end}"] = torch.cat([halves["attn_pool.q"], halves["attn_pool.kv"]])
    plain = ("logit", "text")
    return {name if name.startswith(plain) else f"vision_model.{name}": tensor for name, tensor in found.items()}


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
