"""Parts of documents, made from core values. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import ValidationError

from vpx_identity_builder import schema_base, schema_images
from vpx_identity_builder import schema_parts as schema
from vpx_identity_builder.core.buckets import UNKNOWN
from vpx_identity_builder.core.extra_bins import bins_shown
from vpx_identity_builder.core.geometry import centre
from vpx_identity_builder.core.pair import placing, together
from vpx_identity_builder.core.results import Achieved, Coverage, ModelNames, PairImage, PersonSet, UnpublishedPerson
from vpx_identity_builder.core.types import Box, Candidate, FaceSample, GateResult
from vpx_identity_builder.errors import DocumentError

UNKNOWN_MODEL = "unknown"


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the documents say of a run beyond its result.

    `created_at`: UTC in ISO 8601. `source_name`: file name without folders. `content_sha256`: hex. `fps`: the rate
    asked for. `source_files`: names of photos by frame number. `settings`: what differs from the defaults.
    """

    video_id: str
    app_version: str
    created_at: str
    source_name: str | None = None
    content_sha256: str | None = None
    fps: float | None = None
    source_fps: float | None = None
    source_files: Sequence[str] = ()
    settings: Mapping[str, str | int | float | bool] = field(default_factory=dict)


def source_file_of(frame_idx: int, context: RunContext) -> str | None:
    """Name of the photo with this number; None for a video."""
    return context.source_files[frame_idx] if 0 <= frame_idx < len(context.source_files) else None


def person_folder(person_id: int) -> str:
    """Folder of a person's sets (§2)."""
    return f"person_{person_id}"


def version_of(models: ModelNames, context: RunContext) -> schema_base.Version:
    """`_version` of a document."""
    return schema_base.Version(
        app_version=context.app_version,
        embed_model=models.vision_face or UNKNOWN_MODEL,
        created_at=context.created_at,
    )


def models_of(models: ModelNames) -> schema_base.Models:
    """The models of a run."""
    return schema_base.Models(
        face_id=models.face_id,
        vision_face=models.vision_face,
        vision_body=models.vision_body,
        vision_calibrated=models.vision_calibrated,
    )


def shares_of(coverage: Coverage) -> schema.CoverageShares:
    """Coverage as text, `6/7` per axis (§2)."""
    return schema.CoverageShares(yaw=str(coverage.yaw), pitch=str(coverage.pitch), expression=str(coverage.expression))


def objective_of(achieved: Achieved) -> schema.Objective:
    """How near a person's sets come to the best possible choice."""
    return schema.Objective(
        value=round(achieved.value, 4), upper_bound=round(achieved.bound, 4), share=rounded(achieved.share)
    )


def summary_of(person: PersonSet) -> schema.PersonSummary:
    """One published person in `result.json`."""
    return schema.PersonSummary(
        person_id=person.person_id,
        folder=person_folder(person.person_id),
        track_score=rounded(person.track_score),
        frames_seen=person.frames_seen,
        anchor_count=len(person.anchors),
        coverage_count=len(person.coverage_images),
        challenge_count=len(person.challenge),
        coverage_buckets_filled=shares_of(person.coverage),
        soft=person.soft,
        stop_reason=person.stop_reason,
        notes=list(person.notes),
    )


def unpublished_of(person: UnpublishedPerson) -> schema.Unpublished:
    """Somebody seen and not published."""
    return schema.Unpublished(
        reason=person.reason,
        frames_seen=person.frames_seen,
        track_score=rounded(person.track_score),
        first_seen_ms=milliseconds(person.first_t_ns),
        last_seen_ms=milliseconds(person.last_t_ns),
    )


def gate_of(result: GateResult) -> schema_images.Gate:
    """A gate, component by component, with margins."""
    checks = []
    for check in result.checks:
        value = number(check.value)
        margin = None if value is None else rounded(abs(value - check.limit) * (1 if check.passed else -1))
        checks.append(
            schema_images.GateCheck(
                name=check.name, value=value, limit=rounded(check.limit), margin=margin, passed=check.passed
            )
        )
    return schema_images.Gate(passed=result.passed, checks=checks)


def measures_of(candidate: Candidate) -> schema_images.Measures:
    """What was measured on the face of a candidate."""
    sample = candidate.sample
    measures, expression = sample.measures, sample.expression
    return schema_images.Measures(
        confidence=number(sample.confidence),
        face_px=number(measures.face_px),
        area_share=number(measures.area_share),
        sharpness=number(measures.sharpness),
        brightness=number(measures.brightness),
        crop_brightness=number(measures.crop_brightness),
        clipped_share=number(measures.clipped_share),
        alignment_error=number(measures.alignment_error),
        occlusion_ratio=number(sample.occlusion_ratio),
        mouth_open=number(expression.mouth_open),
        eye_open=number(expression.eye_open),
        smile=number(expression.smile),
        happy=number(expression.happy_probability),
        gaze_deg=number(expression.gaze_deg),
        eye_usual=number(expression.eye_usual),
        eye_open_least=number(expression.eye_open_least),
    )


def expression_source_of(candidate: Candidate) -> Literal["signals", "em_happy"] | None:
    """What the expression bin of a candidate rests on; None where it is unknown."""
    expression = candidate.buckets.expression
    if expression == UNKNOWN:
        return None
    return "em_happy" if expression == "smile" and candidate.sample.expression.smile is None else "signals"


def extra_bins_of(person: PersonSet) -> dict[str, list[str]]:
    """Axes that plugins add, with the bins that anchors and coverage show, all in the order of names."""
    shown = bins_shown(image.candidate for image in (*person.anchors, *person.coverage_images))
    found: dict[str, list[str]] = {}
    for axis, name in sorted(shown):
        found.setdefault(axis, []).append(name)
    return found


def member_of(image: PairImage, index: int) -> schema_images.PairMember:
    """One of the two people in a pair image: `index` 0 is the image-left one."""
    candidate = (image.candidate.first, image.candidate.second)[index]
    buckets = candidate.buckets
    return schema_images.PairMember(
        person_id=image.person_ids[index],
        yaw_bin=buckets.yaw,
        pitch_bin=buckets.pitch,
        expression_bin=buckets.expression,
        occlusion_bin=buckets.occlusion,
        lighting_bin=buckets.lighting,
        quality_score=rounded(image.qualities[index]),
        stable_score=cosine(image.stability[index]),
        face_bbox=int_box(candidate.sample.bbox),
        gates=schema_images.Gates(strict=gate_of(image.strict[index]), loose=gate_of(image.loose[index])),
    )


def relative_position(left: Box, right: Box, ids: tuple[int, int]) -> schema_images.RelativePosition:
    """Where the right face is, seen from the left one (§12). Boxes in pixels, `ids` left and right person."""
    found = placing(left, right)
    (left_x, left_y), (right_x, right_y) = centre(left), centre(right)
    return schema_images.RelativePosition(
        left=ids[0],
        right=ids[1],
        dx=rounded(found.dx),
        dy=rounded(found.dy),
        distance=rounded(found.distance),
        distance_px=round(math.hypot(right_x - left_x, right_y - left_y), 1),
        bin=found.label,
    )


def simultaneous_of(first: FaceSample, second: FaceSample) -> schema_images.Simultaneous:
    """What two faces of one frame do together (§12)."""
    shared = together(first, second)
    return schema_images.Simultaneous(both_smile=shared.both_smile, both_mouth_open=shared.both_mouth_open)


def scale_of(left: Box, right: Box) -> schema_images.Scale:
    """Sizes of the two faces (§12). Boxes in pixels."""
    left_px, right_px = (math.sqrt(max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)) for box in (left, right))
    return schema_images.Scale(
        face_px=(round(left_px, 1), round(right_px, 1)), ratio=rounded(right_px / max(left_px, 1.0))
    )


def milliseconds(t_ns: int) -> float:
    """Nanoseconds as milliseconds, to the microsecond."""
    return round(t_ns / 1e6, 3)


def rounded(value: float) -> float:
    """To four decimals, so that documents stay readable and stable."""
    return round(float(value), 4)


def number(value: float | None) -> float | None:
    """`rounded`, or None for what is unknown, NaN or infinite."""
    return None if value is None or not math.isfinite(value) else rounded(value)


def cosine(value: float) -> float | None:
    """A cosine, held within -1..1 against rounding; null where it could not be computed."""
    return None if not math.isfinite(value) else rounded(min(max(value, -1.0), 1.0))


def int_box(box: Box) -> tuple[int, int, int, int]:
    """A box in whole pixels."""
    return (round(box[0]), round(box[1]), round(box[2]), round(box[3]))


def document_error(document: str, error: ValidationError) -> DocumentError:
    """A failed validation as our own error, naming the document and the key."""
    first = error.errors()[0]
    return DocumentError(document, f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
