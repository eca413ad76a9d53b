"""timm → ONNX, in fp32, fp16 or int8; an export is kept only if it answers like the model it came from."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed import weights
from vpx_vision_embed.backends.onnx import OnnxBackend
from vpx_vision_embed.errors import BackendUnavailableError, ExportError, WeightsError
from vpx_vision_embed.models import ExportPrecision, ModelSpec

LEAST_COSINE: dict[ExportPrecision, float] = {"fp32": 0.99999, "fp16": 0.999, "int8": 0.97}
"""Cosine of every parity image between the export and fp32, below which the export is thrown away."""
_QUANTIZED = "DynamicQuantizeLinear"
_OPSET = 17
_PARITY_IMAGES = 8


@dataclass(frozen=True)
class Export:
    """A kept export and its smallest cosine to the model it came from, over the parity images."""

    path: Path
    precision: ExportPrecision
    least_cosine: float


def export(spec: ModelSpec, precision: ExportPrecision = "fp32") -> Export:
    """Write `<models_dir>/vision/<name>.onnx` and its checksum list from the row's verified weights, or nothing at all.

    A row with a timm architecture is exported from its state dict; any other row's own ONNX file is only converted.

    Raises:
        WeightsError: the weights are missing or wrong. BackendUnavailableError: the extra `timm` is not installed.
        ExportError: the export fails, or answers too differently.
    """
    folder = weights.vision_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as scratch:
            return _export(spec, precision, Path(scratch), folder)
    except OSError as error:
        if isinstance(error, WeightsError):
            raise
        raise ExportError(f"{spec.key} could not be exported to {folder}: {error.strerror or error}") from error


def _export(spec: ModelSpec, precision: ExportPrecision, scratch: Path, folder: Path) -> Export:
    if spec.timm_name is None:
        if precision == "fp32":
            raise ExportError(f"{spec.key} is an fp32 ONNX file already; there is nothing to export")
        whole = weights.locate(spec)
        expected = OnnxBackend(whole, spec.dim, "cpu").infer(parity_images(spec))
    else:
        state_dict = weights.locate_state_dict(spec)
        from vpx_vision_embed.backends.timm import build_model, write_onnx

        model = build_model(spec, state_dict)
        whole = scratch / "fp32.onnx"
        expected = write_onnx(model, spec, whole, parity_images(spec), _OPSET)
    part = scratch / weights.onnx_name(spec, precision)
    if precision == "fp32":
        whole.replace(part)
    else:
        _convert(whole, part, precision)
    found = OnnxBackend(part, spec.dim, "cpu").infer(parity_images(spec))
    cosine = least_cosine(found, expected)
    if cosine < LEAST_COSINE[precision]:
        raise ExportError(
            f"the {precision} export of {spec.key} answers too differently (cosine {cosine:.5f}, "
            f"at least {LEAST_COSINE[precision]} is asked for); it was not kept"
        )
    weights.adopt(part, folder)
    return Export(folder / part.name, precision, cosine)


def parity_images(spec: ModelSpec) -> NDArray[np.float32]:
    """(8, 3, size_px, size_px) float32: smooth random pictures, normalised as the row's."""
    rng = np.random.default_rng(0)
    size = spec.preprocessing.size_px
    coarse = rng.random((_PARITY_IMAGES, 3, 14, 14), dtype=np.float32)
    smooth = np.kron(coarse, np.ones((1, 1, -(-size // 14), -(-size // 14)), np.float32))[:, :, :size, :size]
    mean, std = (np.asarray(v, np.float32)[:, None, None] for v in (spec.preprocessing.mean, spec.preprocessing.std))
    return np.ascontiguousarray((smooth - mean) / std, dtype=np.float32)


def least_cosine(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Smallest cosine between the rows of two (n, dim) answers."""
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    return float(((found * expected).sum(axis=1) / norms).min())


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


def _convert(whole: Path, part: Path, precision: ExportPrecision) -> None:
    try:
        import onnx
    except ImportError as error:
        raise BackendUnavailableError("the package `onnx` is not installed; fp16 and int8 exports need it") from error
    with warnings.catch_warnings(), _quiet_root_logger():
        warnings.simplefilter("ignore")  # both converters warn of their own internals
        try:
            if precision == "fp16":
                from onnxruntime.transformers.float16 import convert_float_to_float16

                onnx.save(convert_float_to_float16(onnx.load(whole), keep_io_types=True), part)
            else:
                from onnxruntime.quantization import QuantType, quantize_dynamic

                quantize_dynamic(whole, part, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"])
                if all(node.op_type != _QUANTIZED for node in onnx.load(part).graph.node):
                    raise ExportError(f"{whole.name} has no matrix products, the only thing that int8 quantizes here")
        except ExportError:
            raise
        except (RuntimeError, ValueError, AttributeError, ImportError) as error:
            raise ExportError(f"{whole.name} cannot be converted to {precision}: {error}") from error
