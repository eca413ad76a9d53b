"""uint8 BGR crops → float32 batch, as timm's evaluation transform does it, or quicker. Pure.

"bicubic" is Pillow's antialiased bicubic (a = -0.5, the kernel widened by the reduction factor, rounded to a grey level
after each pass) as matrix products: OpenCV's INTER_LINEAR, INTER_CUBIC and INTER_AREA all give other pixels, and other
embeddings. "quick" is for a model that itself takes no longer than that: its embeddings lie at a mean cosine of .999 to
those of "bicubic" (972 face and body crops of 9 videos; first percentile .995).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed.errors import CropError
from vpx_vision_embed.models import Preprocessing

Floats = NDArray[np.float32]

_A = -0.5
_SUPPORT = 2.0
_BLOCK = 56
"""Output pixels per matrix product: large inputs touch only the columns that the block needs."""
_SERIAL_PRODUCT = 200_000
"""Multiplications per matrix product. Above about 260,000 OpenBLAS wakes its thread pool, and on a machine whose cores
are busy a 1 ms resize then waits 60 ms for the other threads."""

_CUBIC_UP_TO = 1.2
"""Reduction up to which OpenCV's cubic lies nearer to the antialiased one than its linear does; beyond, it aliases."""


@dataclass(frozen=True)
class _Block:
    """out[:, low:high] = in[:, first:last] @ weights."""

    low: int
    high: int
    first: int
    last: int
    weights: Floats


class Room:
    """Memory that one thread's calls of `preprocess` use again: fresh memory costs as much as filling it."""

    def __init__(self, spec: Preprocessing) -> None:
        self._spec = spec
        self._batch = empty_batch(1, spec)
        self.square = np.empty((spec.size_px, spec.size_px, 3), np.uint8)
        self.planes = np.empty((3, spec.size_px, spec.size_px), np.uint8)

    def batch(self, count: int) -> Floats:
        """(count, 3, size_px, size_px) float32, not filled."""
        if len(self._batch) < count:
            self._batch = empty_batch(count, self._spec)
        return self._batch[:count]


def preprocess(crops: Sequence[NDArray[np.uint8]], spec: Preprocessing, room: Room | None = None) -> Floats:
    """Resize, centre-crop and normalise.

    Args:
        crops: (h, w, 3) uint8 BGR images of any sizes, h and w at least 1.
        spec: the model's preprocessing.
        room: memory to work in, for which the answer is good until the next call; by default new memory.

    Returns:
        (n, 3, size_px, size_px) float32, RGB planes.

    Raises:
        CropError: anything else than such an image.
    """
    room = Room(spec) if room is None else room
    batch = room.batch(len(crops))
    scale, offset = affine(spec)
    for index, crop in enumerate(crops):
        check_crop(crop, index)
        if spec.resampling == "bicubic":
            np.multiply(resized_centre(crop, spec), scale, out=batch[index])
        else:
            np.multiply(quickly_resized(crop, spec, room.square, room.planes), scale, out=batch[index])
        batch[index] += offset
    return batch


def empty_batch(count: int, spec: Preprocessing) -> Floats:
    """(count, 3, size_px, size_px) float32, not filled."""
    return np.empty((count, 3, spec.size_px, spec.size_px), np.float32)


def check_crop(crop: object, index: int = 0) -> None:
    """Raise CropError unless `crop` is an (h, w, 3) uint8 array with pixels."""
    if not isinstance(crop, np.ndarray):
        raise CropError(f"crop {index}: expected a numpy array of shape (h, w, 3), found {type(crop).__name__}")
    if crop.dtype != np.uint8:
        raise CropError(f"crop {index}: expected uint8, found {crop.dtype}")
    if crop.ndim != 3 or crop.shape[2] != 3 or crop.shape[0] < 1 or crop.shape[1] < 1:
        raise CropError(f"crop {index}: expected shape (h, w, 3) with pixels, found {crop.shape}")


def resized_centre(crop: NDArray[np.uint8], spec: Preprocessing) -> Floats:
    """(3, size, size) float32 RGB planes in 0..255: short side to size / crop_pct, then the centre square."""
    height, width = crop.shape[:2]
    (out_height, out_width), (top, left) = resized_size(height, width, spec)
    planes = np.ascontiguousarray(crop[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32)
    across = _apply(planes.reshape(3 * height, width), _plan(width, out_width, left, spec.size_px))
    columns = np.ascontiguousarray(across.reshape(3, height, spec.size_px).transpose(0, 2, 1))
    down = _apply(columns.reshape(3 * spec.size_px, height), _plan(height, out_height, top, spec.size_px))
    return down.reshape(3, spec.size_px, spec.size_px).transpose(0, 2, 1)


def resized_size(height: int, width: int, spec: Preprocessing) -> tuple[tuple[int, int], tuple[int, int]]:
    """(height, width) after the resize and (top, left) of the centre crop in it, all in px."""
    short = int(spec.size_px / spec.crop_pct)
    if width <= height:
        out_width, out_height = short, int(short * height / width)
    else:
        out_width, out_height = int(short * width / height), short
    return (out_height, out_width), (round((out_height - spec.size_px) / 2), round((out_width - spec.size_px) / 2))


def quickly_resized(
    crop: NDArray[np.uint8], spec: Preprocessing, square: NDArray[np.uint8], planes: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The centre square, halved while twice too large, then interpolated, as RGB planes.

    Args:
        crop: (h, w, 3) uint8 BGR.
        spec: the model's preprocessing.
        square: (size_px, size_px, 3) uint8 to work in.
        planes: (3, size_px, size_px) uint8 to fill, and the answer.
    """
    height, width = crop.shape[:2]
    side = max(1, round(min(height, width) * spec.crop_pct))
    top, left = (height - side) // 2, (width - side) // 2
    source: Any = crop[top : top + side, left : left + side]
    while (half := len(source) // 2) >= spec.size_px:
        source = cv2.resize(source[: 2 * half, : 2 * half], (half, half), interpolation=cv2.INTER_AREA)
    nearly_right = len(source) <= _CUBIC_UP_TO * spec.size_px
    resampling = cv2.INTER_CUBIC if nearly_right else cv2.INTER_LINEAR
    cv2.resize(source, (spec.size_px, spec.size_px), dst=square, interpolation=resampling)
    cv2.split(square, tuple(planes[::-1]))
    return planes


def _apply(rows: Floats, plan: tuple[_Block, ...]) -> Floats:
    out = np.empty((rows.shape[0], plan[-1].high), np.float32)
    for block in plan:
        _multiply(rows[:, block.first : block.last], block.weights, out[:, block.low : block.high])
    np.rint(out, out=out)
    return np.clip(out, 0.0, 255.0, out=out)


def _multiply(rows: Floats, weights: Floats, out: Floats) -> None:
    """out = rows @ weights, as a stack of small products."""
    group = max(1, min(len(rows), _SERIAL_PRODUCT // weights.size))
    whole = len(rows) // group * group
    stack = rows[:whole].reshape(-1, group, rows.shape[1])
    np.matmul(stack, weights, out=out[:whole].reshape(-1, group, out.shape[1]))
    if whole < len(rows):
        np.matmul(rows[whole:], weights, out=out[whole:])


@lru_cache(maxsize=256)
def _plan(size_in: int, size_out: int, start: int, count: int) -> tuple[_Block, ...]:
    """Weights for output pixels start .. start + count of a resize from size_in to size_out pixels."""
    scale = size_in / size_out
    widening = max(scale, 1.0)
    centres = (np.arange(start, start + count) + 0.5) * scale
    first = np.maximum((centres - _SUPPORT * widening + 0.5).astype(np.int64), 0)
    last = np.minimum((centres + _SUPPORT * widening + 0.5).astype(np.int64), size_in)
    blocks = []
    for low in range(0, count, _BLOCK):
        high = min(low + _BLOCK, count)
        begin, end = int(first[low:high].min()), int(last[low:high].max())
        taps = np.arange(begin, end)[:, None]
        weights = _bicubic((taps + 0.5 - centres[low:high]) / widening)
        weights[(taps < first[low:high]) | (taps >= last[low:high])] = 0.0
        weights /= weights.sum(axis=0)
        blocks.append(_Block(low, high, begin, end, weights.astype(np.float32)))
    return tuple(blocks)


def _bicubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(distance)
    near = ((_A + 2.0) * x - (_A + 3.0)) * x * x + 1.0
    far = (((x - 5.0) * x + 8.0) * x - 4.0) * _A
    return np.where(x < 1.0, near, np.where(x < _SUPPORT, far, 0.0))


@lru_cache(maxsize=8)
def affine(spec: Preprocessing) -> tuple[Floats, Floats]:
    """(3, 1, 1) float32 scale and offset: pixels 0..255 → normalised."""
    std = np.asarray(spec.std, np.float64)
    scale = 1.0 / (255.0 * std)
    offset = -np.asarray(spec.mean, np.float64) / std
    return scale.astype(np.float32)[:, None, None], offset.astype(np.float32)[:, None, None]
