"""Hypothesis strategies and small factories for the values of the core."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from vpx_identity_builder.core.types import (
    Box,
    Buckets,
    Candidate,
    ExpressionSignals,
    FaceMeasures,
    FaceSample,
    Pose,
    Vector,
)

FRAME = (1280, 720)
SECOND = 1_000_000_000


def unit(values: object) -> Vector:
    """A float32 unit vector from any numbers that are not all zero."""
    flat = np.asarray(values, dtype=np.float64)
    return (flat / np.linalg.norm(flat)).astype(np.float32)


def unit_rows(seed: int, count: int, dim: int) -> np.ndarray:
    """`(count, dim)` float32 random unit rows."""
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def sample(
    *,
    t_ns: int = 0,
    bbox: Box = (500.0, 300.0, 620.0, 440.0),
    yaw: float | None = 0.0,
    pitch: float | None = 0.0,
    roll: float | None = 0.0,
    smile: float | None = 0.0,
    mouth: float | None = 0.0,
    eyes: float | None = 1.0,
    happy: float | None = None,
    occlusion: float | None = 0.0,
    brightness: float | None = 120.0,
    sharpness: float | None = 200.0,
    confidence: float = 0.95,
    alignment: float | None = 0.02,
    clipped: float | None = 0.0,
    edge: float | None = 0.5,
    face_id: int | None = None,
    e_id: Vector | None = None,
    vis: Vector | None = None,
    body: Vector | None = None,
    frame: tuple[int, int] = FRAME,
) -> FaceSample:
    """A good frontal face unless said otherwise."""
    width, height = bbox[2] - bbox[0], bbox[3] - bbox[1]
    return FaceSample(
        t_ns=t_ns,
        frame_idx=round(t_ns / SECOND * 30),
        frame_size_px=frame,
        bbox=bbox,
        confidence=confidence,
        measures=FaceMeasures(
            face_px=min(width, height),
            area_share=width * height / (frame[0] * frame[1]),
            sharpness=sharpness,
            brightness=brightness,
            clipped_share=clipped,
            alignment_error=alignment,
            edge_margin=edge,
        ),
        face_id=face_id,
        pose=Pose(yaw, pitch, roll),
        expression=ExpressionSignals(mouth, eyes, smile, happy),
        occlusion_ratio=occlusion,
        e_id=e_id,
        e_vis_face=vis,
        e_vis_body=body,
    )


def candidate(face: FaceSample, buckets: Buckets, novelty: float = 1.0, image: bytes = b"jpeg") -> Candidate:
    """A kept crop of a face."""
    x1, y1, x2, y2 = (round(value) for value in face.bbox)
    return Candidate(face, buckets, (x1, y1, x2, y2), image, novelty)


coordinates = st.floats(-200, 1500, allow_nan=False)
sides = st.floats(1, 600, allow_nan=False)
degrees = st.floats(-90, 90, allow_nan=False)
shares = st.floats(0, 1, allow_nan=False)
levels = st.floats(0, 255, allow_nan=False)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def boxes(draw: st.DrawFn, *, inside: bool = False) -> Box:
    """Boxes of positive size; `inside` = wholly in the frame."""
    if not inside:
        x, y, width, height = draw(coordinates), draw(coordinates), draw(sides), draw(sides)
        return x, y, x + width, y + height
    width, height = draw(st.floats(8, 400)), draw(st.floats(8, 400))
    x = draw(st.floats(0, FRAME[0] - width))
    y = draw(st.floats(0, FRAME[1] - height))
    return x, y, x + width, y + height


@st.composite
def measured_faces(draw: st.DrawFn) -> FaceSample:
    """Faces with any plausible or absent measure."""
    maybe = lambda values: st.none() | values  # noqa: E731
    return sample(
        bbox=draw(boxes(inside=True)),
        yaw=draw(maybe(degrees)),
        pitch=draw(maybe(degrees)),
        roll=draw(maybe(degrees)),
        smile=draw(maybe(shares)),
        mouth=draw(maybe(shares)),
        eyes=draw(maybe(shares)),
        occlusion=draw(maybe(shares)),
        brightness=draw(maybe(levels)),
        sharpness=draw(maybe(st.floats(0, 2000))),
        confidence=draw(shares),
        alignment=draw(maybe(st.floats(0, 1))),
        clipped=draw(maybe(shares)),
        edge=draw(maybe(st.floats(-0.5, 3))),
    )
