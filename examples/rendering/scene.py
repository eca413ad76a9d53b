"""Compose frames: background, body, turned head, occluder, light, focus and noise; and write down what was drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .head import Head, draw_head, projected
from .plan import OCCLUDERS, Moment

Picture = NDArray[np.uint8]
Floats = NDArray[np.floating]
FRAME_HEIGHT, WIDTH_OF_ONE, WIDTH_OF_TWO = 480, 640, 960
SCALE = 1.6
"""Frame pixels per photograph pixel: the face is about 150 pixels wide."""
NOISE_LEVELS = 1.5
MARGIN_PX = 4


@dataclass(frozen=True)
class Rider:
    """A head, its body layer at frame scale (h, w, 3) with alpha (h, w), and a name."""

    name: str
    head: Head
    body: Picture
    body_alpha: NDArray[np.float32]


class Stage:
    """Draws frames of one ride; everything random comes from `seed`."""

    def __init__(self, riders: list[Rider], seed: int) -> None:
        self.size = (WIDTH_OF_ONE if len(riders) == 1 else WIDTH_OF_TWO, FRAME_HEIGHT)
        self._riders = riders
        self._rng = np.random.default_rng(seed)
        self._noise = self._rng.normal(0, NOISE_LEVELS, (self.size[1] + 64, self.size[0] + 64, 3)).astype(np.float32)
        self._scenery = _scenery(self.size, self._rng)

    def frame(self, t_s: float, moments: list[Moment]) -> tuple[Picture, list[dict[str, Any]]]:
        """The picture (h, w, 3) uint8 BGR and per rider the truth about it."""
        picture = self._background(t_s)
        truths = []
        for index, (rider, moment) in enumerate(zip(self._riders, moments, strict=True)):
            place = self._place(index, t_s)
            picture, mesh = _with_rider(picture, rider, moment, place)
            picture, share = with_occluder(picture, mesh, moment)
            truths.append(_truth(rider.name, moment, mesh, share))
        light = moments[0]
        picture = 255 * light.gain * np.clip(picture / 255, 0, 1) ** np.float32(light.gamma)
        if light.blur_px > 0.05:
            picture = cv2.GaussianBlur(picture, (0, 0), light.blur_px)
        picture = picture + self._grain()
        return np.clip(picture, 0, 255).astype(np.uint8), truths

    def _grain(self) -> Floats:
        """Sensor noise: another part of one noise field for each frame."""
        top, left = self._rng.integers(0, 64, 2)
        return self._noise[top : top + self.size[1], left : left + self.size[0]]

    def _place(self, index: int, t_s: float) -> tuple[float, float]:
        """Where the head's pivot is in the frame, swaying with the ride."""
        x = self.size[0] * (0.5 if len(self._riders) == 1 else (0.27, 0.74)[index])
        return x + 9 * np.sin(0.8 * t_s + 2 * index), 235 + 5 * np.sin(1.7 * t_s + index)

    def _background(self, t_s: float) -> Floats:
        shift = int(t_s * 260) % (self._scenery.shape[1] - self.size[0])
        return self._scenery[:, shift : shift + self.size[0]].astype(np.float32)


def _scenery(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """A blurred landscape three frames wide whose ends meet."""
    width, height = size
    rows = np.linspace(0, 1, height)[:, None, None]
    picture = (1 - rows) * np.array([205, 180, 150]) + rows * np.array([70, 105, 90]) + np.zeros((1, 2 * width, 1))
    picture = np.ascontiguousarray(picture)
    for _ in range(70):
        centre = (int(rng.integers(0, 2 * width)), int(rng.integers(height * 0.35, height)))
        colour = tuple(map(float, rng.uniform(30, 150, 3) * [0.8, 1.0, 0.8]))
        cv2.ellipse(picture, centre, tuple(map(int, rng.integers(15, 90, 2))), 0, 0, 360, colour, -1)
    picture = np.hstack([picture, picture[:, :width]])
    return cv2.GaussianBlur(picture, (0, 0), 6).clip(0, 255).astype(np.uint8)


def _with_rider(picture: Floats, rider: Rider, moment: Moment, place: tuple[float, float]) -> tuple[Floats, Floats]:
    size, head = (picture.shape[1], picture.shape[0]), rider.head
    shift = np.array([[1, 0, place[0] - SCALE * head.pivot_px[0]], [0, 1, place[1] - SCALE * head.pivot_px[1]]])
    body = cv2.warpAffine(rider.body, shift, size, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(rider.body_alpha, shift, size)[..., None]
    picture = picture + (body - picture) * alpha
    points = head.moved(moment.pose, moment.amounts)
    # The head is drawn into the part of the frame that it takes.
    across = projected(points, head.cm, SCALE, place)[:, :2]
    left, top = np.maximum(0, np.floor(across.min(axis=0)).astype(int) - MARGIN_PX)
    right, bottom = np.minimum(size, np.ceil(across.max(axis=0)).astype(int) + MARGIN_PX)
    centre = (place[0] - left, place[1] - top)
    colour, alpha, mesh = draw_head(head, points, moment.amounts, SCALE, centre, (right - left, bottom - top))
    part = picture[top:bottom, left:right]
    picture[top:bottom, left:right] = part + (colour - part) * alpha[..., None]
    return picture, mesh + np.array([left, top])


def face_mask(mesh: Floats, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The face's area (h, w): the hull of its projected mesh (468, 2)."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(mesh).astype(np.int32)), 1)
    return mask > 0


def with_occluder(picture: Floats, mesh: Floats, moment: Moment) -> tuple[Floats, float]:
    """The picture with the moment's occluder, and the exact share of the face's pixels that it covers."""
    if moment.cover <= 0.02:
        return picture, 0.0
    size = (picture.shape[1], picture.shape[0])
    low, high = mesh.min(axis=0), mesh.max(axis=0)
    extent = high - low
    centre = (low + high) / 2 + extent * [moment.cover_x, moment.cover_y]
    kind = OCCLUDERS[round(moment.cover_kind)]
    half = moment.cover * extent[0] * np.array([1.0, 1.0 if kind == "disk" else 0.62])
    mask = np.zeros((size[1], size[0]), np.uint8)
    place, axes = tuple(map(int, np.round(centre))), tuple(map(int, np.maximum(1, np.round(half))))
    cv2.ellipse(mask, place, axes, 0 if kind == "disk" else -18, 0, 360, 255, -1)
    face = face_mask(mesh, size)
    share = float(((mask > 0) & face).sum() / max(1, face.sum()))
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    if kind == "disk":
        surface = np.full(picture.shape, 28.0)
    else:
        cheeks = mesh[[50, 280, 101, 330]].clip(0, np.array(size) - 1).astype(int)
        cheek = np.median(picture[cheeks[:, 1], cheeks[:, 0]], axis=0)
        slant = (rows - centre[1] + 0.32 * (columns - centre[0])) / max(1.0, half[1])
        fingers = 0.88 + 0.07 * np.cos(slant * 2 * np.pi * 1.75) ** 3 - 0.08 * slant
        surface = cheek * fingers[..., None]
    soft = cv2.GaussianBlur(mask, (0, 0), 0.8)[..., None] / 255.0
    return picture * (1 - soft) + surface * soft, share


def _truth(name: str, moment: Moment, mesh: Floats, share: float) -> dict[str, Any]:
    (left, top), (right, bottom) = mesh.min(axis=0), mesh.max(axis=0)
    return {
        "identity": name,
        "yaw_deg": round(moment.yaw, 3),
        "pitch_deg": round(moment.pitch, 3),
        "roll_deg": round(moment.roll, 3),
        "expression": moment.expression,
        "mouth": round(moment.mouth, 3),
        "eyes_closed": round(moment.eyes, 3),
        "smile": round(moment.smile, 3),
        "occluder": OCCLUDERS[round(moment.cover_kind)] if share > 0 else None,
        "occluded_share": round(share, 4),
        "light": {"gain": round(moment.gain, 3), "gamma": round(moment.gamma, 3)},
        "blur_px": round(moment.blur_px, 3),
        "face_box_px": [round(float(v), 1) for v in (left, top, right, bottom)],
    }
