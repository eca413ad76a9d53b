"""Cosine distances between face crops of one person with the bundled model: what its novelty threshold rests on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from embed_replay import replayed

from vpx_identity_builder.core.types import FaceSample
from vpx_vision_embed.models import BUNDLED

SAME_POSE_DEG, OTHER_POSE_DEG = 3.0, (5.0, 10.0)
SECOND_NS, LATER_NS = 1_000_000_000, 10_000_000_000
LONGEST_PLATEAU = 20
"""Frames that the plateau is a mean of (§9)."""


def by_person(name: str) -> list[list[FaceSample]]:
    """The video's faces by track, each with its own vector; tracks of less than two seconds are left out."""
    tracks: dict[int | None, list[FaceSample]] = {}
    for shot in replayed(name).own.shots:
        for face in shot.faces:
            if face.e_vis_face is not None and face.face_id is not None:
                tracks.setdefault(face.face_id, []).append(face)
    return [faces for faces in tracks.values() if len(faces) >= 20]


def report_novelty(names: Sequence[str]) -> None:
    found: dict[str, list[float]] = {}
    for name in names:
        for faces in by_person(name):
            _distances(faces, found)
            kept, settled = _kept(faces)
            print(f"  {name}: {len(faces)} faces, {kept} kept, then a mean novelty of {settled:.3f}")
    for what, values in found.items():
        print(
            f"  {what:32} median {np.median(values):.3f}, 95th percentile {np.percentile(values, 95):.3f} "
            f"({len(values)} pairs)"
        )


def _distances(faces: list[FaceSample], found: dict[str, list[float]]) -> None:
    rows = np.stack([face.e_vis_face for face in faces])
    apart = 1.0 - rows @ rows.T
    times = np.array([face.t_ns for face in faces])
    poses = np.array([[face.pose.yaw_deg or 0.0, face.pose.pitch_deg or 0.0] for face in faces])
    gap = times[None, :] - times[:, None]
    turned = np.hypot(*(poses[None, :, axis] - poses[:, None, axis] for axis in (0, 1)))
    nearest = np.zeros(gap.shape, bool)
    nearest[np.arange(len(faces) - 1), np.arange(1, len(faces))] = True
    for what, chosen in {
        "next frame (.1 s)": nearest & (gap < 1.5e8),
        "within a second": (gap > 0) & (gap <= SECOND_NS),
        "same pose, 10 s later and more": (gap >= LATER_NS) & (turned < SAME_POSE_DEG),
        "pose changed by 5-10 degrees": (gap > 0) & (turned >= OTHER_POSE_DEG[0]) & (turned < OTHER_POSE_DEG[1]),
    }.items():
        found.setdefault(what, []).extend(apart[chosen].tolist())


def _kept(faces: list[FaceSample]) -> tuple[int, float]:
    """How many are kept where each is newer than the threshold, and the last `LONGEST_PLATEAU` frames' mean novelty."""
    kept: list[np.ndarray] = []
    novelties = []
    for face in faces:
        novelty = min((1.0 - float(face.e_vis_face @ other) for other in kept), default=1.0)
        novelties.append(novelty)
        if novelty >= BUNDLED.novelty.threshold:
            kept.append(face.e_vis_face)
    return len(kept), float(np.mean(novelties[-LONGEST_PLATEAU:]))
