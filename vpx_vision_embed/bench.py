"""`vision-embed bench`: what each stage costs, and what everything around the bare model adds to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed.backends.base import Device, Precision
from vpx_vision_embed.crops import cut_square
from vpx_vision_embed.embedder import BackendName, VisionEmbedder, raw_inference
from vpx_vision_embed.preprocess import preprocess

CROP_SIDES = (140, 180, 220, 250, 300, 360)
"""Sides in px of the benchmark's face crops: faces of 90 to 240 px."""
_FRAME = (720, 1280)


@dataclass(frozen=True)
class Row:
    """One combination: the best of all rounds, ms per image; `overhead` = `embed_ms` / `infer_ms`.

    Attributes:
        crop_ms: cutting a square out of a frame.
        preprocess_ms: resize and normalisation on the CPU (a GPU backend prepares crops itself, inside `embed_ms`).
        infer_ms: the bare model on tensors that were made before.
        embed_ms: crops in, unit vectors out.
    """

    model: str
    backend: str
    device: str
    precision: str
    threads: int
    batch: int
    crop_ms: float
    preprocess_ms: float
    infer_ms: float
    embed_ms: float
    images_per_s: float
    overhead: float

    def as_json(self) -> dict[str, str | int | float]:
        """The row as plain values."""
        return asdict(self)


CPU_THREADS, GPU_THREADS = (1, 2), (1,)
CPU_BATCHES, GPU_BATCHES = (1, 8), (1, 8, 32, 64, 128)


def bench(
    model: str,
    backend: BackendName = "auto",
    precision: Precision = "fp32",
    threads: Sequence[int] | None = None,
    batches: Sequence[int] | None = None,
    rounds: int = 15,
    device: Device = "auto",
) -> list[Row]:
    """Measure one model for every number of threads and every batch size. Errors as `VisionEmbedder`.

    On a GPU the threads of the CPU say little and batches pay, so the defaults differ there.
    """
    rows = []
    with VisionEmbedder(model, device, backend=backend, precision=precision) as probe:
        on_gpu = probe.device == "cuda"
    for count in threads or (GPU_THREADS if on_gpu else CPU_THREADS):
        with VisionEmbedder(model, device, threads=count, backend=backend, precision=precision) as embedder:
            sizes = batches or (GPU_BATCHES if on_gpu else CPU_BATCHES)
            rows += [_measure(embedder, count, batch, rounds, precision) for batch in sizes]
    return rows


def _measure(embedder: VisionEmbedder, threads: int, batch: int, rounds: int, precision: str) -> Row:
    frame, boxes, crops = smooth_frame(), [_square(index) for index in range(batch)], face_crops(batch)
    infer = raw_inference(embedder, crops)
    stages: dict[str, Callable[[], object]] = {
        "crop": lambda: [cut_square(frame, box) for box in boxes],
        "preprocess": lambda: preprocess(crops, embedder.spec.preprocessing),
        "infer": infer,
        "embed": lambda: embedder.embed(crops),
    }
    times = interleaved(stages, rounds)
    ms = {name: times[name] * 1e3 / batch for name in stages}
    return Row(
        model=embedder.spec.key,
        backend=embedder.backend_name,
        device=embedder.device,
        precision=precision,
        threads=threads,
        batch=batch,
        crop_ms=round(ms["crop"], 3),
        preprocess_ms=round(ms["preprocess"], 3),
        infer_ms=round(ms["infer"], 3),
        embed_ms=round(ms["embed"], 3),
        images_per_s=round(1e3 / ms["embed"], 1),
        overhead=round(ms["embed"] / ms["infer"], 3),
    )


def interleaved(stages: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Least seconds of each stage, which take turns: what other programs cost at the time is no part of it."""
    for run in stages.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(rounds):
        for name, run in stages.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: min(taken) for name, taken in times.items()}


def face_crops(count: int) -> list[NDArray[np.uint8]]:
    """Square crops of the sizes that faces have, out of `smooth_frame`."""
    frame = smooth_frame()
    return [cut_square(frame, _square(index))[0] for index in range(count)]


def smooth_frame() -> NDArray[np.uint8]:
    """(720, 1280, 3) uint8: random blobs."""
    coarse = np.random.default_rng(0).integers(0, 256, (45, 80, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, _FRAME[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def _square(index: int) -> tuple[float, float, float, float]:
    side = float(CROP_SIDES[index % len(CROP_SIDES)])
    left, top = 37.0 * index % (_FRAME[1] - side), 23.0 * index % (_FRAME[0] - side)
    return left, top, left + side, top + side
