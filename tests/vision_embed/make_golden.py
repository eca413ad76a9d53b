"""Regenerates `golden_preprocessing.json` from timm's own evaluation transforms: `make golden` in the timm environment.

Pictures are made by formula, so that none has to be stored. Of each transformed picture a grid of values is kept.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).with_name("golden_preprocessing.json")
SIZES = ((180, 180), (224, 224), (250, 250), (333, 270), (611, 611))
STEP = 28
"""Every 28th pixel of each row and column is kept."""


def picture(height: int, width: int) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 BGR: waves of every length down to two pixels, and a hard edge."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [np.sin(x * x / (f * width) + y / (3.0 + f)) + np.cos(y * y / (f * height) - x / 5.0) for f in (2, 5, 11)]
    image = np.stack(waves, axis=2) * 60.0 + 128.0
    image[height // 3 : height // 2, width // 4 : width // 2] = (250.0, 10.0, 120.0)
    return np.asarray(np.clip(np.rint(image), 0, 255), np.uint8)


def timm_transform(timm: Any, timm_name: str, size_px: int) -> Any:
    """timm's evaluation transform of a model at this input size."""
    config = timm.data.resolve_data_config(
        {"input_size": (3, size_px, size_px)}, pretrained_cfg=timm.get_pretrained_cfg(timm_name).to_dict()
    )
    return timm.data.create_transform(**config, is_training=False)


def transformed(transform: Any, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(3, size, size) float32 of a BGR picture."""
    from PIL import Image

    return np.asarray(transform(Image.fromarray(np.ascontiguousarray(image[:, :, ::-1]))).numpy(), np.float32)


def main() -> None:
    from timm_import import timm_or_skip

    from vpx_vision_embed.models import MODELS

    timm = timm_or_skip()
    found = {}
    for spec in MODELS:
        if spec.timm_name is None:
            continue
        transform = timm_transform(timm, spec.timm_name, spec.preprocessing.size_px)
        for height, width in SIZES:
            grid = transformed(transform, picture(height, width))[:, ::STEP, ::STEP]
            found[f"{spec.key} {height}x{width}"] = np.round(grid, 4).tolist()
    GOLDEN.write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
