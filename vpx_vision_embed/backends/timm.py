"""timm models on torch (extra `timm`). Needed only where a row's weights are a state dict and not an ONNX file.

Crops are prepared on the model's own device: on a GPU only uint8 pixels cross the bus, and crops of one size are
resized together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed.backends.base import Device, Precision, require_answer
from vpx_vision_embed.errors import BackendError, BackendUnavailableError, ClosedError, ExportError
from vpx_vision_embed.models import ModelSpec, Preprocessing
from vpx_vision_embed.preprocess import check_crop, resized_size

try:
    import timm
    import torch

    from vpx_vision_embed.backends.siglip import image_tower, renamed
except (ImportError, RuntimeError) as error:  # torchvision without its operators stops with RuntimeError
    raise BackendUnavailableError(
        "timm and torch are not usable here: install the extra `timm` (docs/vision-embed.md says how)"
    ) from error


class TimmBackend:
    """One timm architecture in evaluation mode; its pooled features are the embedding.

    Args:
        spec: the row; `timm_name`, preprocessing and dim are used.
        state_dict: verified safetensors file, or None for random weights (to test the architecture).
        device: "auto" takes CUDA where torch sees it.
        threads: torch's CPU threads; a setting of the whole process, so it is set only where it differs.
        precision: of the arithmetic; weights stay fp32 and torch's autocast chooses what may be halved.
        compiled: whether torch.compile builds kernels for the model; the first batch of each size then takes minutes.
    """

    def __init__(
        self,
        spec: ModelSpec,
        state_dict: Path | None,
        device: Device = "auto",
        threads: int = 2,
        *,
        precision: Precision = "fp32",
        compiled: bool = False,
    ) -> None:
        self._device = _choose_device(device)
        self._dim = spec.dim
        self._preprocessing = spec.preprocessing
        self._autocast = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision)
        if self._device == "cpu" and torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        model = build_model(spec, state_dict).to(self._device)
        self._model: torch.nn.Module | None = torch.compile(model) if compiled else model

    @property
    def device(self) -> str:
        """Where it runs: "cpu" or "cuda"."""
        return self._device

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, 3, h, w) float32 → (n, dim) float32; see `Backend`."""
        if not isinstance(batch, np.ndarray) or batch.dtype != np.float32:
            raise BackendError(f"torch refused a batch of {getattr(batch, 'dtype', type(batch).__name__)}: not float32")
        return self._run(torch.from_numpy(batch))

    def infer_crops(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(h, w, 3) uint8 BGR crops of any sizes → (n, dim) float32, resized and normalised on the device."""
        return self._run(prepared(crops, self._preprocessing, self._device))

    def raw_inference(self, crops: Sequence[NDArray[np.uint8]]) -> Callable[[], object]:
        """A call that runs the bare model on these crops, which lie on the device as a tensor already."""
        batch = prepared(crops, self._preprocessing, self._device)
        return lambda: self._run(batch)

    def _run(self, batch: torch.Tensor) -> NDArray[np.float32]:
        model = self._model
        if model is None:
            raise ClosedError("the timm backend is closed")
        half = self._autocast
        try:
            with torch.inference_mode(), torch.autocast(self._device, half, enabled=half is not None):
                answer = model(batch.to(self._device)).float().cpu().numpy()
        except (RuntimeError, AssertionError) as error:  # timm checks the input size with assertions
            raise BackendError(f"torch refused a batch of shape {tuple(batch.shape)}: {error}") from error
        return require_answer(answer, len(batch), self._dim)

    def close(self) -> None:
        """Let go of the model; a second call does nothing."""
        self._model = None


def prepared(crops: Sequence[NDArray[np.uint8]], spec: Preprocessing, device: str) -> torch.Tensor:
    """What `preprocess.preprocess` does, on a torch device: (n, 3, size_px, size_px) float32 normalised RGB planes."""
    batch = torch.empty((len(crops), 3, spec.size_px, spec.size_px), dtype=torch.float32, device=device)
    same_size: dict[tuple[int, int], list[int]] = {}
    for index, crop in enumerate(crops):
        check_crop(crop, index)
        same_size.setdefault((crop.shape[0], crop.shape[1]), []).append(index)
    for (height, width), indices in same_size.items():
        pixels = torch.from_numpy(np.stack([crops[index] for index in indices])).to(device)
        planes = pixels.permute(0, 3, 1, 2).flip(1).float()
        (tall, wide), (top, left) = resized_size(height, width, spec)
        resized = _bicubic(_bicubic(planes, (height, wide)), (tall, wide))
        batch[indices] = resized[:, :, top : top + spec.size_px, left : left + spec.size_px]
    mean, std = (torch.tensor(values, device=device).view(3, 1, 1) for values in (spec.mean, spec.std))
    return batch.div_(255.0).sub_(mean).div_(std)


def _bicubic(planes: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resized, rounded to grey levels; called once across and once down, because Pillow rounds in between."""
    resized = torch.nn.functional.interpolate(planes, size, mode="bicubic", antialias=True, align_corners=False)
    return resized.round_().clamp_(0.0, 255.0)


def build_model(spec: ModelSpec, state_dict: Path | None) -> torch.nn.Module:
    """The row's architecture without a classifier, in evaluation mode; position embeddings fit the row's input size.

    The state dict is timm's, or that of SigLIP's authors, of which the image tower is taken.
    """
    if spec.timm_name is None:
        raise BackendError(f"{spec.key} has no timm architecture")
    tower = image_tower(state_dict) if state_dict is not None else None
    # `file` and nothing else of timm's own configuration: no address that it could fetch from instead
    overlay = {"file": str(state_dict), "hf_hub_id": "", "url": ""} if state_dict is not None else None
    try:
        model: torch.nn.Module = timm.create_model(
            spec.timm_name,
            pretrained=state_dict is not None and tower is None,
            pretrained_cfg_overlay=overlay,
            img_size=spec.preprocessing.size_px,
            num_classes=0,
        )
        if tower is not None:
            model.load_state_dict(renamed(tower))
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        raise BackendError(f"timm cannot build {spec.timm_name} from {state_dict}: {error}") from error
    return model.eval()


def _choose_device(device: Device) -> str:
    has_cuda = bool(torch.cuda.is_available())
    if device == "cuda" and not has_cuda:
        raise BackendUnavailableError("device cuda: torch sees no CUDA device")
    return "cuda" if has_cuda and device != "cpu" else "cpu"


def write_onnx(
    model: torch.nn.Module, spec: ModelSpec, path: Path, batch: NDArray[np.float32], opset: int
) -> NDArray[np.float32]:
    """Write the model as ONNX with any number of images per call; returns its own answer to the batch, (n, dim)."""
    images = torch.from_numpy(batch)
    names = {"input_names": ["input"], "output_names": ["embedding"]}
    axes = {"input": {0: "n"}, "embedding": {0: "n"}}
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracing exporter announces its successor and every constant it folds
            torch.onnx.export(
                model, (images,), str(path), dynamic_axes=axes, opset_version=opset, dynamo=False, **names
            )
            answer = model(images).numpy()
    except (RuntimeError, ValueError, TypeError) as error:
        raise ExportError(f"torch cannot export {spec.key}: {error}") from error
    return require_answer(answer, len(batch), spec.dim)
