"""What `identity_builder` says about a frame: light data, plain signals, and marks to draw. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vpx.sdk import BarMark, BBoxMark, DrawStyle

from .core.buckets import EXPRESSION_BINS, PITCH_BINS, YAW_BINS
from .core.fates import FaceFate, Progress
from .core.results import RunResult, StopReason
from .core.words import counted

if TYPE_CHECKING:
    from vpx.sdk.marks import Mark

SIGNALS = frozenset(
    {
        "person_count",
        "coverage_yaw",
        "coverage_pitch",
        "coverage_expression",
        "coverage_satisfied",
        "saved_total",
        "should_stop",
        "stop_reason",
        "last_decision",
    }
)
PALETTE = ((80, 200, 80), (230, 160, 40), (60, 160, 250), (200, 80, 200), (80, 220, 220), (160, 160, 160))
"""Track colours, BGR, by person number."""
KEPT = frozenset(
    {"saved", "added", "replaced", "anchor_candidate", "challenge_candidate", "extra_bin_candidate", "other_moment"}
)


@dataclass(frozen=True, slots=True)
class FaceDecision:
    """One face: `box` (x, y, w, h) normalised, the person's number in this run (not its rank), and the reason code.

    `lost_to_ms`: source time of the kept image that it lost to, if it lost to one.
    """

    box: tuple[float, float, float, float]
    person: int
    decision: str
    lost_to_ms: float | None = None


@dataclass(frozen=True, slots=True)
class IdentityOutput:
    """Faces of the frame that was decided last (one frame behind the host's), and coverage in 0..1 per axis."""

    faces: list[FaceDecision]
    coverage: list[float]


def summary(result: RunResult, *, photos: bool = False) -> list[str]:
    """What a video's sets, or those of `photos`, hold, in lines for people."""
    lines = [
        f"person {person.person_id}: {counted(len(person.anchors), 'anchor')}, {len(person.coverage_images)} coverage, "
        f"{len(person.challenge)} challenge; yaw {person.coverage.yaw}, pitch {person.coverage.pitch}, "
        f"expression {person.coverage.expression}"
        for person in result.persons
    ]
    if result.pair:
        lines.append(counted(len(result.pair), "pair image"))
    reason = "all looked at" if photos and result.stop_reason is StopReason.END_OF_VIDEO else str(result.stop_reason)
    ended = f"{counted(result.frames, 'photo' if photos else 'frame')}, {reason.replace('_', ' ')}"
    return [*(lines or ["no person found; result.json says why"]), ended]


def decisions(fates: Sequence[FaceFate]) -> list[FaceDecision]:
    """The faces decided last."""
    made = []
    for fate in fates:
        sample = fate.assignment.sample
        (width, height), (x1, y1, x2, y2) = sample.frame_size_px, sample.bbox
        box = (x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height)
        lost_to_ms = None if fate.lost_to_t_ns is None else round(fate.lost_to_t_ns / 1e6, 1)
        made.append(FaceDecision(box, fate.person, fate.code, lost_to_ms))
    return made


def output(fates: Sequence[FaceFate], progress: Progress) -> IdentityOutput:
    """Data of one observation."""
    coverage = [
        progress.coverage_yaw / len(YAW_BINS),
        progress.coverage_pitch / len(PITCH_BINS),
        progress.coverage_expression / len(EXPRESSION_BINS),
    ]
    return IdentityOutput(decisions(fates), coverage)


def signals(progress: Progress, fates: Sequence[FaceFate], should_stop: bool) -> dict[str, int | str | bool]:
    """Plain scalars of one observation."""
    kept = [fate.code for fate in fates if fate.code in KEPT]
    return {
        "person_count": progress.person_count,
        "coverage_yaw": progress.coverage_yaw,
        "coverage_pitch": progress.coverage_pitch,
        "coverage_expression": progress.coverage_expression,
        "coverage_satisfied": progress.should_stop,
        "saved_total": progress.saved_total,
        "should_stop": should_stop,
        "stop_reason": "coverage_satisfied" if should_stop else "",
        "last_decision": kept[0] if kept else (fates[0].code if fates else "no_face"),
    }


def marks(observation: Any) -> list[Mark]:
    """Boxes in the person's colour with the decision, and three coverage bars."""
    data = getattr(observation, "data", None)
    drawn: list[Mark] = []
    for face in getattr(data, "faces", None) or []:
        x, y, w, h = face.box
        style = DrawStyle(color=PALETTE[face.person % len(PALETTE)], thickness=3 if face.decision in KEPT else 1)
        drawn.append(BBoxMark(x, y, w, h, f"person {face.person}: {face.decision}", style))
    for row, (name, value) in enumerate(
        zip(("yaw", "pitch", "expression"), getattr(data, "coverage", None) or [], strict=False)
    ):
        drawn.append(BarMark(0.02, 0.04 + 0.05 * row, 0.2, 0.03, value, name))
    return drawn
