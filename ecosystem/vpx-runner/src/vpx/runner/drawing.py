"""Drawing marks into a picture."""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from vpx.sdk import AxisMark, BarMark, BBoxMark, DrawStyle, KeypointsMark, LabelMark, Mark

Image = NDArray[np.uint8]
_AXIS_COLORS = ((0, 0, 255), (0, 255, 0), (255, 0, 0))  # x red, y green, z blue, in BGR


def draw_marks(image: Image, marks: Iterable[Mark]) -> Image:
    """A copy of a (h, w, 3) uint8 BGR picture with the marks drawn into it."""
    canvas = image.copy()
    for mark in marks:
        match mark:
            case BBoxMark():
                _draw_box(canvas, mark)
            case KeypointsMark():
                _draw_keypoints(canvas, mark)
            case BarMark():
                _draw_bar(canvas, mark)
            case LabelMark():
                _write(canvas, mark.text, _pixel(canvas, mark.x, mark.y), mark.style)
            case AxisMark():
                _draw_axes(canvas, mark)
    return canvas


def _pixel(canvas: Image, x: float, y: float) -> tuple[int, int]:
    height, width = canvas.shape[:2]
    return round(x * width), round(y * height)


def _write(canvas: Image, text: str, at: tuple[int, int], style: DrawStyle) -> None:
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, style.font_scale, style.color, 1, cv2.LINE_AA)


def _draw_box(canvas: Image, mark: BBoxMark) -> None:
    start, end = _pixel(canvas, mark.x, mark.y), _pixel(canvas, mark.x + mark.w, mark.y + mark.h)
    cv2.rectangle(canvas, start, end, mark.style.color, -1 if mark.style.filled else mark.style.thickness)
    if mark.label:
        _write(canvas, mark.label, (start[0], max(10, start[1] - 4)), mark.style)


def _draw_keypoints(canvas: Image, mark: KeypointsMark) -> None:
    points = [None if point is None else _pixel(canvas, *point) for point in mark.points]
    for i, j in mark.connections:
        start, end = points[i], points[j]
        if start is not None and end is not None:
            cv2.line(canvas, start, end, mark.style.color, mark.style.thickness, cv2.LINE_AA)
    for point in points:
        if point is not None:
            cv2.circle(canvas, point, mark.radius, mark.style.color, -1, cv2.LINE_AA)


def _draw_bar(canvas: Image, mark: BarMark) -> None:
    start, end = _pixel(canvas, mark.x, mark.y), _pixel(canvas, mark.x + mark.w, mark.y + mark.h)
    share = min(1.0, max(0.0, mark.value))
    cv2.rectangle(canvas, start, (round(start[0] + share * (end[0] - start[0])), end[1]), mark.style.color, -1)
    cv2.rectangle(canvas, start, end, mark.style.color, 1)
    if mark.label:
        _write(canvas, mark.label, (end[0] + 4, end[1]), mark.style)


def _draw_axes(canvas: Image, mark: AxisMark) -> None:
    """Right, down and forward of the head, projected along the view; the forward axis points where the face looks."""
    yaw, pitch, roll = (math.radians(angle) for angle in (mark.yaw, mark.pitch, mark.roll))
    right = (math.cos(yaw), 0.0)
    down = (-math.sin(yaw) * math.sin(pitch), math.cos(pitch))
    forward = (math.sin(yaw) * math.cos(pitch), -math.sin(pitch))
    origin = _pixel(canvas, mark.x, mark.y)
    length = mark.length * canvas.shape[1]
    for (x, y), color in zip((right, down, forward), _AXIS_COLORS, strict=True):
        turned = (x * math.cos(roll) - y * math.sin(roll), x * math.sin(roll) + y * math.cos(roll))
        end = (round(origin[0] + length * turned[0]), round(origin[1] + length * turned[1]))
        cv2.line(canvas, origin, end, color, mark.style.thickness, cv2.LINE_AA)
