"""A frame that waits for its successor, and what its picture can still be asked for meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .types import Box, FaceSample, IntBox, Vector

Encoder = Callable[[IntBox], bytes | None]
"""Encodes a crop of the frame at hand, `(x1, y1, x2, y2)` px, as JPEG or PNG bytes; None where the picture is gone."""


@dataclass(frozen=True, slots=True, eq=False)
class OwnVectors:
    """Vision embeddings that were computed from a face's very own crops; None = not computed."""

    face: Vector | None
    body: Vector | None


Look = Callable[[Box], OwnVectors | None]
"""Embeds the face of this box in the frame at hand; None where that cannot be done, or was done in the first place."""


def not_looked(_box: Box) -> OwnVectors | None:
    """Nobody can embed what is in the frame."""
    return None


@dataclass(frozen=True, slots=True, eq=False)
class WaitingFrame:
    """One frame's faces, in order of `arrival` (from 1). `bystanders`: see `IdentitySetBuilder.add`."""

    t_ns: int
    arrival: int
    faces: tuple[FaceSample, ...]
    encode: Encoder
    look: Look = not_looked
    bystanders: tuple[FaceSample, ...] = ()

    def looked_at(self, sample: FaceSample) -> FaceSample:
        """The face with its own vision embeddings, where it carries those of an earlier frame."""
        own = self.look(sample.bbox)
        return sample if own is None else with_own(sample, own)


def with_own(sample: FaceSample, own: OwnVectors) -> FaceSample:
    """The face with its own embeddings in place of those that it carries; a kind that it has none of stays unknown."""
    face, body = _instead(sample.e_vis_face, own.face), _instead(sample.e_vis_body, own.body)
    return replace(sample, e_vis_face=face, e_vis_body=body)


def _instead(carried: Vector | None, own: Vector | None) -> Vector | None:
    return own if carried is not None and own is not None and own.shape == carried.shape else carried
