"""Exports: kept with their checksum if they answer like their model, otherwise not at all."""

from __future__ import annotations

import hashlib
import logging
import shutil
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper

from vpx_vision_embed import VisionEmbedder, models
from vpx_vision_embed.backends import export as exports
from vpx_vision_embed.backends.convert import to_int8_measured
from vpx_vision_embed.commands.pictures import read_calibration
from vpx_vision_embed.errors import ExportError, WeightsCorruptError, WeightsMissingError, WeightsUnsafeError
from vpx_vision_embed.models import BUNDLED, WeightFile, get_spec
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


def test_int8_of_a_convolutional_model_asks_for_pictures(bundled_here: Path) -> None:
    with pytest.raises(ExportError, match="--calibrate"):
        exports.export(BUNDLED, "int8")
    assert [p.name for p in bundled_here.iterdir()] == [BUNDLED.key]


@pytest.mark.real
def test_an_int8_export_of_the_bundled_model_answers_like_it(
    bundled_here: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), cv2.GaussianBlur(picture(600, 500), (0, 0), 2.0))
    with caplog.at_level(logging.WARNING):
        done = exports.export(BUNDLED, "int8", read_calibration(photo))
    said = capsys.readouterr()
    with VisionEmbedder("bundled", precision="int8") as small:
        version, rows = small.version, small.embed([picture(180, 180), picture(250, 250)])

    assert done.mean_cosine >= exports.MEAN_COSINE["int8"]
    assert "node_Conv_512" in done.kept_fp32
    assert len(done.kept_fp32) < 10
    assert version == f"{BUNDLED.version}-int8"
    assert rows.shape == (2, BUNDLED.dim)
    assert done.path.stat().st_size < 2_000_000
    assert (caplog.records, said.out, said.err) == ([], "", "")


def test_only_one_by_one_convolutions_that_bear_it_are_quantized(tmp_path: Path) -> None:
    weights = [np.eye(4, dtype=np.float32).reshape(4, 4, 1, 1) * scale for scale in (1.0, 2.0)]
    wide = np.array([1000.0, 1.0, 1.0, 1.0], np.float32)
    values = {
        "first": np.random.default_rng(0).normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32),
        "plain": weights[0],
        "scale": wide.reshape(1, 4, 1, 1),
        "unscale": (1.0 / wide).reshape(1, 4, 1, 1),
        "after_scale": weights[1],
    }
    nodes = [
        helper.make_node("Conv", ["x", "first"], ["a"], "first"),
        helper.make_node("Conv", ["a", "plain"], ["b"], "plain"),
        helper.make_node("Mul", ["b", "scale"], ["c"], "up"),
        helper.make_node("Conv", ["c", "after_scale"], ["d"], "spread"),
        helper.make_node("Mul", ["d", "unscale"], ["e"], "down"),
        helper.make_node("GlobalAveragePool", ["e"], ["f"], "pool"),
        helper.make_node("Flatten", ["f"], ["y"], "flat"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 4])],
        [onnx.numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    whole, part = tmp_path / "whole.onnx", tmp_path / "part.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), whole)
    batch = np.random.default_rng(1).normal(0, 1, (8, 3, 16, 16)).astype(np.float32)

    assert to_int8_measured(whole, part, batch) == ["spread"]
    assert "plain_quantized" in {tensor.name for tensor in onnx.load(part).graph.initializer}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part.onnx", "whole.onnx"]


def test_calibration_pictures_come_from_files_folders_and_videos(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), picture(120, 90))
    (folder / "notes.txt").write_text("no picture")
    video = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10, (96, 64))
    for _ in range(5):
        writer.write(picture(64, 96))
    writer.release()

    for path in (folder, folder / "0.png", video):
        squares = read_calibration(path)
        assert (len(squares.training), len(squares.checking)) == (48, 16)
        assert all(square.shape[0] == square.shape[1] >= 32 for square in squares.training)
        assert np.array_equal(squares.training[5], read_calibration(path).training[5])


def test_a_picture_too_large_to_decode_spoils_no_folder(tmp_path: Path) -> None:
    size = (100_000).to_bytes(4, "big")
    header = b"IHDR" + size + size + bytes([8, 2, 0, 0, 0])
    chunk = (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    with pytest.raises(ExportError, match=r"huge\.png"):
        read_calibration(tmp_path / "huge.png")
    cv2.imwrite(str(tmp_path / "photo.png"), picture(120, 90))
    assert len(read_calibration(tmp_path).training) == 48


@pytest.mark.parametrize("name", ["absent.png", "notes.txt", "tiny.png", "empty"])
def test_pictures_that_are_none_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no picture")
    cv2.imwrite(str(tmp_path / "tiny.png"), picture(20, 20))

    with pytest.raises(ExportError, match=name):
        read_calibration(tmp_path / name)


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


def test_a_timm_row_is_exported_from_its_state_dict(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timm_or_skip()
    import torch
    from safetensors.torch import save_file

    from vpx_vision_embed.backends.timm import build_model

    spec = get_spec("siglip-b16-224")
    unpinned = replace(spec, timm_file=WeightFile("siglip-b16-224.safetensors"))
    monkeypatch.setattr(models, "MODELS", tuple(unpinned if row is spec else row for row in models.MODELS))
    spec = unpinned
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
