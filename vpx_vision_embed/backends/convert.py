"""fp32 ONNX → fp16 or int8 ONNX.

int8 of a transformer: its matrix products, activations quantized as they come. int8 of a convolutional model: its
1 x 1 convolutions, where nearly all the arithmetic is, with ranges of activations measured on pictures; weights are
symmetric and per channel. First layer and depthwise convolutions stay fp32: one of them alone costs more than half of
the cosine, and so do the 1 x 1 convolutions that cost too much by themselves.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed.backends.onnx import ORT_ERRORS, load_session
from vpx_vision_embed.errors import BackendUnavailableError, ExportError

SENSITIVE_BELOW = 0.9994
"""Mean cosine to fp32 with one convolution quantized, below which that one stays fp32."""
_SCAN_PICTURES = 8
"""Pictures that tell how sensitive a single convolution is."""
_THREADS = 2
_CONVERTERS_RAISE: tuple[type[Exception], ...] = (*ORT_ERRORS, AttributeError, ImportError)
_MATRIX_PRODUCTS = ("MatMul", "Gemm")

Batch = NDArray[np.float32]


def to_fp16(whole: Path, part: Path) -> None:
    """Write `whole` with half-precision weights and arithmetic; input and output stay float32. Raises ExportError."""
    with _converting(whole, "fp16"):
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16

        onnx.save(convert_float_to_float16(onnx.load(whole), keep_io_types=True), part)


def needs_pictures(whole: Path) -> bool:
    """Whether the int8 conversion measures ranges: true for a model without matrix products."""
    with _converting(whole, "int8"):
        import onnx

        return all(node.op_type not in _MATRIX_PRODUCTS for node in onnx.load(whole).graph.node)


def to_int8(whole: Path, part: Path) -> None:
    """Quantize the matrix products of a transformer. Raises ExportError."""
    with _converting(whole, "int8"):
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(whole, part, weight_type=QuantType.QInt8, op_types_to_quantize=list(_MATRIX_PRODUCTS))


def to_int8_measured(whole: Path, part: Path, batch: Batch) -> list[str]:
    """Quantize the 1 x 1 convolutions of a model that can bear it.

    Args:
        whole: the fp32 model, with one input.
        part: where the int8 model goes.
        batch: (n, 3, h, w) float32, n ≥ 1: what the ranges of the activations are measured on.

    Returns:
        The convolutions that stay fp32 although they are 1 x 1.

    Raises:
        ExportError: no such convolution, or ONNX Runtime refuses.
    """
    with _converting(whole, "int8"), tempfile.TemporaryDirectory(prefix=".int8-", dir=part.parent) as scratch:
        import onnx

        model = onnx.load(whole)
        plain = Path(scratch) / "fp32.onnx"
        onnx.save(model, plain)  # one file: the quantizer would copy external data beside each of its own files
        names = _one_by_one(model)
        if not names:
            raise ExportError(f"{whole.name} has no 1 x 1 convolutions, the only thing that int8 quantizes there")
        few = batch[:: max(1, len(batch) // _SCAN_PICTURES)]
        expected = _answer(plain, few)
        kept = []
        for name in names:
            _quantize(plain, part, few, [name])
            if cosines(_answer(part, few), expected).mean() < SENSITIVE_BELOW:
                kept.append(name)
        _quantize(plain, part, batch, [name for name in names if name not in kept])
        return kept


def _one_by_one(model: Any) -> list[str]:
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv" and node.name and shapes.get(node.input[1], ())[2:] == (1, 1)
    ]


def _quantize(whole: Path, part: Path, batch: Batch, names: Sequence[str]) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        """Hands out one picture after the other."""

        def __init__(self) -> None:
            name = _session(whole).get_inputs()[0].name
            self._rest = iter([{name: row[None]} for row in batch])

        def get_next(self) -> dict[str, Batch] | None:
            """The next picture, None at the end."""
            return next(self._rest, None)

    quantize_static(
        whole,
        part,
        Reader(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        nodes_to_quantize=list(names),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"WeightSymmetric": True, "ActivationSymmetric": False, "DedicatedQDQPair": True},
    )


def _session(path: Path) -> Any:
    return load_session(str(path), path, "cpu", _THREADS)


def _answer(path: Path, batch: Batch) -> NDArray[np.float64]:
    session = _session(path)
    return np.asarray(session.run(None, {session.get_inputs()[0].name: batch})[0], np.float64)


def cosines(found: NDArray[np.floating[Any]], expected: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(n,) cosines between the rows of two (n, dim) answers."""
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    return np.asarray((found * expected).sum(axis=1) / norms, np.float64)


@contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """Without the advice that ONNX Runtime's quantizer gives through the root logger."""

    def is_ours(record: logging.LogRecord) -> bool:
        return "onnxruntime" not in record.pathname

    root = logging.getLogger()
    root.addFilter(is_ours)
    try:
        yield
    finally:
        root.removeFilter(is_ours)


@contextmanager
def _converting(whole: Path, precision: str) -> Iterator[None]:
    """Translates what the converters raise, and keeps their advice quiet."""
    with warnings.catch_warnings(), _quiet_root_logger():
        warnings.simplefilter("ignore")  # the converters warn of their own internals
        try:
            yield
        except ExportError:
            raise
        except ModuleNotFoundError as error:
            raise BackendUnavailableError(
                "the package `onnx` is not installed; fp16 and int8 exports need it"
            ) from error
        except _CONVERTERS_RAISE as error:
            raise ExportError(f"{whole.name} cannot be converted to {precision}: {error}") from error
