"""One contract for every backend, over hand-written, bundled and randomly initialised real models."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vpx_vision_embed.backends.base import Backend, require_answer
from vpx_vision_embed.backends.onnx import OnnxBackend, load_session
from vpx_vision_embed.backends.pixels import PixelBackend
from vpx_vision_embed.errors import BackendError, BackendUnavailableError, ClosedError
from vpx_vision_embed.models import BUNDLED, get_spec

from .timm_import import timm_or_skip

BATCH_TOLERANCE = 1e-5

Make = Callable[[], Backend]


def inputs(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((count, 3, 224, 224), dtype=np.float32)


@pytest.fixture(params=["pooling", "bundled", "pixels", "timm", "timm-onnx"])
def made(request: pytest.FixtureRequest, tmp_path: Path, onnx_files: Any) -> Iterator[tuple[Make, int]]:
    """A factory of backends with the same weights every time, and the dimension of their answers."""
    if request.param == "pooling":
        path = tmp_path / "pooling.onnx"
        path.write_bytes(onnx_files.pooling(4))
        yield lambda: OnnxBackend(path, 12, "cpu"), 12
    elif request.param == "bundled":
        path = request.getfixturevalue("bundled_path")
        yield lambda: OnnxBackend(path, BUNDLED.dim, "cpu"), BUNDLED.dim
    elif request.param == "pixels":
        path = request.getfixturevalue("bundled_path")
        yield lambda: PixelBackend(path, BUNDLED), BUNDLED.dim
    elif request.param == "timm":
        timm_or_skip()
        yield random_dinov2, 384
    else:
        timm_or_skip()
        path = tmp_path / "dinov2.onnx"
        write_random_onnx(path)
        yield lambda: OnnxBackend(path, 384, "cpu"), 384


def write_random_onnx(path: Path) -> None:
    import torch

    from vpx_vision_embed.backends.export import parity_images
    from vpx_vision_embed.backends.timm import build_model, write_onnx

    torch.manual_seed(0)
    spec = get_spec("dinov2-vits14")
    write_onnx(build_model(spec, None), spec, path, parity_images(spec), 17)


def random_dinov2() -> Any:
    """The design's default architecture with the same random weights every time."""
    import torch

    from vpx_vision_embed.backends.timm import TimmBackend

    torch.manual_seed(0)
    return TimmBackend(get_spec("dinov2-vits14"), None, "cpu")


def test_answers_are_float32_rows_and_repeatable(made: tuple[Make, int]) -> None:
    make, dim = made
    backend = make()

    answer = backend.infer(inputs(3))

    assert answer.shape == (3, dim)
    assert answer.dtype == np.float32
    np.testing.assert_array_equal(answer, backend.infer(inputs(3)))


def test_a_batch_equals_its_single_images(made: tuple[Make, int]) -> None:
    backend = made[0]()
    batch = inputs(3)

    singles = np.concatenate([backend.infer(batch[i : i + 1]) for i in range(3)])

    scale = float(np.abs(singles).max())
    np.testing.assert_allclose(backend.infer(batch) / scale, singles / scale, atol=BATCH_TOLERANCE)


def test_reopening_gives_the_same_answers(made: tuple[Make, int]) -> None:
    first = made[0]()
    answer = first.infer(inputs(1))
    first.close()
    first.close()

    np.testing.assert_array_equal(made[0]().infer(inputs(1)), answer)


def test_a_closed_backend_says_so(made: tuple[Make, int]) -> None:
    backend = made[0]()
    backend.close()

    with pytest.raises(ClosedError, match="closed"):
        backend.infer(inputs(1))


def test_two_threads_at_once_get_their_own_answers(made: tuple[Make, int]) -> None:
    backend = made[0]()
    expected = [backend.infer(inputs(1, seed)) for seed in range(2)]
    found: dict[int, list[NDArray[np.float32]]] = {0: [], 1: []}

    def work(seed: int) -> None:
        for _ in range(3):
            found[seed].append(backend.infer(inputs(1, seed)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for seed in range(2):
        assert len(found[seed]) == 3
        for answer in found[seed]:
            np.testing.assert_allclose(answer, expected[seed], atol=1e-4)


def test_a_batch_of_another_size_is_a_backend_error(made: tuple[Make, int]) -> None:
    with pytest.raises(BackendError):
        made[0]().infer(np.zeros((1, 4, 100, 100), np.float32))


@pytest.mark.parametrize("threads", [1, 3])
def test_a_session_has_its_threads_and_the_cpu(tmp_path: Path, onnx_files: Any, threads: int) -> None:
    path = tmp_path / "pooling.onnx"
    path.write_bytes(onnx_files.pooling(4))

    for model in (str(path), path.read_bytes()):
        session = load_session(model, path, "cpu", threads)

        options = session.get_session_options()
        assert (options.intra_op_num_threads, options.inter_op_num_threads) == (threads, 1)
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
        assert session.get_providers() == ["CPUExecutionProvider"]


def test_a_model_of_another_dimension_is_a_backend_error(tmp_path: Path, onnx_files: Any) -> None:
    path = tmp_path / "pooling.onnx"
    path.write_bytes(onnx_files.pooling(2))

    with pytest.raises(BackendError, match=r"shape \(1, 6\), expected \(1, 384\)"):
        OnnxBackend(path, 384, "cpu").infer(inputs(1))


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x08\x08"])
def test_a_file_that_is_no_model_is_a_backend_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)

    with pytest.raises(BackendError, match="cannot load"):
        OnnxBackend(path, 3, "cpu")


def test_a_file_that_is_not_there_is_a_backend_error(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="cannot load"):
        OnnxBackend(tmp_path / "nothing.onnx", 3, "cpu")


def test_wrong_dtypes_are_a_backend_error(tmp_path: Path, onnx_files: Any) -> None:
    path = tmp_path / "pooling.onnx"
    path.write_bytes(onnx_files.pooling(1))

    with pytest.raises(BackendError, match="refused a batch"):
        OnnxBackend(path, 3, "cpu").infer(inputs(1).astype(np.float64))  # type: ignore[arg-type]


def test_cuda_without_cuda_is_an_error_and_not_a_slow_run(bundled_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(BackendUnavailableError, match="no CUDA"):
        OnnxBackend(bundled_path, BUNDLED.dim, "cuda")


def test_answers_that_are_not_finite_are_an_error() -> None:
    with pytest.raises(BackendError, match="not finite"):
        require_answer(np.array([[1.0, np.nan]], np.float32), 1, 2)


def test_closing_frees_the_session(bundled_path: Path) -> None:
    import weakref

    backend = OnnxBackend(bundled_path, BUNDLED.dim, "cpu")
    session = weakref.ref(backend._session)
    backend.close()
    gc.collect()

    assert session() is None
