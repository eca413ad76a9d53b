"""timm models on torch (extra `timm`). Needed only where a row's weights are a state dict and not an ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed.backends.base import Device, require_answer
from vpx_vision_embed.errors import BackendError, BackendUnavailableError, ClosedError
from vpx_vision_embed.models import ModelSpec

try:
    import timm
    import torch
except (ImportError, RuntimeError) as error:  # torchvision without its operators stops with RuntimeError
    raise BackendUnavailableError(
        "timm and torch are not usable here: install the extra `timm` of vpx-identity-builder"
    ) from error


class TimmBackend:
    """One timm architecture in evaluation mode, fp32; its pooled features are the embedding.

    Args:
        spec: the row; `timm_name`, input size and dim are used.
        state_dict: verified safetensors file, or None for random weights (to test the architecture).
        device: "auto" takes CUDA where torch sees it.
        threads: torch's CPU threads; a setting of the whole process, so it is set only where it differs.
    """

    def __init__(self, spec: ModelSpec, state_dict: Path | None, device: Device = "auto", threads: int = 2) -> None:
        self._device = _choose_device(device)
        self._dim = spec.dim
        if self._device == "cpu" and torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        self._model: torch.nn.Module | None = build_model(spec, state_dict).to(self._device)

    @property
    def device(self) -> str:
        """Where it runs: "cpu" or "cuda"."""
        return self._device

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, 3, h, w) float32 → (n, dim) float32; see `Backend`."""
        model = self._model
        if model is None:
            raise ClosedError("the timm backend is closed")
        try:
            with torch.inference_mode():
                answer = model(torch.from_numpy(batch).to(self._device)).float().cpu().numpy()
        except (RuntimeError, AssertionError) as error:  # timm checks the input size with assertions
            raise BackendError(f"torch refused a batch of shape {batch.shape}: {error}") from error
        return require_answer(answer, len(batch), self._dim)

    def close(self) -> None:
        """Let go of the model; a second call does nothing."""
        self._model = None


def build_model(spec: ModelSpec, state_dict: Path | None) -> torch.nn.Module:
    """The row's architecture without a classifier, in evaluation mode; position embeddings fit the row's input size."""
    if spec.timm_name is None:
        raise BackendError(f"{spec.key} has no timm architecture")
    overlay = {"file": str(state_dict)} if state_dict is not None else None
    try:
        model: torch.nn.Module = timm.create_model(
            spec.timm_name,
            pretrained=state_dict is not None,
            pretrained_cfg_overlay=overlay,
            img_size=spec.preprocessing.size_px,
            num_classes=0,
        )
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        raise BackendError(f"timm cannot build {spec.timm_name} from {state_dict}: {error}") from error
    return model.eval()


def _choose_device(device: Device) -> str:
    has_cuda = bool(torch.cuda.is_available())
    if device == "cuda" and not has_cuda:
        raise BackendUnavailableError("device cuda: torch sees no CUDA device")
    return "cuda" if has_cuda and device != "cpu" else "cpu"
