"""The riders: the person on the photograph, and somebody else made out of the same head."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from visualbase import Frame
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.face_detect.pose import HeadPose

from .head import build_head, restyled
from .photograph import TEXTURE_SCALE, body_layer, texture
from .scene import SCALE, Rider
from .textures import Textures

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]
FIT_SCALE = 2
BROWS = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))
BAGS = ((110, 24, 23, 22, 26), (339, 254, 253, 252, 256))


class FitError(RuntimeError):
    """No face was found on the photograph."""


def fitted(picture: Picture) -> tuple[Floats, HeadPose]:
    """The face mesh (468, 3) in photograph pixels and the photograph's own head pose, by the bundled models."""
    module = FaceDetectionAnalyzer(embed=False, appearance=False)
    module.initialize()
    large = cv2.resize(picture, None, fx=FIT_SCALE, fy=FIT_SCALE, interpolation=cv2.INTER_CUBIC)
    faces = module.process(Frame.from_array(large, frame_id=0, t_src_ns=0)).data.detected_faces
    if not faces:
        raise FitError("no face on the photograph")
    best = max(faces, key=lambda face: face.confidence)
    return best.mesh.astype(np.float64) / FIT_SCALE, HeadPose(best.yaw, best.pitch, best.roll)


def make_riders(picture: Picture, count: int) -> list[Rider]:
    """One or two riders; raises FitError where the models find no face on the photograph."""
    mesh, rest = fitted(picture)
    large = texture(picture)
    head = build_head(large, mesh, rest)
    k = SCALE / TEXTURE_SCALE
    layers = [cv2.resize(layer, None, fx=k, fy=k, interpolation=cv2.INTER_AREA) for layer in body_layer(large)]
    first = Rider("first", head, *layers)
    return [first] if count == 1 else [first, second_rider(first, mesh)]


def second_rider(first: Rider, mesh: Floats, proportions: Proportions | None = None, look: Look | None = None) -> Rider:
    """Somebody else: other proportions, mirrored, dark hair, darker skin, a beard.

    The defaults of `Proportions` and `Look` were searched for the lowest Face-ID similarity that still looks like a
    person: proportions and brows count most, the colour of hair and skin hardly.
    """
    head, look = first.head, look or Look()
    points = reshaped(head.points, head.cm, proportions or Proportions()) * [-1.0, 1.0, 1.0]
    old = head.textures
    recoloured = Textures(*(_recoloured(p, mesh, look) for p in (old.plain, old.open_mouth, old.closed_eyes)))
    other = restyled(head, points, recoloured)
    body = _suit(cv2.flip(_skin_tone(first.body, Look()), 1))
    pivot = (first.body.shape[1] / SCALE - head.pivot_px[0], head.pivot_px[1])
    other = replace(other, triangles=head.triangles[:, [0, 2, 1]], pivot_px=pivot)
    return Rider("second", other, body, cv2.flip(first.body_alpha, 1))


@dataclass(frozen=True, slots=True)
class Proportions:
    """How the second head differs, 0 = not at all; shares of the part's own size, `*_cm` in centimetres."""

    eye_gap: float = -0.2
    eye_size: float = -0.2
    nose_width: float = 0.45
    nose_length_cm: float = 0.65
    nose_depth_cm: float = 0.9
    jaw_width: float = 0.2
    chin_length: float = 0.22
    brow_cm: float = -0.5
    mouth_cm: float = -0.5
    face_width: float = -0.08
    slant_cm: float = -0.25


def reshaped(points: Floats, cm: float, p: Proportions) -> Floats:
    """The points (n, 3) with other proportions."""
    x, y, z = (points[:, i] / cm for i in range(3))
    y = y - 2.0  # level with the nose's root, as the pivot lies low
    front = np.clip((z - 2.0) / 2.0, 0, 1)
    eyes = np.exp(-(((y - 2.6) / 1.8) ** 2)) * np.exp(-((x / 6.0) ** 4)) * front
    nose = np.exp(-((x / 2.6) ** 2) - ((y + 0.3) / 2.0) ** 2) * front
    mouth = np.exp(-((x / 4.0) ** 2) - ((y + 3.6) / 1.5) ** 2) * front
    jaw = 1 / (1 + np.exp((y + 3.0) / 1.2))
    wide = x * (1 + p.eye_gap * eyes + p.nose_width * nose + p.jaw_width * jaw + p.face_width)
    tall = y - p.chin_length * np.maximum(0, -y - 1.0) - p.nose_length_cm * nose + p.mouth_cm * mouth
    tall = tall + p.brow_cm * np.exp(-(((y - 4.4) / 0.9) ** 2)) * front + p.eye_size * eyes * (y - 2.6)
    tall = tall + p.slant_cm * eyes * (np.abs(x) - 3.2) / 1.5
    return np.column_stack([wide, tall + 2.0, z + p.nose_depth_cm * nose]) * cm


@dataclass(frozen=True, slots=True)
class Look:
    """How the second head is coloured. `skin_gamma` above 1 darkens, `tint` (b, g, r) multiplies; `hair`, `beard`,
    `brows` and `under_eyes` multiply what grows or lies there; `lines` sharpens what age draws."""

    skin_gamma: float = 1.8
    tint: tuple[float, float, float] = (0.78, 0.86, 0.95)
    hair: float = 0.5
    beard: float = 0.25
    brows: float = 0.3
    under_eyes: float = 0.85
    lines: float = 0.25


def _skin_tone(picture: Picture, look: Look) -> Picture:
    return np.clip(255 * (picture / 255.0) ** look.skin_gamma * look.tint, 0, 255).astype(np.uint8)


def _recoloured(picture: Picture, mesh: Floats, look: Look) -> Picture:
    size = (picture.shape[1], picture.shape[0])
    made = _skin_tone(picture, look).astype(np.float32)
    made += look.lines * (made - cv2.GaussianBlur(made, (0, 0), 5.0))
    grain = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, picture.shape[:2]), (0, 0), 1.2)[..., None]
    made *= 1 - beard_mask(mesh, size)[..., None] * (1 - np.clip(look.beard + 0.12 * grain, 0.1, 1.0))
    for places, factor, wide in ((BROWS, look.brows, 13), (BAGS, look.under_eyes, 12)):
        drawn = np.zeros(picture.shape[:2], np.uint8)
        for line in places:
            cv2.polylines(drawn, [np.round(mesh[list(line), :2] * TEXTURE_SCALE).astype(np.int32)], False, 255, wide)
        made *= 1 - (1 - factor) * cv2.GaussianBlur(drawn, (0, 0), 3.0)[..., None] / 255.0
    oval = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillConvexPoly(oval, cv2.convexHull(np.round(mesh[:, :2] * TEXTURE_SCALE).astype(np.int32)), 255)
    face = cv2.GaussianBlur(oval, (0, 0), 5.0).astype(np.float64)[..., None] / 255
    mix = (1 - face) + face * _is_hair(picture)[..., None]
    grey = made.mean(axis=2, keepdims=True) * look.hair
    return np.clip(made * (1 - mix) + grey * [1.0, 0.97, 0.95] * mix, 0, 255).astype(np.uint8)


def _is_hair(picture: Picture) -> Floats:
    """0..1 for the fringe over the forehead: brown, above the brows."""
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (0, 0), 3).astype(np.float64)
    rows = np.arange(picture.shape[0])[:, None] / TEXTURE_SCALE
    return np.clip((168 - grey) / 30, 0, 1) * np.clip((87 - rows) / 4, 0, 1)


def beard_mask(mesh: Floats, size: tuple[int, int]) -> Floats:
    """0..1 where a short beard grows (h, w): jaw, chin and upper lip, not the lips."""
    grown = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454]
    inner = [411, 410, 322, 393, 164, 167, 92, 186, 187]
    mask = np.zeros((size[1], size[0]), np.uint8)
    loop = mesh[[*grown, *inner], :2].copy()
    outwards = loop[: len(grown)] - mesh[1, :2]
    loop[: len(grown)] += outwards * 0.1
    cv2.fillPoly(mask, [np.round(loop * TEXTURE_SCALE).astype(np.int32)], 255)
    lips = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
    soft = cv2.GaussianBlur(mask, (0, 0), 7.0).astype(np.float64) / 255
    mouth = np.zeros_like(mask)
    cv2.fillPoly(mouth, [np.round(mesh[lips, :2] * TEXTURE_SCALE).astype(np.int32)], 255)
    return soft * (1 - cv2.GaussianBlur(mouth, (0, 0), 2.0).astype(np.float64) / 255)


def _suit(picture: Picture) -> Picture:
    """The orange suit turned blue."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
    orange = (hsv[..., 1] > 120) & (hsv[..., 0] < 18) & (np.arange(len(hsv))[:, None] > 195 * SCALE)
    hsv[..., 0] = np.where(orange, 108, hsv[..., 0])
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
