"""What face.expression delivers. Plain dataclasses with fields only: they cross process boundaries as dicts."""

from __future__ import annotations

from dataclasses import dataclass, field

from vpx.face_detect import FaceObservation


@dataclass
class FaceExpression(FaceObservation):
    """A copy of a face of face.detect (without its embedding) with what its expression shows.

    `signals` additionally holds `mouth_open_ratio`, `eye_open_ratio` and `smile_intensity` (0..1, cut point 0.3 each),
    `gaze_deg` (sideways against the head) and the raw measures behind them; what could not be measured is left out.
    `expression` is the intensity 0..1, the larger of smile and mouth opening; None where neither is known.
    """

    expression: float | None = None


@dataclass
class ExpressionOutput:
    """One entry per face of face.detect's `faces`, in the same order."""

    faces: list[FaceExpression] = field(default_factory=list)
