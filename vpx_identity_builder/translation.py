"""What is made of one frame's observations, and how they are to be understood. What makes it is in `observations`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .core.config import NoveltyScale
from .core.types import FaceSample
from .pitch_sign import PitchHint


@dataclass(frozen=True, slots=True)
class VisionModel:
    """Name and novelty scale of a general vision embedding; `scale` None where the producer gave none."""

    name: str | None = None
    scale: NoveltyScale | None = None


NO_MODEL = VisionModel()


@dataclass(frozen=True, slots=True)
class InputRules:
    """How inputs are to be understood: sources whose pitch is turned round, and further modules to read."""

    reversed_pitch: frozenset[str] = frozenset()
    extra_inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Translation:
    """Faces of one frame, which models they come from, and what was wrong with the input."""

    samples: tuple[FaceSample, ...]
    face_id_model: str | None = None
    vision_face: VisionModel = NO_MODEL
    vision_body: VisionModel = NO_MODEL
    faults: Mapping[str, int] = field(default_factory=dict)
    pitch_hints: tuple[PitchHint, ...] = ()
