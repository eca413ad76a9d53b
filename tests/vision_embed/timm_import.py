"""Makes timm importable beside a torch for the CPU: its torchvision then comes without operators, but asks for them.

Only the names are defined; no test calls them. Where torchvision is whole nothing is done.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

import pytest

_KEPT: list[object] = []
"""torch drops definitions when their library object goes."""


def timm_or_skip() -> ModuleType:
    """The module timm; skips the test where timm or torch is not installed."""
    for name in ("torch", "timm", "torchvision"):
        if importlib.util.find_spec(name) is None:
            pytest.skip("the extra `timm` is not installed (make test-timm)")
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        torch = importlib.import_module("torch")
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(library)
    return importlib.import_module("timm")
