"""One frame's faces → what is to be embedded: crops, boxes and reasons. Knows tracks and geometry, but no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from visualbase import Frame

from vpx_vision_embed.crops import (
    FACE_EXPAND,
    MIN_VISIBLE,
    Image,
    TrackSmoother,
    area,
    body_box_from_face,
    body_box_from_pose,
    cut_square,
    square_around,
    visible_fraction,
)
from vpx_vision_embed.inputs import Face, match_poses
from vpx_vision_embed.prefilter import Prefilter, PrefilterRules, Slot
from vpx_vision_embed.settings import VisionEmbedSettings
from vpx_vision_embed.types import Box

Pose = NDArray[np.float64]
Embed = Callable[[Sequence[Image]], NDArray[np.float32]]
"""Crops → (n, dim) unit rows, in their order."""


@dataclass(frozen=True)
class CropPlan:
    """One crop: (side, side, 3) uint8, the square it shows (it may reach over the frame's edge), and its embedding.

    Attributes:
        slot: holds the embedding once it is computed; None = the crop is not worth one.
        reason: None = the crop is to be embedded into `slot`; else why it is not, as a code of `types.REASONS`.
    """

    image: Image
    box: Box
    slot: Slot | None
    reason: str | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether this very crop is to be embedded."""
        return self.reason is None


@dataclass(frozen=True)
class FacePlan:
    """One face: its crops, and the reason (a code of `types.REASONS`) if it is not embedded in this frame."""

    face: Face
    reason: str | None = None
    crop: CropPlan | None = None
    body: CropPlan | None = None
    body_source: str | None = None


@dataclass(frozen=True)
class FramePlan:
    """One frame: its faces, how many boxes were none, whether its input could not be read, and how many tracks live."""

    frame: Frame
    image_size: tuple[int, int]
    faces: tuple[FacePlan, ...]
    invalid: int
    bad_input: bool
    tracks: int


class FramePlanner:
    """Chooses and cuts the crops of each frame; frames come in time order. Keeps only the boxes of live tracks.

    Args:
        max_faces: faces to embed per frame, largest first.
        min_face_px: shorter side below which a face is not embedded.
        smoothing_alpha: see `TrackSmoother`.
        with_body: whether bodies are cut too.
        rules: which crops are not embedded; by default every crop is.
    """

    def __init__(
        self,
        max_faces: int,
        min_face_px: float,
        smoothing_alpha: float,
        with_body: bool,
        rules: PrefilterRules | None = None,
    ) -> None:
        self._max_faces = max_faces
        self._min_face_px = min_face_px
        self._with_body = with_body
        self._face_tracks = TrackSmoother(smoothing_alpha)
        self._body_tracks = TrackSmoother(smoothing_alpha)
        self._prefilter = Prefilter(rules or PrefilterRules())

    @property
    def tracks(self) -> int:
        """Number of tracks that are being smoothed."""
        return len(self._face_tracks)

    def clear(self) -> None:
        """Forget all tracks; call it between two videos."""
        self._face_tracks.clear()
        self._body_tracks.clear()
        self._prefilter.clear()

    def plan(self, image: Image, faces: Sequence[Face], poses: list[Pose], t_ns: int) -> list[FacePlan]:
        """The plan of one frame.

        Args:
            image: (h, w, 3) uint8 BGR.
            faces: largest first.
            poses: (17, 3) each: x px, y px, confidence.
            t_ns: the frame's time.

        Returns:
            One entry per face, in the order of `faces`.
        """
        reasons = self._reasons(image, faces)
        wanted = [index for index, reason in enumerate(reasons) if reason is None]
        matched: dict[int, Pose | None] = {}
        if self._with_body:
            matched = dict(zip(wanted, match_poses([faces[index].box for index in wanted], poses), strict=True))
        plans, seen = [], set[int]()
        for index, (face, reason) in enumerate(zip(faces, reasons, strict=True)):
            if reason is not None:
                plans.append(FacePlan(face, reason))
                continue
            # a track number that occurs twice in one frame says nothing about the second face
            track = face.face_id if face.face_id not in seen else None
            if track is not None:
                seen.add(track)
            plans.append(self._cut(image, face, track, matched.get(index), t_ns))
        return plans

    def _reasons(self, image: Image, faces: Sequence[Face]) -> list[str | None]:
        height, width = image.shape[:2]
        reasons: list[str | None] = []
        accepted = 0
        for face in faces:
            x1, y1, x2, y2 = face.box
            if visible_fraction(face.box, width, height) < MIN_VISIBLE:
                reasons.append("outside_frame")
            elif min(x2 - x1, y2 - y1) < self._min_face_px:
                reasons.append("too_small")
            elif accepted == self._max_faces:
                reasons.append("over_max_faces")
            else:
                accepted += 1
                reasons.append(None)
        return reasons

    def _cut(self, image: Image, face: Face, track: int | None, pose: Pose | None, t_ns: int) -> FacePlan:
        box = face.box if track is None else self._face_tracks.update(track, face.box, t_ns)
        square = square_around(box, FACE_EXPAND)
        if visible_fraction(square, image.shape[1], image.shape[0]) == 0.0:
            square = square_around(face.box, FACE_EXPAND)
        pixels, seen = cut_square(image, square)
        verdict = self._prefilter.face(track, face.box, pixels, t_ns)
        crop = CropPlan(pixels, seen, verdict.slot, verdict.reason)
        if not self._with_body or verdict.slot is None:
            return FacePlan(face, verdict.reason, crop)
        body, source = self._body_box(image, box, track, pose, t_ns)
        if area(body) < 1.0:
            return FacePlan(face, verdict.reason, crop)
        pixels, seen = cut_square(image, square_around(body))
        body_verdict = self._prefilter.body(track, pixels, t_ns)
        body_crop = CropPlan(pixels, seen, body_verdict.slot, body_verdict.reason)
        return FacePlan(face, verdict.reason, crop, body_crop, source)

    def _body_box(self, image: Image, face: Box, track: int | None, pose: Pose | None, t_ns: int) -> tuple[Box, str]:
        height, width = image.shape[:2]
        if pose is not None:
            box = body_box_from_pose(pose, face, width, height)
            if box is not None and area(box) >= 1.0:
                return (box if track is None else self._body_tracks.update(track, box, t_ns)), "pose"
        return body_box_from_face(face, width, height), "face"


def fill(embed: Embed, crops: Sequence[CropPlan]) -> None:
    """Embed the crops into their slots."""
    if not crops:
        return
    for crop, row in zip(crops, embed([crop.image for crop in crops]), strict=True):
        if crop.slot is not None:
            crop.slot.vector = row


def planner_for(values: VisionEmbedSettings) -> FramePlanner:
    """The planner that these settings describe."""
    rules = PrefilterRules(values.unchanged_below, values.max_rate_hz, values.refresh_s, values.min_sharpness)
    return FramePlanner(values.max_faces, values.min_face_px, values.smoothing_alpha, values.embed_body, rules)
