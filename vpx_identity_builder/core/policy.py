"""What may be decided in another way than ours: pure functions, whose defaults are the design document's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .config import FaceIdModel, GateConfig
from .quality import quality_score
from .types import FaceSample, Vector


@dataclass(frozen=True, slots=True)
class Stability:
    """How surely a face is its person, -1..1, and what it was compared with where that is not the video's prototype."""

    value: float
    against: str | None = None


def cosine_stability(e_id: Vector, prototype: Vector, _model: FaceIdModel) -> Stability:
    """`stable(t) = cos(e_id(t), prototype)` (§6)."""
    return Stability(float(e_id @ prototype))


@dataclass(frozen=True, slots=True)
class Policy:
    """How stability (§6) and quality (0..1) are told. Both must give the same answer for the same face."""

    stability: Callable[[Vector, Vector, FaceIdModel], Stability] = cosine_stability
    quality: Callable[[FaceSample, GateConfig], float] = quality_score


AS_DESIGNED = Policy()
"""Stability and quality as the design document has them."""
