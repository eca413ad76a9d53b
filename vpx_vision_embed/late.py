"""Embeddings of crops that carry an earlier one, for a consumer that turns out to need this very moment's.

What a consumer keeps of a video it decides after the crops were judged. The crops that were not embedded are held for
some frames, so that it can still ask.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed.crops import Image
from vpx_vision_embed.errors import VisionEmbedError
from vpx_vision_embed.output import embedding
from vpx_vision_embed.plan import CropPlan, FacePlan, FramePlan, fill
from vpx_vision_embed.prefilter import Slot
from vpx_vision_embed.types import FaceEmbedding, VisionEmbedOutput, offer_own

HELD_FRAMES = 4
"""A consumer may look at a frame only when the next one has come."""

Embed = Callable[[Sequence[Image]], NDArray[np.float32]]
_Held = dict[int, FacePlan]


@dataclass(eq=False)
class LateCrops:
    """The crops of the last frames that carry an earlier embedding. Not more than a few frames' pixels are held."""

    embed_face: Embed
    embed_body: Embed
    _frames: deque[_Held] = field(default_factory=deque)

    def hold(self, plans: Iterable[tuple[FramePlan, VisionEmbedOutput]], frames: int) -> None:
        """Hold the crops of frames that came together, and forget those of frames long past.

        `frames`: how many came; those and as many before them are held.
        """
        for plan, output in plans:
            held = {place: _with_pixels(face) for place, face in enumerate(plan.faces) if _carries(face)}
            if held:
                offer_own(output, partial(self._own, held))
            self._frames.append(held)
        while len(self._frames) > max(HELD_FRAMES, 2 * frames):
            self._frames.popleft().clear()

    def forget(self) -> None:
        """Let go of all pixels."""
        while self._frames:
            self._frames.popleft().clear()

    def _own(self, held: _Held, place: int) -> FaceEmbedding | None:
        face = held.get(place)
        if face is None:
            return None
        try:
            if _carries(face):
                face = held[place] = replace(
                    face,
                    reason=None,
                    crop=_embedded(self.embed_face, face.crop),
                    body=_embedded(self.embed_body, face.body),
                )
            return embedding(face)
        except VisionEmbedError:
            return None


def _is_carried(crop: CropPlan | None) -> bool:
    return crop is not None and crop.slot is not None and not crop.is_fresh


def _carries(face: FacePlan) -> bool:
    return _is_carried(face.crop) or _is_carried(face.body)


def _with_pixels(face: FacePlan) -> FacePlan:
    """The face with crops that stay what they are when the host draws the next frame into the same array."""

    def kept(crop: CropPlan | None) -> CropPlan | None:
        return replace(crop, image=crop.image.copy()) if crop is not None and _is_carried(crop) else crop

    return replace(face, crop=kept(face.crop), body=kept(face.body))


def _embedded(embed: Embed, crop: CropPlan | None) -> CropPlan | None:
    if crop is None or not _is_carried(crop):
        return crop
    own = replace(crop, slot=Slot(), reason=None)
    fill(embed, [own])
    return own
