"""Every threshold of this package in one home, with how it was chosen; raw measures to 0..1. Pure.

Calibrated with `benchmarks/expression.py` on grey portraits of four people (happy, surprised, sleeping, wink, neutral),
labelled seconds of three videos, and press photos of five people. The cut points of the design document (0.3) are put
where the classes part best.
"""

from __future__ import annotations

from dataclasses import dataclass

CUT = 0.3
"""The design document's cut point, the same for all three ratios."""


@dataclass(frozen=True)
class Scale:
    """Piecewise-linear map of a raw measure: `zero` and below → 0, `cut` → 0.3, `full` and above → 1."""

    zero: float
    cut: float
    full: float

    def ratio(self, raw: float) -> float:
        """The value in 0..1 of a finite raw measure."""
        if raw <= self.cut:
            return CUT * min(1.0, max(0.0, (raw - self.zero) / (self.cut - self.zero)))
        return CUT + (1.0 - CUT) * min(1.0, (raw - self.cut) / (self.full - self.cut))


SMILE = Scale(zero=1.70, cut=1.92, full=2.25)
"""Mouth width, plus how far its corners are drawn back and away from the nose (weights below). Neutral faces are at
1.55 to 1.88 (95 %), smiles at 1.90 to 2.43. The cut is where most people's neutral is below it, at the price of the
faintest smiles."""

SMILE_BACK, SMILE_WING = 2.7, 1.7
"""Weights of the drawn-back corners and of their distance from the nose against the mouth's width: logistic regression,
each person and class counting alike. A jaw that drops widens the mouth too but draws its corners forward: by the width
alone, wide-open mouths are smiles."""

MOUTH_OPEN = Scale(zero=0.0, cut=0.10, full=0.24)
"""Inner-lip gap over outer-eye width, less the stretch of a laugh (below). Closed and pressed lips stay under .06 (.09
at 45 degrees of yaw), an open mouth is at .10 to .25."""

MOUTH_STRETCH_FROM = 0.58
"""A mouth wider than this (over outer-eye width) is stretched by a smile, which parts the lips without opening the jaw;
the excess is taken off the gap one to one. Without it most laughs count as an open mouth, with it nearly none."""

EYE_OPEN = Scale(zero=0.0, cut=0.155, full=0.30)
"""Lid gap over eye width from the eye contour, of a face that does not smile. Closed .00 to .15 (.13 and .15 where the
sockets are dark or glasses reflect), open .16 to .36. Between .115 and .155 lay 28 of some 4,600 faces of nine clips
that do not smile: those looked at were blinking or had their lids half down."""

EYE_OPEN_SMILING = Scale(zero=0.0, cut=0.115, full=0.30)
"""The same of a face that laughs, or whose mouth is unknown: a laugh narrows open eyes to .12. Closed eyes of laughing
people were at .00 to .10."""

LAUGH_FROM = 0.6
"""Smile (0..1) that narrows eyes in full; from the cut point up to here the cut for eyes goes over from one to the
other. Open eyes with a lid gap under .155 were all at smiles of .66 and above, but for one at .38."""

EYES_ALIKE = 0.04
"""Lid gaps of two eyes that differ by less are one measurement made twice; winks differ by .10 to .19."""

EYEBALL_RADIUS = 0.4
"""Radius of an eyeball over the width of the eye (12 of 30 mm): what a sideways shift of the iris means as an angle. On
35 portraits that look into the camera head and eyes together point at it to 3.0 degrees (standard deviation)."""

MIN_EYE_SPAN_PX = 24.0
"""Outer eye corner to outer eye corner, in the image; the face is 1.6 times as wide. On a video scaled down in steps
nothing changed down to 23 px; at 18 px one smile in seven was lost."""

MIN_MESH_SCORE = 0.5
"""The mesh's own belief that it sees a face."""

MAX_YAW_DEG = 50.0
"""Beyond it the mesh compresses and the far mouth corner is hidden."""

MAX_EYE_ASYMMETRY = 0.6
"""When the narrower eye has less than this share of the wider eye's width (from about 40 degrees of yaw), only the
wider, nearer eye is read."""

MATCH_IOU = 0.5
"""Least overlap of a face's box with a detected face's box to count as the same face."""
