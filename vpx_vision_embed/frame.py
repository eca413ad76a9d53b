"""One frame by itself, without the analyzer: faces and poses in, `VisionEmbedOutput` out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed.crops import Image
from vpx_vision_embed.errors import CropError
from vpx_vision_embed.inputs import Face
from vpx_vision_embed.output import Model, embedding, empty_output
from vpx_vision_embed.plan import Embed, FramePlanner, fill
from vpx_vision_embed.preprocess import check_crop
from vpx_vision_embed.types import Box, VisionEmbedOutput, with_faces

MIN_FACE_PX = 1.0


def embed_frame(
    embed: Embed, model: Model, frame: Image, faces: Sequence[Box], poses: Sequence[NDArray[np.float64]]
) -> VisionEmbedOutput:
    """See `VisionEmbedder.embed_frame`; `embed` is the embedder's and `model` names it."""
    check_crop(frame)
    for index, pose in enumerate(poses):
        if np.shape(pose) != (17, 3):
            raise CropError(f"pose {index}: expected shape (17, 3), found {np.shape(pose)}")
    listed = [Face((float(x1), float(y1), float(x2), float(y2)), None) for x1, y1, x2, y2 in faces]
    planner = FramePlanner(max(1, len(listed)), MIN_FACE_PX, 1.0, with_body=True)
    plans = planner.plan(frame, listed, [np.asarray(pose, np.float64) for pose in poses], 0)
    fill(embed, [crop for plan in plans for crop in (plan.crop, plan.body) if crop is not None])
    return with_faces(empty_output(model, model), [embedding(plan) for plan in plans])
