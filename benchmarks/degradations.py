"""Ladders of pictures that get worse step by step; the first step is always the picture itself."""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]
Step = Callable[[Picture, Box], Picture]

REFERENCE_PX = 120.0
"""Blur is given in pixels of a face this wide."""


def _scale(box: Box) -> float:
    return (box[2] - box[0]) / REFERENCE_PX


def gaussian(sigma: float) -> Step:
    """Out of focus."""
    return lambda picture, box: cv2.GaussianBlur(picture, (0, 0), sigma * _scale(box)) if sigma else picture


def motion(length: float, angle_deg: float = 30.0) -> Step:
    """Moved while the shutter was open."""

    def moved(picture: Picture, box: Box) -> Picture:
        size = max(1, round(length * _scale(box))) | 1
        kernel = np.zeros((size, size), np.float32)
        kernel[size // 2] = 1
        turn = cv2.getRotationMatrix2D((size // 2, size // 2), angle_deg, 1)
        kernel = cv2.warpAffine(kernel, turn, (size, size))
        return cv2.filter2D(picture, -1, kernel / kernel.sum())

    return moved


def light(gain: float) -> Step:
    """Under- or over-exposed by a factor, clipped at white."""
    return lambda picture, _box: np.clip(picture.astype(np.float32) * gain + 0.5, 0, 255).astype(np.uint8)


def smaller(factor: float) -> Step:
    """Further away: the whole frame scaled down."""
    return lambda picture, _box: (
        picture if factor == 1 else cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    )


def jpeg(quality: int, scale: float = 1.0) -> Step:
    """Compressed as JPEG, at another size if `scale` is not 1, which takes the blocks off the 8-pixel grid."""

    def compressed(picture: Picture, _box: Box) -> Picture:
        if quality > 100:
            return picture
        small = picture if scale == 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        coded = cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
        return coded if scale == 1 else cv2.resize(coded, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    return compressed


def video(codec: str, level: int) -> Step:
    """The first picture of a video: `libx264` at a constant rate factor, `mpeg4` at a quantiser; level 0 = as it is."""

    def compressed(picture: Picture, _box: Box) -> Picture:
        if level == 0:
            return picture
        height, width = (side // 2 * 2 for side in picture.shape[:2])
        file = io.BytesIO()
        with av.open(file, "w", format="matroska") as target:
            stream = target.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            if codec == "libx264":
                stream.options = {"crf": str(level), "preset": "veryfast"}
            else:
                stream.codec_context.qmin = stream.codec_context.qmax = level
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="bgr24")
            target.mux(stream.encode(frame))
            target.mux(stream.encode())
        file.seek(0)
        with av.open(file) as source:
            decoded = next(source.decode(video=0)).to_ndarray(format="bgr24")
        result = picture.copy()
        result[:height, :width] = decoded
        return result

    return compressed


def covered(share: float) -> Step:
    """A skin-coloured hand with fingers that rises from below the chin to `share` of the face's height."""

    def hand(picture: Picture, box: Box) -> Picture:
        if share == 0:
            return picture
        x1, y1, x2, y2 = box
        width, height = x2 - x1, y2 - y1
        cheek = picture[round(y1 + 0.55 * height) : round(y1 + 0.65 * height), round(x1 + 0.2 * width) :][
            :, : max(1, round(0.15 * width))
        ]
        rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
        top = y2 - share * height
        across = (columns - (x1 + x2) / 2) / (0.6 * width)
        alpha = np.clip((rows - top - 0.08 * height * across**2) / 2, 0, 1) * (np.abs(across) < 1)
        fingers = 0.85 + 0.12 * np.cos(2 * np.pi * (rows - top) / (0.16 * height)) ** 3
        surface = cheek.reshape(-1, 3).mean(axis=0) * fingers[..., None]
        alpha = alpha[..., None]
        return np.clip(picture * (1 - alpha) + surface * alpha, 0, 255).astype(np.uint8)

    return hand


LADDERS: dict[str, tuple[Step, ...]] = {
    "out of focus": tuple(map(gaussian, (0, 0.5, 0.8, 1.2, 1.8, 2.6, 4.0))),
    "motion blur": tuple(map(motion, (0, 3, 5, 7, 11, 15))),
    "darker": tuple(map(light, (1, 0.8, 0.6, 0.45, 0.3, 0.2, 0.12))),
    "overexposed": tuple(map(light, (1, 1.25, 1.6, 2.0, 2.6, 3.5))),
    "smaller": tuple(map(smaller, (1, 0.85, 0.7, 0.55, 0.4, 0.3))),
    "jpeg": tuple(map(jpeg, (101, 90, 80, 70, 60, 50, 40, 30, 20, 10))),
    "jpeg scaled": tuple(jpeg(quality, 0.72) for quality in (100, 90, 70, 50, 30, 20, 10)),
    "h264": tuple(video("libx264", level) for level in (0, 20, 26, 32, 38, 44, 50)),
    "mpeg4": tuple(video("mpeg4", level) for level in (0, 4, 8, 14, 22, 31)),
    "covered": tuple(map(covered, (0, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65))),
}
