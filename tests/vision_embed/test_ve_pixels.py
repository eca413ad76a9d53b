"""The backend that takes pixels answers like the model in the file on floats made beforehand."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from vpx_vision_embed import VisionEmbedder
from vpx_vision_embed.backends.onnx import OnnxBackend
from vpx_vision_embed.backends.pixels import PixelBackend, reading_pixels
from vpx_vision_embed.embedder import raw_inference, unit_rows
from vpx_vision_embed.errors import BackendError, ClosedError
from vpx_vision_embed.models import BUNDLED
from vpx_vision_embed.onnx_files import external_locations
from vpx_vision_embed.preprocess import preprocess

SPEC = replace(BUNDLED, dim=12)
SIZES = ((40, 40), (140, 140), (224, 224), (300, 200), (227, 361), (900, 900))


def crops(seed: int = 0) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


@pytest.fixture
def pooling(tmp_path: Path, onnx_files: Any) -> Path:
    path = tmp_path / "pooling.onnx"
    path.write_bytes(onnx_files.pooling(4))
    return path


def test_the_model_sees_the_very_floats_of_the_preprocessing(pooling: Path) -> None:
    found = PixelBackend(pooling, SPEC).infer_crops(crops())

    expected = OnnxBackend(pooling, SPEC.dim, "cpu").infer(preprocess(crops(), SPEC.preprocessing))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.real
def test_the_bundled_model_answers_alike_on_pixels_and_on_floats(bundled_path: Path) -> None:
    with VisionEmbedder("bundled") as embedder:
        found = embedder.embed(crops())
        raw = raw_inference(embedder, crops())()

    expected = unit_rows(
        OnnxBackend(bundled_path, BUNDLED.dim, "cpu").infer(preprocess(crops(), BUNDLED.preprocessing))
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert isinstance(raw, np.ndarray)
    np.testing.assert_allclose(unit_rows(raw), expected, atol=1e-6)


@pytest.mark.real
def test_batches_of_changing_sizes_equal_their_single_crops(bundled_path: Path) -> None:
    backend = PixelBackend(bundled_path, BUNDLED)
    images = crops()
    singles = np.stack([unit_rows(backend.infer_crops([image]))[0] for image in images])

    many = unit_rows(backend.infer_crops(images * 3))
    np.testing.assert_allclose(many, np.concatenate([singles] * 3), atol=1e-5)
    for first, last in ((0, 3), (5, 6), (1, 6), (4, 6), (0, 1), (0, 6)):
        rows = unit_rows(backend.infer_crops(images[first:last]))
        np.testing.assert_allclose(rows, singles[first:last], atol=1e-5)


@pytest.mark.real
def test_means_over_the_picture_are_pooled(bundled_path: Path) -> None:
    before = [node.op_type for node in onnx.load(bundled_path).graph.node]
    after = [
        node.op_type for node in onnx.load_from_string(reading_pixels(bundled_path, BUNDLED.preprocessing)).graph.node
    ]

    assert before.count("ReduceMean") > 0
    assert after.count("ReduceMean") == 0
    assert after.count("GlobalAveragePool") == before.count("ReduceMean")


def mean_model(axes: list[int], keepdims: int) -> bytes:
    node = onnx.helper.make_node("ReduceMean", ["input", "axes"], ["embedding"], keepdims=keepdims)
    shapes = {name: onnx.helper.make_tensor_value_info(name, 1, None) for name in ("input", "embedding")}
    weights = [onnx.numpy_helper.from_array(np.array(axes, np.int64), "axes")]
    graph = onnx.helper.make_graph([node], "mean", [shapes["input"]], [shapes["embedding"]], weights)
    return bytes(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)]).SerializeToString())


@pytest.mark.parametrize(("axes", "keepdims"), [([1], 1), ([1, 2, 3], 1), ([2], 1), ([2, 3], 0)])
def test_other_means_stay(tmp_path: Path, axes: list[int], keepdims: int) -> None:
    path = tmp_path / "mean.onnx"
    path.write_bytes(mean_model(axes, keepdims))

    graph = onnx.load_from_string(reading_pixels(path, SPEC.preprocessing)).graph

    assert [node.op_type for node in graph.node] == ["Cast", "Mul", "Add", "ReduceMean"]


@pytest.mark.real
def test_the_derived_model_refers_to_no_other_file(bundled_path: Path, tmp_path: Path) -> None:
    derived = tmp_path / "derived.onnx"
    derived.write_bytes(reading_pixels(bundled_path, BUNDLED.preprocessing))

    assert external_locations(bundled_path)
    assert external_locations(derived) == set()


def test_two_threads_at_once_get_their_own_answers(pooling: Path) -> None:
    backend = PixelBackend(pooling, SPEC)
    expected = [backend.infer_crops(crops(seed)).copy() for seed in range(2)]
    wrong: list[int] = []
    start = threading.Barrier(2)

    def work(seed: int) -> None:
        start.wait()
        for _ in range(20):
            if not np.array_equal(backend.infer_crops(crops(seed)), expected[seed]):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_rows_that_were_handed_out_stay_as_they_are(bundled_path: Path) -> None:
    with VisionEmbedder("bundled") as embedder:
        rows = embedder.embed(crops())
        kept = rows.copy()
        embedder.embed(crops(1))

    np.testing.assert_array_equal(rows, kept)


def test_closed_for_pixels_floats_and_the_bare_model(pooling: Path) -> None:
    backend = PixelBackend(pooling, SPEC)
    raw = backend.raw_inference(crops())
    raw()
    backend.close()
    backend.close()

    for call in (raw, lambda: backend.infer_crops(crops()), lambda: backend.raw_inference(crops())):
        with pytest.raises(ClosedError, match="closed"):
            call()


def test_a_model_of_another_dimension_is_a_backend_error(pooling: Path) -> None:
    backend = PixelBackend(pooling, BUNDLED)

    for _ in range(2):
        with pytest.raises(BackendError, match=r"refused pixels of shape \(6, 3, 224, 224\)"):
            backend.infer_crops(crops())


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x08\x08"])
def test_a_file_that_is_no_model_is_a_backend_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)

    with pytest.raises(BackendError, match="cannot load"):
        PixelBackend(path, SPEC)


@pytest.mark.parametrize("rows", [np.zeros((2, 4)), np.full((1, 4), np.nan), np.array([[1.0, np.inf]])])
def test_rows_without_direction_are_an_error(rows: NDArray[np.float64]) -> None:
    with pytest.raises(BackendError, match="length 0"):
        unit_rows(rows.astype(np.float32))
