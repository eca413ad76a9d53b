"""Which crops need no embedding of their own: those too blurred for anything, and those that show nothing changed.

A crop is compared with the crop of the same face that was embedded last, by a cheap signature; where nothing changed,
that one's embedding still holds. Comparing with the embedded crop, not with the last one, keeps slow change from
slipping through. Memory is held per live track and forgotten where box smoothing would start anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed.crops import FACE_EXPAND, MAX_GAP_NS, MAX_TRACKS, MIN_IOU, Image, iou
from vpx_vision_embed.types import Box, Vector

SIGNATURE_PX = 32
"""Side of a signature: averaging this far removes sensor noise and keeps a smile."""
_CANONICAL_PX = 112
_CONTRAST_FLOOR = 100.0
RATE_CAPPED_BELOW = 0.05
"""Change up to which the rate cap may keep a vector: what differs more may be somebody else, after a cut or where two
tracks changed places. Of 4,649 faces of nine clips 0.6 % change more within 100 ms; two people differ by .22 in the
median."""

Part = Literal["face", "body"]
Signature = NDArray[np.int16]


@dataclass(frozen=True)
class PrefilterRules:
    """When a crop is not embedded; 0 switches each rule off.

    Attributes:
        unchanged_below: mean grey difference, 0..1, to the crop embedded last, below which that embedding still holds.
        max_rate_hz: embeddings per second of one face at most, while it changes by less than `RATE_CAPPED_BELOW`.
        refresh_s: an embedding holds no longer than this.
        min_sharpness: sharpness of the face (see `sharpness`) below which it is embedded never.
    """

    unchanged_below: float = 0.0
    max_rate_hz: float = 0.0
    refresh_s: float = 0.0
    min_sharpness: float = 0.0


@dataclass(eq=False)
class Slot:
    """Where the embedding of one crop is put once it is there; crops that show nothing changed share it."""

    vector: Vector | None = None


@dataclass(frozen=True)
class Verdict:
    """What a crop's embedding is: a slot to fill (reason None), an older crop's, or none at all (slot None)."""

    slot: Slot | None
    reason: str | None = None


@dataclass
class _Embedded:
    signature: Signature
    t_ns: int
    slot: Slot


@dataclass
class _Track:
    box: Box
    t_ns: int
    parts: dict[Part, _Embedded] = field(default_factory=dict)


class Prefilter:
    """Judges the crops of each frame; frames come in time order."""

    def __init__(self, rules: PrefilterRules) -> None:
        self._rules = rules
        self._tracks: dict[int, _Track] = {}

    def clear(self) -> None:
        """Forget all tracks."""
        self._tracks.clear()

    def face(self, track_id: int | None, box: Box, crop: Image, t_ns: int) -> Verdict:
        """The verdict on a face crop; `box` is the face box as detected, `track_id` None for a face without a track."""
        track = None if track_id is None else self._follow(track_id, box, t_ns)
        return self._judge(track, "face", crop, t_ns, self._is_blurred)

    def body(self, track_id: int | None, crop: Image, t_ns: int) -> Verdict:
        """The verdict on the body crop of a face that was judged at the same time."""
        track = None if track_id is None else self._tracks.get(track_id)
        return self._judge(track, "body", crop, t_ns, lambda _: False)

    def _judge(
        self, track: _Track | None, part: Part, crop: Image, t_ns: int, is_blurred: Callable[[Image], bool]
    ) -> Verdict:
        signature = None if track is None or not self._compares else signature_of(crop)
        before = None if track is None else track.parts.get(part)
        if before is not None and signature is not None:
            reason = self._still_holds(before, signature, t_ns)
            if reason is not None:
                return Verdict(before.slot, reason)
        if is_blurred(crop):
            return Verdict(None, "low_quality")
        slot = Slot()
        if track is not None and signature is not None:
            track.parts[part] = _Embedded(signature, t_ns, slot)
        return Verdict(slot)

    @property
    def _compares(self) -> bool:
        return self._rules.unchanged_below > 0.0 or self._rules.max_rate_hz > 0.0

    def _still_holds(self, before: _Embedded, signature: Signature, t_ns: int) -> str | None:
        age_s = (t_ns - before.t_ns) / 1e9
        if self._rules.refresh_s > 0.0 and age_s >= self._rules.refresh_s:
            return None
        change = difference(before.signature, signature)
        if change < self._rules.unchanged_below:
            return "unchanged"
        # no time between two frames is no rate: photos and broken clocks
        if change < RATE_CAPPED_BELOW and 0.0 < age_s * self._rules.max_rate_hz < 1.0:
            return "rate_limited"
        return None

    def _is_blurred(self, crop: Image) -> bool:
        return self._rules.min_sharpness > 0.0 and sharpness(crop) < self._rules.min_sharpness

    def _follow(self, track_id: int, box: Box, t_ns: int) -> _Track:
        track = self._tracks.pop(track_id, None)
        if track is None or not 0 <= t_ns - track.t_ns <= MAX_GAP_NS or iou(track.box, box) < MIN_IOU:
            track = _Track(box, t_ns)
        track.box, track.t_ns = box, t_ns
        self._tracks[track_id] = track
        for old in [key for key, other in self._tracks.items() if abs(t_ns - other.t_ns) > MAX_GAP_NS]:
            del self._tracks[old]
        if len(self._tracks) > MAX_TRACKS:
            del self._tracks[next(iter(self._tracks))]
        return track


def signature_of(crop: Image) -> Signature:
    """(32, 32) int16 grey of an (h, w, 3) uint8 BGR crop."""
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (SIGNATURE_PX, SIGNATURE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.int16)


def difference(a: Signature, b: Signature) -> float:
    """Mean absolute difference of two signatures, 0..1."""
    return float(np.abs(a - b).mean()) / 255.0


def sharpness(crop: Image) -> float:
    """Fine detail of the face in a square face crop at one canonical size, over its own contrast: about 0..1000.

    Below about 10 nothing of a face is left but its outline. Source: variance of the Laplacian, normalised.
    """
    margin = round(len(crop) * (1.0 - 1.0 / FACE_EXPAND) / 2)
    face = cv2.cvtColor(crop[margin : len(crop) - margin, margin : len(crop) - margin], cv2.COLOR_BGR2GRAY)
    resampling = cv2.INTER_AREA if len(face) > _CANONICAL_PX else cv2.INTER_LINEAR
    inner = cv2.resize(face, (_CANONICAL_PX, _CANONICAL_PX), interpolation=resampling)[16:96, 16:96].astype(np.float32)
    detail = cv2.Laplacian(cv2.GaussianBlur(inner, (0, 0), 0.8), cv2.CV_32F, ksize=3)
    return float(1000.0 * detail.var() / (inner.var() + _CONTRAST_FLOOR))
