"""What changes a real face and covers nothing: glasses, beards, lipstick, open mouths, shadows; and how it is filmed.

Each takes a picture (h, w, 3) uint8 BGR, the face's mesh points (468, 2) in its pixels and a random generator, and
returns the changed picture (h, w, 3) float.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from occluders import JAW, LIPS_MIDDLE, LOWER_LIP, UPPER_LIP, Axes, Picture, Points, axes, polygon, whole

Changed = NDArray[np.floating]
Lookalike = Callable[[Picture, Points, np.random.Generator], Changed]
LIPS = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185]
HAIR = np.array([[20.0, 20, 25], [40, 50, 70], [60, 80, 110], [150, 150, 155], [90, 120, 160]])


def _over(picture: Changed, paint: Changed, alpha: Changed) -> Changed:
    return picture * (1 - alpha[..., None]) + paint * alpha[..., None]


def _tilt_deg(face: Axes) -> float:
    return float(np.degrees(np.arctan2(face.across[1], face.across[0])))


def glasses(picture: Picture, points: Points, rng: np.random.Generator) -> Changed:
    """Frames around the eyes, some dark or mirroring."""
    shape, face = picture.shape[:2], axes(points)
    thick = max(1, int(face.width * rng.uniform(0.008, 0.03)))
    half, height = face.width * rng.uniform(0.15, 0.2), face.width * rng.uniform(0.09, 0.15)
    frame, lens = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    centres = [points[pair].mean(axis=0) + face.down * face.width * 0.02 for pair in ([33, 133], [362, 263])]
    for centre in centres:
        for target, width in ((frame, thick), (lens, -1)):
            cv2.ellipse(target, whole(centre), (int(half), int(height)), _tilt_deg(face), 0, 360, 255, width)
    reach = face.across * half
    for start, end in (
        (centres[0] + reach, centres[1] - reach),
        (centres[0] - reach, points[127]),
        (centres[1] + reach, points[356]),
    ):
        cv2.line(frame, whole(start), whole(end), 255, thick)
    changed = picture.astype(np.float32)
    kind = rng.random()
    if kind < 0.35:
        changed = _over(changed, np.full(3, rng.uniform(5, 60)), lens / 255 * rng.uniform(0.2, 0.9))
    elif kind < 0.6:
        changed = _over(changed, np.full(3, 230.0), lens / 255 * rng.uniform(0.1, 0.35))
    return _over(changed, np.full(3, rng.choice([20.0, 60.0, 120.0, 200.0])), frame / 255)


def beard(picture: Picture, points: Points, rng: np.random.Generator) -> Changed:
    """Hair along the jaw and around the mouth, full or only on the chin, from stubble to dense."""
    shape, face = picture.shape[:2], axes(points)
    top = points[rng.choice([2, UPPER_LIP, 0])]
    where = polygon(shape, np.vstack([points[JAW] + face.down * face.width * 0.02, top[None]])).astype(np.float32)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    x, y = columns - points[LIPS_MIDDLE][0], rows - points[LIPS_MIDDLE][1]
    depth = (x * face.down[0] + y * face.down[1]) / face.width
    side = np.abs(x * face.across[0] + y * face.across[1]) / face.width
    low = depth > -0.12 - 0.25 * np.clip(side - 0.2, 0, 1) if rng.random() < 0.8 else depth > 0.08
    if rng.random() < 0.25:
        low &= side < 0.22
    where[~low | (polygon(shape, points[LIPS]) > 0)] = 0
    where = cv2.GaussianBlur(where, (0, 0), max(0.8, face.width * 0.015)) / 255
    hair = cv2.GaussianBlur(rng.normal(0, 1, shape), (0, 0), max(0.5, face.width * 0.004))
    hair = hair / (hair.std() + 1e-6)
    colour = HAIR[int(rng.integers(0, len(HAIR)))] * rng.uniform(0.6, 1.2)
    alpha = where * rng.uniform(0.35, 0.9) * (0.5 + 0.5 * np.clip(0.6 * hair + 0.5, 0, 1))
    return _over(picture.astype(np.float32), colour + 8 * hair[..., None], alpha)


def lipstick(picture: Picture, points: Points, rng: np.random.Generator) -> Changed:
    """Lips of another colour."""
    lips = cv2.GaussianBlur(polygon(picture.shape[:2], points[LIPS]), (0, 0), 1) / 255
    colour = np.array([rng.uniform(20, 120), rng.uniform(10, 60), rng.uniform(100, 220)])
    return _over(picture.astype(np.float32), colour, lips * rng.uniform(0.3, 0.8))


def open_mouth(picture: Picture, points: Points, rng: np.random.Generator) -> Changed:
    """A wide-open mouth, with or without teeth and tongue."""
    shape, face = picture.shape[:2], axes(points)
    centre = (points[LIPS_MIDDLE] + points[LOWER_LIP]) / 2 + face.down * face.width * rng.uniform(0, 0.06)
    half, height = face.width * rng.uniform(0.12, 0.19), face.width * rng.uniform(0.06, 0.17)
    lip, hole = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for target, axis in ((lip, (half * 1.25, height + 0.05 * face.width)), (hole, (half, height))):
        cv2.ellipse(target, whole(centre), (int(axis[0]), int(axis[1])), _tilt_deg(face), 0, 360, 255, -1)
    painted = polygon(shape, points[LIPS]) > 0
    colour = np.median(picture[painted], axis=0) if painted.any() else np.array([90.0, 90, 140])
    inside = np.full((*shape, 3), np.array([25.0, 20, 45]) * rng.uniform(0.4, 2))
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    depth = (columns - centre[0]) * face.down[0] + (rows - centre[1]) * face.down[1]
    if rng.random() < 0.7:
        inside[depth < -height * rng.uniform(0.3, 0.7)] = np.median(picture[lip > 0]) * rng.uniform(1.1, 1.6)
    if rng.random() < 0.6:
        inside[depth > height * rng.uniform(0.3, 0.7)] = colour * rng.uniform(0.6, 1)
    changed = _over(picture.astype(np.float32), colour, cv2.GaussianBlur(lip, (0, 0), 1.5) / 255)
    return _over(changed, inside, cv2.GaussianBlur(hole, (0, 0), 1) / 255)


def shadow(picture: Picture, points: Points, rng: np.random.Generator) -> Changed:
    """A part of the face in the dark, with a soft or a hard edge."""
    face, angle = axes(points), rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    across = (columns - face.middle[0]) * np.cos(angle) + (rows - face.middle[1]) * np.sin(angle)
    place = across / face.width + rng.uniform(-0.3, 0.3)
    inside = 1 / (1 + np.exp(-np.clip(4 * place / rng.uniform(0.02, 0.4), -30, 30)))
    return picture * (1 - (1 - rng.uniform(0.25, 0.75)) * inside)[..., None]


def unlit(picture: Picture, _points: Points, rng: np.random.Generator) -> Changed:
    """Too little light, with noise."""
    return picture * rng.uniform(0.08, 0.5) + rng.normal(0, rng.uniform(0.3, 2.5), picture.shape)


def unchanged(picture: Picture, _points: Points, _rng: np.random.Generator) -> Changed:
    """The face as it is."""
    return picture.astype(np.float32)


LOOKALIKES: dict[str, Lookalike] = {
    "clear": unchanged,
    "glasses": glasses,
    "beard": beard,
    "lipstick": lipstick,
    "open mouth": open_mouth,
    "shadow": shadow,
    "unlit": unlit,
}


def filmed(picture: Changed, rng: np.random.Generator) -> Picture:
    """The picture as some camera would give it: grey, brighter or darker, tinted, out of focus, compressed."""
    seen = np.clip(picture, 0, 255)
    if rng.random() < 0.12:
        seen = np.repeat(cv2.cvtColor(seen.astype(np.uint8), cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.5:
        seen = 255 * np.clip(seen / 255 * rng.uniform(0.55, 1.35), 0, 1) ** rng.uniform(0.75, 1.4)
    if rng.random() < 0.3:
        seen = seen * rng.uniform(0.8, 1.15, 3)
    shown = np.clip(seen, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        shown = cv2.GaussianBlur(shown, (0, 0), rng.uniform(0.4, 1.6))
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
        shown = cv2.imdecode(cv2.imencode(".jpg", shown, quality)[1], cv2.IMREAD_COLOR)
    return shown
