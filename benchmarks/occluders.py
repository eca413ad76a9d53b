"""Things painted before a real face: hands, microphones, masks, scarves, cups and boards.

Each takes a picture (h, w, 3) uint8 BGR, the face's mesh points (468, 2) in its pixels and a random generator, and
returns the paint (h, w, 3) float and where it lies (h, w) uint8. Nothing is taken from pictures of such things.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]
Paint = tuple[NDArray[np.floating], NDArray[np.uint8]]
Occluder = Callable[[Picture, Points, np.random.Generator], Paint]

JAW = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454]
CHEEKS = [50, 280, 205, 425, 101, 330]
NOSE_TIP, UPPER_LIP, LIPS_MIDDLE, LOWER_LIP, CHIN = 1, 164, 13, 14, 152


@dataclass(frozen=True)
class Axes:
    """A face's own directions: its middle, unit vectors to its left and down, and its width in pixels."""

    middle: Points
    across: Points
    down: Points
    width: float


def axes(points: Points) -> Axes:
    """Axes of a face from its mesh points."""
    across = points[454] - points[234]
    width = float(np.linalg.norm(across))
    across = across / width
    return Axes((points[234] + points[454]) / 2, across, np.array([-across[1], across[0]]), width)


def polygon(shape: tuple[int, int], corners: Points) -> NDArray[np.uint8]:
    """Where a polygon lies."""
    inside = np.zeros(shape, np.uint8)
    cv2.fillPoly(inside, [np.round(corners).astype(np.int32)], 255)
    return inside


def whole(point: Points) -> tuple[int, int]:
    """A point as integers."""
    return int(point[0]), int(point[1])


def grain(rng: np.random.Generator, shape: tuple[int, int], levels: float) -> NDArray[np.floating]:
    """Fine noise."""
    return rng.normal(0, levels, (*shape, 1))


def _waves(rng: np.random.Generator, shape: tuple[int, int], cells: int, share: float) -> NDArray[np.floating]:
    coarse = rng.normal(0, share, (cells, cells)).astype(np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)[..., None]


def _capsule(shape: tuple[int, int], start: Points, end: Points, radius: float) -> NDArray[np.uint8]:
    inside = np.zeros(shape, np.uint8)
    cv2.line(inside, whole(start), whole(end), 255, max(1, int(2 * radius)), cv2.LINE_AA)
    return inside


def _roundness(inside: NDArray[np.uint8], radius: float) -> NDArray[np.floating]:
    """1 along the middle of a capsule, 0 at its edge."""
    return np.clip(
        1.6 * cv2.distanceTransform((inside > 127).astype(np.uint8), cv2.DIST_L2, 3) / max(1.0, radius), 0, 1
    )


def _skin(picture: Picture, points: Points, rng: np.random.Generator) -> NDArray[np.floating]:
    """The person's own cheek colour, a little darker or lighter and of another tone."""
    height, width = picture.shape[:2]
    cheeks = [picture[int(np.clip(y, 0, height - 1)), int(np.clip(x, 0, width - 1))] for x, y in points[CHEEKS]]
    own = np.median(cheeks, axis=0)
    tone = 1.0 if np.ptp(own) < 3 else rng.uniform(0.93, 1.07, 3)
    return own * rng.uniform(0.78, 1.22) * tone


def hand(picture: Picture, points: Points, rng: np.random.Generator) -> Paint:
    """Two to four fingers, mostly with a palm and a wrist, from any side on any part of the face."""
    shape, face = picture.shape[:2], axes(points)
    places = [LIPS_MIDDLE, CHIN, 205, 425, UPPER_LIP, 58, 288, 159, 386, 18, 200]
    place = points[rng.choice(places, p=[0.2, 0.12, 0.1, 0.1, 0.1, 0.06, 0.06, 0.05, 0.05, 0.08, 0.08])]
    angle = rng.uniform(0, 2 * np.pi)
    back = np.array([np.cos(angle), np.sin(angle)])
    aside = np.array([-back[1], back[0]])
    size = face.width * rng.uniform(0.35, 0.75)
    finger = size * rng.uniform(0.16, 0.22)
    palm = place + back * size * rng.uniform(0.1, 0.5)
    alpha, shade = np.zeros(shape, np.uint8), np.ones(shape)
    if rng.random() < 0.7:
        alpha = _capsule(shape, palm + back * size * 0.3, place + back * size * 3, size * 0.32)
        axis = (int(size * 0.5), int(size * 0.45))
        cv2.ellipse(alpha, whole(palm + back * size * 0.3), axis, float(np.degrees(angle)), 0, 360, 255, -1)
    spread, count = rng.uniform(0, 0.3), int(rng.integers(2, 5))
    for offset in np.arange(count) - (count - 1) / 2:
        start = palm + aside * offset * finger * 1.05
        length = size * rng.uniform(0.6, 0.9)
        inside = _capsule(shape, start, start - back * length + aside * offset * spread * length * 0.6, finger / 2)
        shade = np.where(inside > 127, 0.62 + 0.38 * _roundness(inside, finger / 2), shade)
        alpha = np.maximum(alpha, inside)
    paint = _skin(picture, points, rng) * shade[..., None] * (1 + _waves(rng, shape, int(rng.integers(5, 14)), 0.09))
    return paint + grain(rng, shape, rng.uniform(1, 5)), alpha


def _with_fist(
    paint: NDArray[np.floating],
    alpha: NDArray[np.uint8],
    skin: NDArray[np.floating],
    ends: tuple[Points, Points],
    step: Points,
    radius: float,
) -> Paint:
    """Four fingers side by side, from `ends[0]` to `ends[1]` and each `step` further."""
    for index in range(4):
        inside = _capsule(alpha.shape, ends[0] + step * index, ends[1] + step * index, radius)
        round_ = _roundness(inside, radius)[inside > 127]
        paint[inside > 127] = skin * (0.6 + 0.4 * round_)[:, None]
        alpha = np.maximum(alpha, inside)
    return paint, alpha


def microphone(picture: Picture, points: Points, rng: np.random.Generator) -> Paint:
    """A ball with a grid before mouth or chin, a stick below it, mostly with the fist that holds it."""
    shape, face = picture.shape[:2], axes(points)
    aside = face.across * face.width * rng.uniform(-0.18, 0.18)
    centre = points[LIPS_MIDDLE] + face.down * face.width * rng.uniform(-0.03, 0.22) + aside
    radius = face.width * rng.uniform(0.09, 0.22)
    alpha = np.zeros(shape, np.uint8)
    cv2.circle(alpha, whole(centre), max(2, int(radius)), 255, -1)
    grey = rng.uniform(10, 70) if rng.random() < 0.6 else rng.uniform(80, 190)
    colour = rng.uniform(0, 255, 3) if rng.random() < 0.15 else np.full(3, grey)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    period = max(2.0, radius / rng.uniform(4, 9))
    mesh = np.sin(2 * np.pi * columns / period) * np.sin(2 * np.pi * rows / period) * (rng.random() < 0.7)
    towards = (centre[0] - columns) * rng.uniform(-1, 1) + (centre[1] - rows) * rng.uniform(-1, 1)
    lit = np.clip(1 + 0.3 * towards / max(radius, 1.0), 0.4, 2)
    paint = colour * ((1 + 0.25 * mesh) * lit)[..., None] + grain(rng, shape, rng.uniform(2, 8))
    tilt = rng.normal(0, 0.5)
    along = face.down * np.cos(tilt) + face.across * np.sin(tilt)
    end = centre + along * face.width * 1.6
    stick = _capsule(shape, centre + along * radius * 0.8, end, radius * rng.uniform(0.45, 0.8))
    stick[alpha > 0] = 0
    paint[stick > 0] = rng.uniform(10, 60) + rng.normal(0, 4, (int((stick > 0).sum()), 1))
    alpha = np.maximum(alpha, stick)
    if rng.random() >= 0.6:
        return paint, alpha
    fist, beside = centre + along * radius * rng.uniform(1.4, 3), np.array([-along[1], along[0]]) * 0.16 * face.width
    ends = (fist - beside, fist + beside)
    return _with_fist(paint, alpha, _skin(picture, points, rng), ends, along * 0.11 * face.width, 0.06 * face.width)


def mask(picture: Picture, points: Points, rng: np.random.Generator) -> Paint:
    """From the nose to the jaw: light blue, white, black or any colour, with pleats or a pattern."""
    shape, face = picture.shape[:2], axes(points)
    top = points[rng.choice([195, 5, 4, NOSE_TIP, 2, UPPER_LIP], p=[0.25, 0.25, 0.15, 0.15, 0.1, 0.1])]
    narrower = int(rng.integers(0, 4))
    outline = points[JAW][narrower : len(JAW) - narrower]
    outline = outline + (outline - points[NOSE_TIP]) * rng.uniform(-0.03, 0.06)
    colours = [np.array([225.0, 200, 150]), np.full(3, 235.0), np.full(3, 34.0), rng.uniform(20, 240, 3)]
    x1, y1 = np.maximum(points.min(axis=0), 0).astype(int)
    x2, y2 = points.max(axis=0).astype(int)
    light = np.median(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[y1:y2, x1:x2]) / 140
    colour = colours[int(rng.integers(0, 4))] * np.clip(light, 0.3, 1.2) * rng.uniform(0.85, 1.1)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    height = (columns * face.down[0] + rows * face.down[1]) / face.width
    pleats = 0.18 * (np.cos(2 * np.pi * height * rng.uniform(5, 10)) > 0.85) * (rng.random() < 0.6)
    aside = (columns - face.middle[0]) * face.across[0] + (rows - face.middle[1]) * face.across[1]
    shade = (1 - pleats) * (1 - 0.35 * np.clip(np.abs(aside / face.width), 0, 0.7))
    paint = colour * shade[..., None] * (1 + _waves(rng, shape, int(rng.integers(3, 12)), 0.06))
    if rng.random() < 0.2:
        paint = paint * _patches(rng, shape, 6, cv2.INTER_LINEAR)
    return paint + grain(rng, shape, rng.uniform(1, 4)), polygon(shape, np.vstack([outline, top[None]]))


def _patches(rng: np.random.Generator, shape: tuple[int, int], size_px: int, how: int) -> NDArray[np.floating]:
    coarse = rng.uniform(0.45, 1.45, (shape[0] // size_px + 2, shape[1] // size_px + 2, 3)).astype(np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=how)


def scarf(picture: Picture, points: Points, rng: np.random.Generator) -> Paint:
    """Woven cloth from the nose or the mouth down, wider than the face."""
    shape, face = picture.shape[:2], axes(points)
    top = points[rng.choice([2, UPPER_LIP, LIPS_MIDDLE, LOWER_LIP, 17, 4])]
    reach, sag = face.across * face.width * 0.75, face.down * face.width * rng.uniform(-0.12, 0.12)
    upper = [top + reach * place + sag * place * place for place in np.linspace(-1, 1, 12)]
    below = face.down * face.width * 2
    alpha = polygon(shape, np.vstack([*upper, top + reach + below, top - reach + below]))
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    period, angle = max(2.0, face.width * rng.uniform(0.03, 0.12)), rng.uniform(0, np.pi)
    warp = np.cos(2 * np.pi * (columns * np.cos(angle) + rows * np.sin(angle)) / period)
    other = max(2.0, period * rng.uniform(0.6, 2))
    if rng.random() < 0.6:
        warp = warp * np.cos(2 * np.pi * (rows * np.cos(angle) - columns * np.sin(angle)) / other)
    texture = 1 + 0.18 * warp[..., None] + _waves(rng, shape, int(rng.integers(4, 12)), 0.12)
    return rng.uniform(10, 230, 3) * texture + grain(rng, shape, rng.uniform(3, 12)), alpha


def cup(picture: Picture, points: Points, rng: np.random.Generator) -> Paint:
    """A cup or glass at the mouth, round by its shading, mostly with the fingers that hold it."""
    shape, face = picture.shape[:2], axes(points)
    rim = points[rng.choice([LIPS_MIDDLE, UPPER_LIP, LOWER_LIP, 2])]
    rim = rim + face.across * face.width * rng.uniform(-0.12, 0.12)
    half, height, foot = face.width * rng.uniform(0.16, 0.32), face.width * rng.uniform(0.5, 0.9), rng.uniform(0.7, 1)
    tilt = rng.normal(0, 0.25)
    across = face.across * np.cos(tilt) + face.down * np.sin(tilt)
    down = face.down * np.cos(tilt) - face.across * np.sin(tilt)
    base = rim + down * height
    alpha = polygon(
        shape,
        np.array([rim - across * half, rim + across * half, base + across * half * foot, base - across * half * foot]),
    )
    turned = float(np.degrees(np.arctan2(across[1], across[0])))
    cv2.ellipse(alpha, whole(rim), (int(half), max(1, int(half * 0.25))), turned, 0, 360, 255, -1)
    colour = np.full(3, rng.uniform(180, 240)) if rng.random() < 0.4 else rng.uniform(10, 230, 3)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    side = ((columns - rim[0]) * across[0] + (rows - rim[1]) * across[1]) / half
    shade = np.clip(1 + 0.25 * side * rng.choice([-1, 1]) - 0.2 * side * side, 0.3, 1.4)
    paint = colour * shade[..., None] + grain(rng, shape, rng.uniform(1, 4))
    if rng.random() >= 0.6:
        return paint, alpha
    held = rim + down * height * rng.uniform(0.3, 0.6)
    ends = (held - across * half * 0.3, held + across * (half * 1.2 + 0.3 * face.width))
    return _with_fist(paint, alpha, _skin(picture, points, rng), ends, down * 0.11 * face.width, 0.06 * face.width)


def board(picture: Picture, points: Points, rng: np.random.Generator) -> Paint:
    """Something flat, a phone or a leaf of paper, plain or in patches, over any part of the face."""
    shape, face = picture.shape[:2], axes(points)
    place = points[rng.choice([LIPS_MIDDLE, CHIN, 205, 425, 159, 386, 4, CHIN])]
    x = place[0] + rng.normal(0, 0.1) * face.width
    y = place[1] + rng.uniform(0, 0.3) * face.width
    sides = face.width * rng.uniform(0.25, 0.8, 2)
    corners = cv2.boxPoints(((float(x), float(y)), (float(sides[0]), float(sides[1])), float(rng.uniform(0, 180))))
    paint = rng.uniform(5, 245, 3) * (1 + _waves(rng, shape, 3, 0.08))
    if rng.random() < 0.5:
        paint = paint * _patches(rng, shape, 7, cv2.INTER_NEAREST)
    return paint + grain(rng, shape, rng.uniform(1, 4)), polygon(shape, corners)


OCCLUDERS: dict[str, Occluder] = {
    "hand": hand,
    "microphone": microphone,
    "mask": mask,
    "scarf": scarf,
    "cup": cup,
    "board": board,
}
