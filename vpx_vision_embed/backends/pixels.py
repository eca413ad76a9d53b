"""ONNX Runtime on uint8 pixels: for a model so quick that turning crops into floats costs a tenth of it.

At load, the verified model gets three nodes in front, in memory: uint8 to float, times scale, plus offset, the same
operations as in `preprocess.preprocess`. What is left to do per crop is the resize. Means over a whole picture become
the operator that ONNX Runtime has for them, which saves it two rearrangements of the channels. Input and output are
bound once per thread, to memory that every call uses again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from vpx_vision_embed.backends.onnx import ORT_ERRORS, OnnxBackend, load_session
from vpx_vision_embed.errors import BackendError, ClosedError
from vpx_vision_embed.models import ModelSpec, Preprocessing
from vpx_vision_embed.preprocess import affine, preprocess, quickly_resized

if TYPE_CHECKING:
    import onnxruntime as ort

PIXELS = "pixels"
_AT_ONCE = 8
"""Crops per run of the model: what it keeps in between of 8 stays in the caches, of 32 it takes a tenth longer."""
_SCALED, _SCALE, _OFFSET, _FLOATS = (f"{PIXELS}.{name}" for name in ("scaled", "scale", "offset", "floats"))


class PixelBackend:
    """One ONNX model on the CPU that takes crops; see `Backend` and `CropBackend`.

    Args:
        path: the verified model file, whose external data lies verified beside it.
        spec: the row; its preprocessing is "quick".
        threads: CPU threads per call.
    """

    device = "cpu"

    def __init__(self, path: Path, spec: ModelSpec, threads: int = 2) -> None:
        self._path, self._spec, self._threads = path, spec, threads
        self._session: ort.InferenceSession | None = load_session(
            reading_pixels(path, spec.preprocessing), path, self.device, threads
        )
        self._desks = threading.local()
        self._bare: OnnxBackend | None = None
        self._lock = threading.Lock()

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, 3, h, w) float32 → (n, dim) float32, by the model as it is in the file."""
        return self._bare_model().infer(batch)

    def infer_crops(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(h, w, 3) uint8 BGR crops of any sizes, n ≥ 1 → (n, dim) float32; see `CropBackend`."""
        session = self._session
        if session is None:
            raise ClosedError("the ONNX backend is closed")
        desk: _Desk | None = getattr(self._desks, "own", None)
        if desk is None:
            desk = self._desks.own = _Desk(session, self._spec)
        if len(crops) <= _AT_ONCE:
            return desk.answer(crops)
        starts = range(0, len(crops), _AT_ONCE)
        return np.concatenate([desk.answer(crops[start : start + _AT_ONCE]).copy() for start in starts])

    def raw_inference(self, crops: Sequence[NDArray[np.uint8]]) -> Callable[[], object]:
        """A call that runs the model as it is in the file on these crops, made into a float tensor beforehand."""
        batch = preprocess(crops, self._spec.preprocessing)
        bare = self._bare_model()
        return lambda: bare.infer(batch)

    def close(self) -> None:
        """Let go of the sessions and of every thread's memory; a second call does nothing."""
        with self._lock:
            bare, self._bare, self._session = self._bare, None, None
            self._desks = threading.local()
        if bare is not None:
            bare.close()

    def _bare_model(self) -> OnnxBackend:
        """Loaded at the first call: embedding needs none."""
        with self._lock:
            if self._session is None:
                raise ClosedError("the ONNX backend is closed")
            if self._bare is None:
                self._bare = OnnxBackend(self._path, self._spec.dim, "cpu", self._threads)
            return self._bare


class _Desk:
    """One thread's memory, bound to the model's input and output; it grows with the largest batch."""

    def __init__(self, session: ort.InferenceSession, spec: ModelSpec) -> None:
        self._session, self._spec = session, spec
        self._output = session.get_outputs()[0].name
        size = spec.preprocessing.size_px
        self._square = np.empty((size, size, 3), np.uint8)
        self._planes = np.empty((0, 3, size, size), np.uint8)
        self._rows = np.empty((0, spec.dim), np.float32)
        self._binding = session.io_binding()
        self._bound = 0

    def answer(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(n, dim) float32, good until this thread's next call."""
        count = len(crops)
        try:
            if count != self._bound:
                self._bind(count)
            for crop, planes in zip(crops, self._planes, strict=False):
                quickly_resized(crop, self._spec.preprocessing, self._square, planes)
            self._session.run_with_iobinding(self._binding)
        except ORT_ERRORS as error:
            raise BackendError(f"ONNX Runtime refused pixels of shape {self._planes[:count].shape}: {error}") from error
        return self._rows[:count]

    def _bind(self, count: int) -> None:
        self._bound = 0
        if count > len(self._planes):
            self._planes = np.empty((count, *self._planes.shape[1:]), np.uint8)
            self._rows = np.empty((count, self._spec.dim), np.float32)
        planes, rows = self._planes[:count], self._rows[:count]
        self._binding.bind_input(PIXELS, "cpu", 0, np.uint8, planes.shape, planes.ctypes.data)
        self._binding.bind_output(self._output, "cpu", 0, np.float32, rows.shape, rows.ctypes.data)
        self._bound = count


def reading_pixels(path: Path, spec: Preprocessing) -> bytes:
    """The model of a file, taking (n, 3, size_px, size_px) uint8 RGB planes named "pixels" instead of floats.

    Raises BackendError: the file is no ONNX model with one float input.
    """
    try:
        model = onnx.load(path)
        graph = model.graph
        weights = {tensor.name for tensor in graph.initializer}
        (floats,) = (value for value in graph.input if value.name not in weights)
    except (OSError, ValueError, DecodeError, onnx.checker.ValidationError) as error:
        raise BackendError(f"ONNX Runtime cannot load {path}: not a model with one input ({error})") from error
    scale, offset = (onnx.numpy_helper.from_array(values[None]) for values in affine(spec))
    scale.name, offset.name = _SCALE, _OFFSET
    front = (
        onnx.helper.make_node("Cast", [PIXELS], [_FLOATS], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Mul", [_FLOATS, _SCALE], [_SCALED]),
        onnx.helper.make_node("Add", [_SCALED, _OFFSET], [floats.name]),
    )
    for node in reversed(front):
        graph.node.insert(0, node)
    graph.initializer.extend((scale, offset))
    _pool_whole_pictures(graph)
    shape = ["n", 3, spec.size_px, spec.size_px]
    floats.CopyFrom(onnx.helper.make_tensor_value_info(PIXELS, onnx.TensorProto.UINT8, shape))
    return bytes(model.SerializeToString())


def _pool_whole_pictures(graph: onnx.GraphProto) -> None:
    """Turn every mean over height and width into a GlobalAveragePool, in place; of (n, c, h, w) they are the same."""
    axes = {t.name: set(onnx.numpy_helper.to_array(t).tolist()) for t in graph.initializer if len(t.dims) == 1}
    for node in graph.node:
        keeps = all(attribute.i for attribute in node.attribute if attribute.name == "keepdims")
        if node.op_type == "ReduceMean" and keeps and axes.get(node.input[-1]) in ({-2, -1}, {2, 3}):
            node.op_type = "GlobalAveragePool"
            del node.attribute[:], node.input[1:]
