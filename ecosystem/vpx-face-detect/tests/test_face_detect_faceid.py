"""Decoding, graph, alignment and averaging of the Face-ID network, with made-up weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from vpx.face_detect.faceid import CHIP_PX, align, build_graph, chip_template, read_tensors, similarity, unit_mean
from vpx.face_detect.runtime import make_session
from vpx.sdk.weights import WeightsError

WIDTHS = {"32": 32, "64": 64, "128": 128, "256": 256}
BLOCKS = {"32": "123", "64": "_123", "128": "_12", "256": "_12o"}


def random_tensors() -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(3)
    tensors: dict[str, NDArray[np.float32]] = {}

    def layer(name: str, size: int, channels_in: int, channels_out: int) -> None:
        scale = 1 / np.sqrt(size * size * channels_in)
        shape = (size, size, channels_in, channels_out)
        tensors[f"{name}/conv/filters"] = random.normal(0, scale, shape).astype(np.float32)
        tensors[f"{name}/conv/bias"] = random.normal(0, 0.1, channels_out).astype(np.float32)
        tensors[f"{name}/scale/weights"] = random.uniform(0.5, 1.5, channels_out).astype(np.float32)
        tensors[f"{name}/scale/biases"] = random.normal(0, 0.1, channels_out).astype(np.float32)

    layer("conv32_down", 7, 3, 32)
    before = 32
    for key, marks in BLOCKS.items():
        for mark in marks:
            name = {"_": f"conv{key}_down", "o": f"conv{key}_down_out"}.get(mark, f"conv{key}_{mark}")
            layer(f"{name}/conv1", 3, before, WIDTHS[key])
            layer(f"{name}/conv2", 3, WIDTHS[key], WIDTHS[key])
            before = WIDTHS[key]
    tensors["fc"] = random.normal(0, 0.1, (256, 128)).astype(np.float32)
    return tensors


def test_graph_runs_any_batch_and_treats_rows_alike() -> None:
    session = make_session(build_graph(random_tensors()).SerializeToString(), 1)
    chips = np.random.default_rng(5).normal(0, 0.3, (3, 3, CHIP_PX, CHIP_PX)).astype(np.float32)
    together = session.run(None, {"chips": chips})[0]
    assert together.shape == (3, 128)
    assert np.linalg.norm(together[0] - together[1]) > 1e-3
    assert session.run(None, {"chips": chips[1:2]})[0][0] == pytest.approx(together[1], rel=1e-3, abs=1e-5)


def test_read_tensors_decodes_quantised_and_plain_ones() -> None:
    plain = np.array([[1.5, -2.0]], "<f4")
    content = bytes([0, 10, 255]) + plain.tobytes()
    quantization = {"dtype": "uint8", "scale": 0.5, "min": -1.0}
    weights = [
        {"name": "q", "shape": [3], "dtype": "float32", "quantization": quantization},
        {"name": "p", "shape": [1, 2], "dtype": "float32"},
    ]
    manifest = json.dumps([{"weights": weights}]).encode()
    tensors = read_tensors(content, manifest)
    assert tensors["q"].tolist() == [-1.0, 4.0, 126.5]
    assert tensors["p"].tolist() == [[1.5, -2.0]]
    with pytest.raises(WeightsError, match="11 bytes"):
        read_tensors(content + b"x", manifest)


@given(st.floats(-3, 3), st.floats(0.2, 5), st.floats(-500, 500), st.floats(-500, 500))
def test_similarity_recovers_rotation_scale_and_shift(turn: float, scale: float, x: float, y: float) -> None:
    target = chip_template()
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    source = target @ rotation.T + [x, y]
    found = similarity(source, target)
    assert found is not None
    assert source @ found[:, :2].T + found[:, 2] == pytest.approx(target, abs=1e-6)
    assert np.linalg.det(found[:, :2]) > 0


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((5, 2), np.nan)])
def test_landmarks_without_extent_give_no_chip(points: NDArray[np.float64]) -> None:
    assert align(np.zeros((50, 50, 3), np.uint8), points) is None


def test_chip_is_taken_where_the_landmarks_are() -> None:
    picture = np.zeros((400, 400, 3), np.uint8)
    eye = chip_template()[0]
    picture[int(eye[1]) + 97 : int(eye[1]) + 104, int(eye[0]) + 97 : int(eye[0]) + 104] = 255
    chip = align(picture, chip_template() + 100)
    assert chip is not None
    assert chip.shape == (CHIP_PX, CHIP_PX, 3)
    assert chip[round(eye[1]), round(eye[0])].tolist() == [255, 255, 255]


def test_unit_mean_weighs_rows_alike_and_refuses_odd_numbers() -> None:
    found = unit_mean(np.array([[10.0, 0], [0, 0.1]]))
    assert found == pytest.approx(np.array([0.5, 0.5]) ** 0.5)
    assert unit_mean(np.array([[np.nan, 1.0]])) is None
    assert unit_mean(np.array([[0.0, 0.0]])) is None
    assert unit_mean(np.array([[1.0, 0.0], [-1.0, 0.0]])) is None
