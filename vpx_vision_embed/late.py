"""Embeddings of crops that carry an earlier one, for a consumer that turns out to need this very moment's.

What a consumer keeps of a video it decides after the crops were judged. The crops that were not embedded are held for
some frames, so that it can still ask.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from vpx_vision_embed.crops import Image
from vpx_vision_embed.output import embedding
from vpx_vision_embed.plan import CropPlan, Embed, FacePlan, FramePlan, fill
from vpx_vision_embed.prefilter import Slot
from vpx_vision_embed.types import FaceEmbedding, VisionEmbedOutput, offer_own

HELD_FRAMES = 4
"""A consumer may look at a frame only when the next one has come."""

NO_PIXELS: Image = np.zeros((0, 0, 3), np.uint8)

_Held = dict[int, FacePlan]


@dataclass(eq=False)
class LateCrops:
    """The crops of the last frames that carry an earlier embedding, and no other pixels.

    Frames that came together are held together: the last two batches, and as many as make `HELD_FRAMES`.
    """

    embed_face: Embed
    embed_body: Embed
    _batches: deque[list[_Held]] = field(default_factory=deque)

    def hold(self, plans: Iterable[tuple[FramePlan, VisionEmbedOutput]]) -> None:
        """Hold the crops of frames that came together, and forget those of frames long past."""
        batch = []
        for plan, output in plans:
            held = {place: _with_pixels(face) for place, face in enumerate(plan.faces) if _carries(face)}
            if held:
                offer_own(output, partial(self._own, held))
            batch.append(held)
        self._batches.append(batch)
        while len(self._batches) > 2 and sum(map(len, self._batches)) - len(self._batches[0]) >= HELD_FRAMES:
            self._forget_oldest()

    def forget(self) -> None:
        """Let go of all pixels."""
        while self._batches:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        for held in self._batches.popleft():
            held.clear()

    def _own(self, held: _Held, place: int) -> FaceEmbedding | None:
        face = held.get(place)
        if face is None:
            return None
        if _carries(face):
            face = held[place] = replace(
                face,
                reason=None,
                crop=_embedded(self.embed_face, face.crop),
                body=_embedded(self.embed_body, face.body),
            )
        return embedding(face)


def _is_carried(crop: CropPlan | None) -> bool:
    return crop is not None and crop.slot is not None and not crop.is_fresh


def _carries(face: FacePlan) -> bool:
    return _is_carried(face.crop) or _is_carried(face.body)


def _with_pixels(face: FacePlan) -> FacePlan:
    """The face with the pixels to embed, which stay when the host draws the next frame into the same array."""

    def kept(crop: CropPlan | None) -> CropPlan | None:
        if crop is None:
            return None
        return replace(crop, image=crop.image.copy() if _is_carried(crop) else NO_PIXELS)

    return replace(face, crop=kept(face.crop), body=kept(face.body))


def _embedded(embed: Embed, crop: CropPlan | None) -> CropPlan | None:
    if crop is None or not _is_carried(crop):
        return crop
    own = replace(crop, slot=Slot(), reason=None)
    fill(embed, [own])
    return own
