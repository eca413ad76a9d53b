"""timm → ONNX, in fp32, fp16 or int8; an export is kept only if it answers like the model it came from."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed import weights
from vpx_vision_embed.backends.convert import cosines, needs_pictures, to_fp16, to_int8, to_int8_measured
from vpx_vision_embed.backends.onnx import OnnxBackend
from vpx_vision_embed.calibration import Calibration
from vpx_vision_embed.errors import ExportError, WeightsError
from vpx_vision_embed.models import ExportPrecision, ModelSpec
from vpx_vision_embed.preprocess import preprocess

LEAST_COSINE: dict[ExportPrecision, float] = {"fp32": 0.99999, "fp16": 0.999, "int8": 0.97}
"""Cosine of every parity image between the export and fp32, below which the export is thrown away."""
MEAN_COSINE: dict[ExportPrecision, float] = {"int8": 0.99}
"""Mean of the same, where ranges were measured on pictures; the check is made with other squares of them."""
_OPSET = 17
_PARITY_IMAGES = 8


@dataclass(frozen=True)
class Export:
    """A kept export, its smallest and mean cosine to the model it came from over the parity images.

    `kept_fp32`: layers of an int8 export that are fp32 because they are too sensitive.
    """

    path: Path
    precision: ExportPrecision
    least_cosine: float
    mean_cosine: float
    kept_fp32: tuple[str, ...] = ()


def export(spec: ModelSpec, precision: ExportPrecision = "fp32", squares: Calibration | None = None) -> Export:
    """Write `<models_dir>/vision/<name>.onnx` and its checksum list from the row's verified weights, or nothing at all.

    A row with a timm architecture is exported from its state dict; any other row's own ONNX file is only converted.

    Args:
        spec: the row.
        precision: "fp32", "fp16" or "int8".
        squares: what to calibrate and check with; needed by int8 of a convolutional model, which measures ranges.

    Raises:
        WeightsError: the weights are missing or wrong. BackendUnavailableError: the extra `timm` is not installed.
        ExportError: the export fails, or answers too differently.
    """
    folder = weights.vision_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as scratch:
            return _export(spec, precision, squares, Path(scratch), folder)
    except OSError as error:
        if isinstance(error, WeightsError):
            raise
        raise ExportError(f"{spec.key} could not be exported to {folder}: {error.strerror or error}") from error


def _export(
    spec: ModelSpec, precision: ExportPrecision, squares: Calibration | None, scratch: Path, folder: Path
) -> Export:
    whole = _whole(spec, precision, scratch)
    part = scratch / weights.onnx_name(spec, precision)
    parity, kept = parity_images(spec), tuple[str, ...]()
    measured = precision == "int8" and needs_pictures(whole)
    expected = None if measured else _answer(spec, whole, parity)
    if precision == "fp32":
        whole.replace(part)
    elif precision == "fp16":
        to_fp16(whole, part)
    elif not measured:
        to_int8(whole, part)
    else:
        if squares is None:
            raise ExportError(
                f"int8 of {spec.key} measures ranges: name a photo, a folder of photos or a video with --calibrate"
            )
        kept = tuple(to_int8_measured(whole, part, preprocess(squares.training, spec.preprocessing)))
        parity = preprocess(squares.checking, spec.preprocessing)
    if expected is None:
        expected = _answer(spec, whole, parity)
    found = cosines(_answer(spec, part, parity), expected)
    least, mean = float(found.min()), float(found.mean())
    wanted = MEAN_COSINE.get(precision, 0.0) if measured else 0.0
    if least < LEAST_COSINE[precision] or mean < wanted:
        asked = f"at least {LEAST_COSINE[precision]:g}" + (f" and a mean of {wanted:g}" if wanted else "")
        raise ExportError(
            f"the {precision} export of {spec.key} answers too differently (cosine {least:.5f}, mean {mean:.5f}; "
            f"{asked} is asked for); it was not kept"
        )
    weights.adopt(part, folder)
    return Export(folder / part.name, precision, least, mean, kept)


def _whole(spec: ModelSpec, precision: ExportPrecision, scratch: Path) -> Path:
    """The row's fp32 ONNX file: its own, or made from its state dict and compared with it."""
    if spec.timm_name is None:
        if precision == "fp32":
            raise ExportError(f"{spec.key} is an fp32 ONNX file already; there is nothing to export")
        return weights.locate(spec)
    state_dict = weights.locate_state_dict(spec)
    from vpx_vision_embed.backends.timm import build_model, write_onnx

    whole = scratch / "fp32.onnx"
    answer = write_onnx(build_model(spec, state_dict), spec, whole, parity_images(spec), _OPSET)
    least = float(cosines(_answer(spec, whole, parity_images(spec)), answer).min())
    if least < LEAST_COSINE["fp32"]:
        raise ExportError(
            f"the fp32 export of {spec.key} answers too differently (cosine {least:.5f}, at least "
            f"{LEAST_COSINE['fp32']:g} is asked for); it was not kept"
        )
    return whole


def _answer(spec: ModelSpec, path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    return OnnxBackend(path, spec.dim, "cpu").infer(batch)


def parity_images(spec: ModelSpec) -> NDArray[np.float32]:
    """(8, 3, size_px, size_px) float32: smooth random pictures, normalised as the row's."""
    rng = np.random.default_rng(0)
    size = spec.preprocessing.size_px
    coarse = rng.random((_PARITY_IMAGES, 3, 14, 14), dtype=np.float32)
    smooth = np.kron(coarse, np.ones((1, 1, -(-size // 14), -(-size // 14)), np.float32))[:, :, :size, :size]
    mean, std = (np.asarray(v, np.float32)[:, None, None] for v in (spec.preprocessing.mean, spec.preprocessing.std))
    return np.ascontiguousarray((smooth - mean) / std, dtype=np.float32)
