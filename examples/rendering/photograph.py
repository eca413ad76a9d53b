"""The photograph and what a person traced on it: head and body outlines.

NASA's portrait of the astronaut Eileen Collins (public domain), as the package scikit-image carries it. The picture is
never part of this repository: `make .venv/sample/astronaut.png` takes it out of the package.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

SHA256 = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"
DEFAULT_PATH = Path(__file__).resolve().parents[2] / ".venv" / "sample" / "astronaut.png"
TEXTURE_SCALE = 3

# Outlines (x, y) in pixels of the 512 × 512 photograph. The head, clockwise: left ear, hair, right ear, jaw, chin.
HEAD = [
    (183, 140), (183, 131), (179, 130), (175, 126), (172, 119), (167, 113), (161, 107), (157, 100), (156, 90),
    (155, 80), (155, 70), (158, 59), (164, 51), (173, 44), (184, 39), (191, 35), (197, 30), (207, 24), (218, 20),
    (230, 18), (242, 19), (255, 24), (267, 30), (276, 35), (283, 41), (288, 48), (293, 58), (296, 68), (298, 78),
    (299, 88), (297, 98), (294, 107), (287, 116), (280, 124), (275, 132), (270, 135), (265, 135), (264, 143),
    (259, 154), (253, 162), (246, 169), (238, 175), (228, 178), (219, 177), (208, 174), (198, 168), (190, 161),
    (185, 151),
]  # fmt: skip
# The body: collar ring, suit, down to the bottom of the picture and up again, closed through the neck.
BODY = [
    (186, 149), (170, 149), (155, 151), (140, 156), (128, 167), (120, 178), (114, 192), (114, 206), (100, 217),
    (80, 234), (66, 248), (56, 265), (49, 280), (41, 300), (36, 318), (32, 332), (29, 345), (29, 400), (361, 400),
    (359, 345), (357, 330), (351, 305), (345, 281), (337, 263), (324, 249), (305, 236), (300, 223), (290, 209),
    (280, 196), (270, 185), (258, 178), (255, 172),
]  # fmt: skip
NECK = [(188, 96), (254, 96), (255, 172), (252, 184), (240, 190), (228, 190), (212, 187), (197, 184), (189, 178)]
NECK_SKIN = ((192, 172), (250, 176))


class PhotographError(FileNotFoundError):
    """The photograph is absent or is not the expected file."""


def load_photograph(path: Path = DEFAULT_PATH) -> Picture:
    """Return the photograph (512, 512, 3) uint8 BGR; PhotographError where it is absent or another file."""
    if not path.is_file():
        raise PhotographError(f"no photograph at {path}; run: make .venv/sample/astronaut.png")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise PhotographError(f"{path} is not the expected photograph (SHA-256 differs)")
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def outline_mask(outline: list[tuple[int, int]], size: tuple[int, int], scale: float, soft_px: float) -> NDArray:
    """Return (h, w) float32 in 0..1: inside of an outline drawn `scale` times as large, with a soft edge."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(mask, [np.round(np.array(outline, np.float64) * scale).astype(np.int32)], 255)
    return cv2.GaussianBlur(mask, (0, 0), soft_px).astype(np.float32) / 255


def texture(picture: Picture) -> Picture:
    """Return the photograph enlarged `TEXTURE_SCALE` times, the resolution that texture is taken from."""
    return cv2.resize(picture, None, fx=TEXTURE_SCALE, fy=TEXTURE_SCALE, interpolation=cv2.INTER_CUBIC)


def body_layer(large: Picture) -> tuple[Picture, NDArray]:
    """Return the body without the head, a painted neck in its place, and its alpha (h, w) float32.

    `large` is the photograph at texture scale; so are the results.
    """
    size, k = (large.shape[1], large.shape[0]), TEXTURE_SCALE
    left, right = (large[y * k - 4 : y * k + 5, x * k - 4 : x * k + 5].mean(axis=(0, 1)) for x, y in NECK_SKIN)
    across = np.clip((np.arange(size[0]) / k - NECK[0][0]) / (NECK[1][0] - NECK[0][0]), 0, 1)[None, :, None]
    round_shade = 0.62 + 0.26 * np.sin(np.pi * across)
    painted = np.broadcast_to((left * (1 - across) + right * across) * round_shade, large.shape)
    head = outline_mask(HEAD, size, k, 2.0 * k)[..., None]
    neck = outline_mask(NECK, size, k, 0.8 * k)[..., None]
    tight = outline_mask(HEAD, size, k, 0.6 * k)
    head = np.clip(head * 2.4, 0, 1)
    body = large * (1 - head * neck) + painted * head * neck
    alpha = np.maximum(outline_mask(BODY, size, k, 0.6 * k) * (1 - tight), neck[..., 0])
    return np.clip(body, 0, 255).astype(np.uint8), alpha
