"""VisionEmbedder: crops in, unit vectors out. The plain Python API that other analyzers share (design document §13).

A model is loaded once per process for each (model, device, backend, threads), however many embedders use it, and freed
with the last of them. Embedders may be used from several threads at once, and must be opened after a fork, not before.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed import weights
from vpx_vision_embed.backends.base import Backend, CropBackend, Device, Precision
from vpx_vision_embed.errors import BackendError, ClosedError
from vpx_vision_embed.frame import embed_frame
from vpx_vision_embed.models import AUTO_BODY, AUTO_FACE, BUNDLED, ModelSpec, get_spec
from vpx_vision_embed.preprocess import Room, check_crop, preprocess
from vpx_vision_embed.types import Box, VisionEmbedOutput

BackendName = Literal["auto", "onnx", "timm"]
MAX_BATCH = 32
MAX_GPU_BATCH = 128
"""Crops per inference: memory stays bounded however many are passed at once."""

_Key = tuple[str, str, str, int, Precision, bool]


@dataclass
class _Shared:
    backend: Backend
    users: int


_lock = threading.Lock()
_sessions: dict[_Key, _Shared] = {}


def choose_model(name: str, role: Literal["face", "body"] = "face", face: ModelSpec | None = None) -> ModelSpec:
    """The row for a setting; `auto` takes the design's default if a file of it is local, otherwise a smaller one.

    Args:
        name: "auto", or a key, alias or version tag.
        role: which default `auto` means.
        face: for bodies, the chosen face model: the second choice of `auto`.

    A local file that turns out to be wrong is an error of the embedder that opens it, never a reason to fall back.
    """
    if name != "auto":
        return get_spec(name)
    for key in AUTO_FACE if role == "face" else AUTO_BODY:
        spec = get_spec(key)
        if weights.is_present(spec):
            return spec
    return face if face is not None else BUNDLED


class VisionEmbedder:
    """Embeds image crops with one model.

    Args:
        model: "auto", or a key, alias or version tag of `models.MODELS`.
        device: "auto", "cpu" or "cuda".
        threads: CPU threads per inference.
        backend: "auto" takes ONNX Runtime if the model's ONNX file is local, otherwise timm.
        precision: "fp32" or "fp16"; "bf16" with timm; "int8" with ONNX, whose files `vision-embed export` writes.
        compiled: torch.compile, with timm.

    Raises:
        UnknownModelError, WeightsError (with the command that fetches the file), BackendError.
    """

    def __init__(
        self,
        model: str = "auto",
        device: Device = "auto",
        *,
        threads: int = 2,
        backend: BackendName = "auto",
        precision: Precision = "fp32",
        compiled: bool = False,
    ) -> None:
        self.spec = choose_model(model)
        torch_only = precision == "bf16" or compiled
        chosen = _choose_backend(self.spec, backend, torch_only)
        if chosen == "timm" and self.spec.timm_name is None:
            raise BackendError(f"{self.spec.key} runs on ONNX Runtime only: choose the backend onnx or auto")
        if chosen == "onnx" and torch_only:
            what = "torch.compile" if compiled else "precision bf16"
            raise BackendError(f"{what} is for the backend timm, which {self.spec.key} does not run on here")
        if chosen == "timm" and precision == "int8":
            raise BackendError(f"precision int8 is for the backend onnx: {self.spec.key} runs on timm here")
        self._key: _Key = (self.spec.key, device, chosen, threads, precision, compiled)
        self._own = threading.local()
        self._backend: Backend | None = _acquire(self._key, self.spec, device)
        # asked once: an isinstance with a protocol takes longer than all else here
        self._crop_backend = self._backend if isinstance(self._backend, CropBackend) else None

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.spec.dim

    @property
    def version(self) -> str:
        """What to write beside every embedding: the row's version tag, and the precision where it is not fp32."""
        precision = self._key[4]
        return self.spec.version if precision == "fp32" else f"{self.spec.version}-{precision}"

    @property
    def backend_name(self) -> str:
        """Which library runs the model: "onnx" or "timm"."""
        return self._key[2]

    @property
    def device(self) -> str:
        """Where the model runs: "cpu" or "cuda"."""
        return self.open_backend().device

    def embed(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed crops of any sizes.

        Args:
            crops: (h, w, 3) uint8 BGR images; of one that is not square only the centre square is seen.

        Returns:
            (n, dim) float32 unit rows in the order of the crops; (0, dim) for none.

        Raises:
            CropError (a ValueError): not such an image. ClosedError: after close(). BackendError: inference failed.
        """
        backend = self.open_backend()
        for index, crop in enumerate(crops):
            check_crop(crop, index)
        rows = np.empty((len(crops), self.dim), np.float32)
        step = MAX_BATCH if backend.device == "cpu" else MAX_GPU_BATCH
        for start in range(0, len(crops), step):
            part = crops[start : start + step]
            if self._crop_backend is not None:
                answer = self._crop_backend.infer_crops(part)
            else:
                answer = backend.infer(preprocess(part, self.spec.preprocessing, self._room()))
            unit_rows(answer, rows[start : start + len(part)])
        return rows

    def _room(self) -> Room:
        """This thread's memory for preprocessing."""
        room: Room | None = getattr(self._own, "room", None)
        if room is None:
            room = self._own.room = Room(self.spec.preprocessing)
        return room

    def embed_frame(
        self, frame: NDArray[np.uint8], faces: Sequence[Box], poses: Sequence[NDArray[np.float64]] = ()
    ) -> VisionEmbedOutput:
        """Embed the faces and upper bodies of one frame, each on its own; nothing is remembered of other frames.

        Args:
            frame: (h, w, 3) uint8 BGR.
            faces: boxes (x1, y1, x2, y2) in px; they may reach over the frame's edge.
            poses: (17, 3) COCO keypoints each: x px, y px, confidence. A body crop comes from the pose whose head lies
                on the face (`body_source` "pose"), otherwise from the face's geometry ("face").

        Returns:
            One entry per face in the order given, with the reason where one was not embedded; this model for both.

        Raises:
            CropError: not such a frame or pose. ClosedError, BackendError: as `embed`.
        """
        return embed_frame(self.embed, self, frame, faces, poses)

    def close(self) -> None:
        """Give the model back; it is freed with its last user. A second call does nothing."""
        if self._backend is not None:
            self._backend = self._crop_backend = None
            _give_back(self._key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open_backend(self) -> Backend:
        """The backend, for those that bring tensors of their own. Raises ClosedError after `close()`."""
        if self._backend is None:
            raise ClosedError(f"the embedder for {self.spec.key} is closed")
        return self._backend


def raw_inference(embedder: VisionEmbedder, crops: Sequence[NDArray[np.uint8]]) -> Callable[[], object]:
    """A call that runs the bare model on these crops, made into a tensor beforehand: what `bench` compares with."""
    backend = embedder.open_backend()
    if isinstance(backend, CropBackend):
        return backend.raw_inference(crops)
    batch = preprocess(crops, embedder.spec.preprocessing)
    return lambda: backend.infer(batch)


def unit_rows(rows: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """(n, dim) float32 with each row divided by its L2 norm, in `out` if given.

    Row by row: after a small model's run each call of numpy comes out of cold caches, and two are fewer than five.

    Raises BackendError on a row without direction: of zeros, or with a number that is not finite.
    """
    units = np.empty_like(rows) if out is None else out
    for row, unit in zip(rows, units, strict=True):
        norm = math.sqrt(row.dot(row))
        if not 0.0 < norm < math.inf:
            raise BackendError("the model answered with a vector of length 0, or with a number that is not finite")
        np.divide(row, norm, out=unit)
    return units


def _choose_backend(spec: ModelSpec, wanted: BackendName, torch_only: bool) -> Literal["onnx", "timm"]:
    if wanted != "auto":
        return wanted
    if torch_only and weights.has_state_dict(spec):
        return "timm"
    return "timm" if not weights.has_onnx(spec) and weights.is_present(spec) else "onnx"


def _acquire(key: _Key, spec: ModelSpec, device: Device) -> Backend:
    with _lock:
        shared = _sessions.get(key)
        if shared is None:
            shared = _sessions[key] = _Shared(_load(key, spec, device), 0)
        shared.users += 1
        return shared.backend


def _give_back(key: _Key) -> None:
    with _lock:
        shared = _sessions[key]
        shared.users -= 1
        if shared.users == 0:
            del _sessions[key]
            shared.backend.close()


def _load(key: _Key, spec: ModelSpec, device: Device) -> Backend:
    _, _, backend, threads, precision, compiled = key
    if backend == "timm":
        from vpx_vision_embed.backends.timm import TimmBackend

        path = weights.locate_state_dict(spec)
        return TimmBackend(spec, path, device, threads, precision=precision, compiled=compiled)
    from vpx_vision_embed.backends.onnx import OnnxBackend, choose_device

    path = weights.locate(spec, precision)
    if spec.preprocessing.resampling == "quick" and choose_device(device) == "cpu":
        from vpx_vision_embed.backends.pixels import PixelBackend

        return PixelBackend(path, spec, threads)
    return OnnxBackend(path, spec.dim, device, threads)
