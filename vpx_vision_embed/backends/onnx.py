"""ONNX Runtime, on CPU or CUDA."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed.backends.base import Device, require_answer
from vpx_vision_embed.errors import BackendError, BackendUnavailableError, ClosedError

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the library is loaded: it would leave an id in the home

try:
    import onnxruntime as ort
    from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors
except ImportError as error:
    raise BackendUnavailableError(
        "ONNX Runtime is not installed: install the extra `cpu` or `gpu` of vpx-identity-builder"
    ) from error

ORT_ERRORS: tuple[type[Exception], ...] = (
    ValueError,
    RuntimeError,
    *(value for value in vars(ort_errors).values() if isinstance(value, type) and issubclass(value, Exception)),
)
"""Every exception ONNX Runtime raises: its own share no base class, and arguments it dislikes are builtin ones."""


class OnnxBackend:
    """One ONNX model with one input (n, 3, h, w) and the embedding as first output.

    Args:
        path: the verified model file.
        dim: length of an embedding.
        device: "auto" takes CUDA where the installed ONNX Runtime offers it.
        threads: CPU threads per call. They do not spin while idle: spinning costs the rest of the pipeline a third.
    """

    def __init__(self, path: Path, dim: int, device: Device = "auto", threads: int = 2) -> None:
        self._device = choose_device(device)
        self._dim = dim
        self._session: ort.InferenceSession | None = load_session(str(path), path, self._device, threads)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    @property
    def device(self) -> str:
        """Where it runs: "cpu" or "cuda"."""
        return self._device

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, 3, h, w) float32 → (n, dim) float32; see `Backend`."""
        session = self._session
        if session is None:
            raise ClosedError("the ONNX backend is closed")
        try:
            answer = session.run([self._output], {self._input: batch})[0]
        except ORT_ERRORS as error:
            raise BackendError(f"ONNX Runtime refused a batch of shape {batch.shape}: {error}") from error
        return require_answer(answer, len(batch), self._dim)

    def close(self) -> None:
        """Let go of the session; a second call does nothing."""
        self._session = None


def choose_device(device: Device) -> str:
    """ "cpu" or "cuda" for a wish. Raises BackendUnavailableError where ONNX Runtime has no CUDA."""
    has_cuda = "CUDAExecutionProvider" in ort.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise BackendUnavailableError("device cuda: the installed ONNX Runtime has no CUDA (extra `gpu`)")
    return "cuda" if has_cuda and device != "cpu" else "cpu"


def load_session(model: str | bytes, path: Path, device: str, threads: int) -> ort.InferenceSession:
    """A session over a model file or over bytes made of one; every session of this package is made here.

    Args:
        model: path or serialised model.
        path: the verified file that it comes from.
        device: "cpu" or "cuda".
        threads: CPU threads per call; one operator runs at a time.

    Raises:
        BackendError, BackendUnavailableError.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    if device == "cuda":
        providers.insert(0, "CUDAExecutionProvider")
    try:
        session = ort.InferenceSession(model, options, providers=providers)
    except ORT_ERRORS as error:
        raise BackendError(f"ONNX Runtime cannot load {path}: {error}") from error
    if device == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise BackendUnavailableError("device cuda: ONNX Runtime could not start its CUDA provider")
    return session
