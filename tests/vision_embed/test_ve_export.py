"""Exports: kept with their checksum if they answer like their model, otherwise not at all."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vpx_vision_embed import VisionEmbedder
from vpx_vision_embed.backends import export as exports
from vpx_vision_embed.errors import ExportError, WeightsCorruptError, WeightsMissingError, WeightsUnsafeError
from vpx_vision_embed.models import BUNDLED, get_spec
from vpx_vision_embed.weights import locate

from .make_golden import picture
from .timm_import import timm_or_skip


@pytest.fixture
def bundled_here(bundled_path: Path, models_dir: Path) -> Path:
    """The models folder with a copy of the bundled model in it."""
    shutil.copytree(bundled_path.parent, models_dir / BUNDLED.key)
    return models_dir


@pytest.mark.real
def test_an_fp16_export_of_the_bundled_model_is_kept_and_used(bundled_here: Path) -> None:
    done = exports.export(BUNDLED, "fp16")
    crops = [picture(180, 180), picture(250, 250)]
    with VisionEmbedder("bundled", precision="fp16") as half, VisionEmbedder("bundled") as whole:
        cosines = (half.embed(crops) * whole.embed(crops)).sum(axis=1)
        versions = (half.version, whole.version)

    assert done.least_cosine >= exports.LEAST_COSINE["fp16"]
    assert float(cosines.min()) > 0.999
    assert versions == (f"{BUNDLED.version}-fp16", BUNDLED.version)
    assert sorted(p.name for p in bundled_here.iterdir() if p.is_file()) == [done.path.name, f"{done.path.name}.sha256"]


def test_an_export_that_answers_differently_is_not_kept(bundled_here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(exports.LEAST_COSINE, "fp16", 1.1)

    with pytest.raises(ExportError, match="answers too differently"):
        exports.export(BUNDLED, "fp16")
    assert [p.name for p in bundled_here.iterdir()] == [BUNDLED.key]


def test_a_precision_that_was_not_exported_names_the_command(bundled_here: Path) -> None:
    with pytest.raises(WeightsMissingError, match="vision-embed export bundled-mobilenetv3-small --precision int8"):
        VisionEmbedder("bundled", precision="int8")


def test_an_int8_export_that_would_quantize_nothing_is_refused(bundled_here: Path) -> None:
    with pytest.raises(ExportError, match="no matrix products"):
        exports.export(BUNDLED, "int8")
    assert [p.name for p in bundled_here.iterdir()] == [BUNDLED.key]


@pytest.mark.parametrize("damage", ["truncated", "other", "external"])
def test_a_damaged_export_is_refused(models_dir: Path, onnx_files: Any, damage: str) -> None:
    content = onnx_files.external("/etc/passwd") if damage == "external" else onnx_files.pooling(128)
    path = models_dir / "dinov2-vits14.onnx"
    path.write_bytes(content)
    path.with_name(path.name + ".sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  {path.name}\n")
    if damage == "truncated":
        path.write_bytes(content[:-5])
    if damage == "other":
        path.write_bytes(onnx_files.pooling(127))

    with pytest.raises(WeightsUnsafeError if damage == "external" else WeightsCorruptError):
        locate(get_spec("dinov2-vits14"))


def test_a_timm_row_is_exported_from_its_state_dict(models_dir: Path) -> None:
    timm_or_skip()
    import torch
    from safetensors.torch import save_file

    from vpx_vision_embed.backends.timm import build_model

    spec = get_spec("siglip-b16-224")
    torch.manual_seed(0)
    state = models_dir / "siglip-b16-224.safetensors"
    save_file(build_model(spec, None).state_dict(), str(state))
    listing = f"{hashlib.sha256(state.read_bytes()).hexdigest()}  {state.name}\n"
    state.with_name(state.name + ".sha256").write_text(listing)

    done = exports.export(spec, "fp32")
    crops = [picture(180, 180)]
    with (
        VisionEmbedder(spec.key, backend="onnx") as onnx,
        VisionEmbedder(spec.key, backend="timm") as torched,
    ):
        cosine = float((onnx.embed(crops) * torched.embed(crops)).sum())

    assert done.least_cosine >= exports.LEAST_COSINE["fp32"]
    assert cosine > 0.9999
    assert np.isfinite(cosine)
