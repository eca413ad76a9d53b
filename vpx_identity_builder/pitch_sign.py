"""Which way round a source gives the pitch, told from the video itself: only where the evidence leaves no doubt.

When a head tilts up, the nose tip, which stands out, moves towards the eyes in the picture. So within one face the
nose's height between mouth and eyes rises with the pitch; a source for which it falls has the opposite sign.
Another source whose sign is known (head.pose) serves the same purpose.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

ENOUGH = 40
"""Frames needed. Fewer prove little: neighbouring frames resemble each other."""
SPREAD_DEG = 3.0
"""Standard deviation of the pitch needed: a head that does not nod tells nothing."""
SURE = 0.6
"""Correlation from which on the sign is certain; measured on videos of known sign, see the tests."""
FRONTAL_YAW_DEG = 25.0
MOST_TRACKS = 256
NOBODY = -2
"""The track of hints that are of no face."""
_WIDE_DEG = 1000.0


@dataclass(frozen=True, slots=True)
class PitchHint:
    """One face's pitch as `source` gave it, and a figure that rises with the true pitch."""

    source: str
    witness: str
    track: int
    pitch_deg: float
    reference: float


@dataclass(slots=True)
class _Sums:
    count: int = 0
    pitch: float = 0.0
    reference: float = 0.0
    pitch_squared: float = 0.0
    reference_squared: float = 0.0
    product: float = 0.0


@dataclass(slots=True, eq=False)
class PitchEvidence:
    """Running sums per source, witness and track; bounded. Tracks are centred apart: people's faces differ."""

    _sums: dict[tuple[str, str, int], _Sums] = field(default_factory=dict)

    def add(self, hints: Iterable[PitchHint]) -> None:
        """Take the hints of one frame."""
        for hint in hints:
            key = (hint.source, hint.witness, hint.track)
            if key not in self._sums and len(self._sums) >= MOST_TRACKS:
                continue
            sums = self._sums.setdefault(key, _Sums())
            sums.count += 1
            sums.pitch += hint.pitch_deg
            sums.reference += hint.reference
            sums.pitch_squared += hint.pitch_deg**2
            sums.reference_squared += hint.reference**2
            sums.product += hint.pitch_deg * hint.reference

    def correlation(self, source: str, witness: str) -> float | None:
        """Pooled within-track correlation, None where there is too little to tell."""
        count, pitches, references, products = 0, 0.0, 0.0, 0.0
        for key, sums in self._sums.items():
            if key[:2] == (source, witness) and sums.count > 1:
                count += sums.count
                pitches += sums.pitch_squared - sums.pitch**2 / sums.count
                references += sums.reference_squared - sums.reference**2 / sums.count
                products += sums.product - sums.pitch * sums.reference / sums.count
        if count < ENOUGH or pitches < count * SPREAD_DEG**2 or references <= 1e-9:
            return None
        return products / math.sqrt(pitches * references)

    def reversed_sources(self) -> frozenset[str]:
        """Sources whose pitch surely has the opposite sign. The landmarks are asked first, then other sources."""
        found = set()
        for source in sorted({key[0] for key in self._sums}):
            witnesses = sorted({key[1] for key in self._sums if key[0] == source}, key=lambda w: (w != "landmarks", w))
            known = [c for w in witnesses if (c := self.correlation(source, w)) is not None and abs(c) >= SURE]
            if known and known[0] < 0:
                found.add(source)
        return frozenset(found)


def telling(source: str, is_reversed: bool) -> list[PitchHint]:
    """Hints of nobody's face that tell a source's sign, whatever others say: they swing wide."""
    sign = -1.0 if is_reversed else 1.0
    swings = [_WIDE_DEG if place % 2 else -_WIDE_DEG for place in range(ENOUGH)]
    return [PitchHint(source, "landmarks", NOBODY, swing, sign * swing) for swing in swings]


def nose_height(landmarks: NDArray[np.float64]) -> float | None:
    """Place of the nose tip from the mouth (0) to the eyes (1) along the face's own axis; rises with the pitch.

    `landmarks`: `(5, 2)` px, eye, eye, nose, mouth corner, mouth corner. None where eyes and mouth fall together.
    """
    eyes, nose, mouth = landmarks[:2].mean(axis=0), landmarks[2], landmarks[3:].mean(axis=0)
    axis = eyes - mouth
    length_squared = float(axis @ axis)
    return float((nose - mouth) @ axis / length_squared) if length_squared >= 4.0 else None
