"""What each rider does at each moment of the ride."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from vpx.face_detect.pose import HeadPose

from .expression import Amounts

OCCLUDERS = ("hand", "disk")
MOVING_SHARE = 0.4
"""Part of each target's time spent on getting there; the rest is held."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One rider at one moment; degrees, amounts in 0..1.

    `cover` is the occluder's half width in face widths (0 = none), `cover_kind` an index into OCCLUDERS, `cover_x`,
    `cover_y` its centre from the face's centre in face sizes. `gain` and `gamma` change the light, `blur_px` the focus.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    mouth: float = 0.0
    eyes: float = 0.0
    smile: float = 0.0
    cover: float = 0.0
    cover_kind: float = 0.0
    cover_x: float = 0.0
    cover_y: float = 0.25
    gain: float = 1.0
    gamma: float = 1.0
    blur_px: float = 0.0

    @property
    def pose(self) -> HeadPose:
        return HeadPose(self.yaw, self.pitch, self.roll)

    @property
    def amounts(self) -> Amounts:
        return Amounts(self.mouth, self.eyes, self.smile)

    @property
    def expression(self) -> str:
        """Bin of the design document, §5; `between` while the face changes."""
        if self.eyes >= 0.9:
            return "eyes_closed"
        if self.eyes > 0.1:
            return "between"
        if self.smile >= 0.8 and self.mouth < 0.1:
            return "smile"
        if self.mouth >= 0.8 and self.smile < 0.1:
            return "mouth_open"
        return "neutral" if max(self.smile, self.mouth) < 0.05 else "between"


M = Moment
TARGETS = (
    M(), M(yaw=2), M(yaw=-10), M(yaw=-22), M(yaw=-38), M(yaw=-22), M(yaw=0), M(yaw=10), M(yaw=22), M(yaw=38),
    M(yaw=0), M(pitch=-13), M(pitch=-26), M(pitch=0), M(pitch=13), M(pitch=27), M(pitch=0),
    M(smile=1), M(smile=1, yaw=22), M(), M(mouth=1), M(mouth=1, yaw=-22), M(), M(eyes=1), M(eyes=1, pitch=-10), M(),
    M(yaw=-22, pitch=13), M(yaw=22, pitch=13), M(yaw=22, pitch=-13), M(yaw=-22, pitch=-13),
    M(smile=1, pitch=13), M(roll=15), M(roll=-15), M(),
    M(cover=0.22), M(cover=0.38), M(cover=0.55, cover_y=0.1), M(cover=0.3, cover_kind=1, cover_x=0.3, cover_y=-0.15),
    M(), M(gain=0.3), M(gain=1.5, gamma=0.6), M(blur_px=2.5), M(yaw=44, pitch=-5), M(yaw=-44, pitch=-5), M(),
)  # fmt: skip
SHARED = ("gain", "gamma", "blur_px")
"""Light and focus are the frame's: all riders have those of the first."""


def moments(seconds: float, fps: float, riders: int, seed: int) -> list[list[Moment]]:
    """Per frame the moment of each rider. The second rider does the same mirrored, half the ride apart."""
    frames = round(seconds * fps)
    shift = len(TARGETS) // 2
    programmes = [TARGETS, tuple(replace(m, yaw=-m.yaw) for m in TARGETS[shift:] + TARGETS[:shift])][:riders]
    rng = np.random.default_rng(seed)
    phases = rng.uniform(0, 2 * np.pi, (riders, 3, 2))
    made = []
    for index in range(frames):
        now = [at(programme, index / max(1, frames)) for programme in programmes]
        light = {name: getattr(now[0], name) for name in SHARED}
        swayed = [_sway(moment, index / fps, phases[i]) for i, moment in enumerate(now)]
        made.append([replace(moment, **light) for moment in swayed])
    return made


def at(programme: tuple[Moment, ...], part: float) -> Moment:
    """The moment at a part (0..1) of the programme: each target is approached smoothly, then held."""
    place = part * len(programme)
    index = min(int(place), len(programme) - 1)
    before, after = programme[max(0, index - 1)], programme[index]
    along = min(1.0, (place - index) / MOVING_SHARE)
    share = 0.5 - 0.5 * float(np.cos(np.pi * along))
    mixed = {
        field.name: (1 - share) * getattr(before, field.name) + share * getattr(after, field.name)
        for field in fields(Moment)
    }
    # Where an occluder comes or goes only its size changes, not its place and kind.
    shown = after if after.cover > 0 else before
    steady = {name: getattr(shown, name) for name in ("cover_kind", "cover_x", "cover_y")}
    return Moment(**{**mixed, **steady})


def _sway(moment: Moment, t_s: float, phases: np.ndarray) -> Moment:
    """The small restlessness of a head, in degrees."""
    slow, fast = np.sin(0.9 * t_s + phases[:, 0]), np.sin(2.3 * t_s + phases[:, 1])
    yaw, pitch, roll = np.array([1.2, 0.8, 1.5]) * slow + np.array([0.5, 0.4, 0.5]) * fast
    return replace(moment, yaw=moment.yaw + yaw, pitch=moment.pitch + pitch, roll=moment.roll + roll)
