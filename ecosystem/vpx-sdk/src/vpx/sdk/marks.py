"""Drawing instructions: what to draw, not how. Coordinates are normalised to 0..1, colours are BGR 0..255."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class DrawStyle:
    """Look of a mark: ``color`` BGR, ``thickness`` pixels, ``font_scale`` relative, ``filled`` for areas."""

    color: tuple[int, int, int] = (0, 255, 0)
    thickness: int = 2
    font_scale: float = 0.5
    filled: bool = False


@dataclass(frozen=True)
class BBoxMark:
    """A rectangle with its top left corner at (x, y), and a text above it where ``label`` is not empty."""

    x: float
    y: float
    w: float
    h: float
    label: str = ""
    style: DrawStyle = field(default_factory=DrawStyle)


@dataclass(frozen=True)
class KeypointsMark:
    """Points (x, y), joined by lines for each index pair in ``connections``. A point of None is not drawn."""

    points: tuple[tuple[float, float] | None, ...]
    connections: tuple[tuple[int, int], ...] = ()
    radius: int = 3
    style: DrawStyle = field(default_factory=DrawStyle)


@dataclass(frozen=True)
class BarMark:
    """A horizontal gauge at (x, y) of size (w, h), filled from the left to ``value`` in 0..1."""

    x: float
    y: float
    w: float
    h: float
    value: float
    label: str = ""
    style: DrawStyle = field(default_factory=DrawStyle)


@dataclass(frozen=True)
class LabelMark:
    """A line of text whose left baseline is at (x, y)."""

    text: str
    x: float
    y: float
    style: DrawStyle = field(default_factory=DrawStyle)


@dataclass(frozen=True)
class AxisMark:
    """The three axes of a head at (x, y).

    ``yaw`` + to the image's right, ``pitch`` + up, ``roll`` + clockwise, in degrees; ``length`` is a fraction of the
    picture's width.
    """

    x: float
    y: float
    yaw: float
    pitch: float
    roll: float
    length: float = 0.1
    style: DrawStyle = field(default_factory=DrawStyle)


Mark: TypeAlias = BBoxMark | KeypointsMark | BarMark | LabelMark | AxisMark
