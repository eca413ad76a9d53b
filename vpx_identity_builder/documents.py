"""From core values to the documents of the wire format. Pure: the same result and context give the same documents."""

from __future__ import annotations

from dataclasses import asdict

from pydantic import ValidationError

from vpx_identity_builder import schema, schema_images, schema_parts
from vpx_identity_builder.core.gates import GATE_VERSION
from vpx_identity_builder.core.pair import same_expression
from vpx_identity_builder.core.results import ChosenImage, ModelNames, PairImage, PersonSet, RunResult
from vpx_identity_builder.cues import cues_for
from vpx_identity_builder.documents_parts import (
    UNKNOWN_MODEL,
    RunContext,
    cosine,
    document_error,
    expression_source_of,
    extra_bins_of,
    gate_of,
    int_box,
    measures_of,
    member_of,
    milliseconds,
    models_of,
    number,
    objective_of,
    person_folder,
    relative_position,
    rounded,
    scale_of,
    shares_of,
    simultaneous_of,
    source_file_of,
    summary_of,
    unpublished_of,
    version_of,
)
from vpx_identity_builder.remarks import recognised_as, run_notes

__all__ = ["RunContext", "image_meta", "pair_meta", "person_folder", "person_meta", "result_meta"]


def person_meta(person: PersonSet, models: ModelNames, context: RunContext) -> schema.PersonMeta:
    """The person summary of §2. Raises `DocumentError`."""
    coverage = person.coverage
    try:
        return schema.PersonMeta(
            person_id=person.person_id,
            track_score=rounded(person.track_score),
            prototype_type="memory_bank" if recognised_as(person.prototype_source) else "medoid",
            anchor_count=len(person.anchors),
            coverage_buckets_filled=shares_of(coverage),
            challenge_count=len(person.challenge),
            total_saved=len(person.images),
            stop_reason=person.stop_reason,
            version=version_of(models, context),
            details=schema_parts.PersonDetails(
                frames_seen=person.frames_seen,
                first_seen_ms=milliseconds(person.first_t_ns),
                last_seen_ms=milliseconds(person.last_t_ns),
                prototype=schema_parts.Prototype(source=person.prototype_source, embeddings=person.prototype_size),
                soft=person.soft,
                coverage_count=len(person.coverage_images),
                filled_bins=schema_parts.FilledBins(
                    yaw=list(coverage.yaw.filled),
                    pitch=list(coverage.pitch.filled),
                    expression=list(coverage.expression.filled),
                ),
                seen=schema_parts.SeenConditions(**asdict(person.conditions)),
                extra_bins=extra_bins_of(person),
                objective=objective_of(person.objective),
                models=models_of(models),
                notes=list(person.notes),
            ),
        )
    except ValidationError as error:
        raise document_error(f"summary of person {person.person_id}", error) from error


def image_meta(image: ChosenImage, person_id: int, models: ModelNames, context: RunContext) -> schema.ImageMeta:
    """The image metadata of §11. Raises `DocumentError`."""
    candidate, sample = image.candidate, image.candidate.sample
    try:
        return schema.ImageMeta(
            type=image.set_name.value,
            person_id=person_id,
            frame_idx=sample.frame_idx,
            timestamp_ms=milliseconds(sample.t_ns),
            yaw_bin=candidate.buckets.yaw,
            pitch_bin=candidate.buckets.pitch,
            expression_bin=candidate.buckets.expression,
            occlusion_bin=candidate.buckets.occlusion,
            lighting_bin=candidate.buckets.lighting,
            quality_score=rounded(image.quality),
            novelty_score=number(image.novelty),
            stable_score=cosine(image.stability),
            face_bbox=int_box(sample.bbox),
            crop_box=candidate.crop_box,
            embed_model_version=models.vision_face or UNKNOWN_MODEL,
            gate_version=GATE_VERSION,
            version=version_of(models, context),
            details=schema_images.ImageDetails(
                gates=schema_images.Gates(strict=gate_of(image.strict), loose=gate_of(image.loose)),
                pose=schema_images.PoseDegrees(
                    yaw_deg=number(sample.pose.yaw_deg),
                    pitch_deg=number(sample.pose.pitch_deg),
                    roll_deg=number(sample.pose.roll_deg),
                ),
                measures=measures_of(candidate),
                expression_source=expression_source_of(candidate),
                source_size_px=sample.frame_size_px,
                source_file=source_file_of(sample.frame_idx, context),
                in_highlight=sample.in_highlight,
                condition=image.condition,
                cues=None if image.condition is None else cues_for(image.condition),
                extra_bins=dict(sample.extra_bins),
                face_id_model=models.face_id,
            ),
        )
    except ValidationError as error:
        raise document_error(f"metadata of {image.name} of person {person_id}", error) from error


def pair_meta(image: PairImage, models: ModelNames, context: RunContext) -> schema.PairMeta:
    """The metadata of a two-person image (§12). Raises `DocumentError`."""
    pair = image.candidate
    first, second = pair.first, pair.second
    try:
        return schema.PairMeta(
            person_ids=image.person_ids,
            frame_idx=first.sample.frame_idx,
            timestamp_ms=milliseconds(first.sample.t_ns),
            quality_score=rounded(min(image.qualities)),
            novelty_score=number(image.novelty),
            overlap=rounded(pair.overlap),
            relative_position=relative_position(first.sample.bbox, second.sample.bbox, image.person_ids),
            scale=scale_of(first.sample.bbox, second.sample.bbox),
            same_expression=same_expression(pair),
            simultaneous=simultaneous_of(first.sample, second.sample),
            persons=(member_of(image, 0), member_of(image, 1)),
            crop_box=pair.crop_box,
            embed_model_version=models.vision_face or UNKNOWN_MODEL,
            gate_version=GATE_VERSION,
            version=version_of(models, context),
            details=schema_images.PairDetails(
                source_size_px=first.sample.frame_size_px,
                source_file=source_file_of(first.sample.frame_idx, context),
                in_highlight=first.sample.in_highlight,
                models=models_of(models),
            ),
        )
    except ValidationError as error:
        raise document_error(f"metadata of {image.name}", error) from error


def result_meta(result: RunResult, context: RunContext) -> schema.ResultMeta:
    """The run summary `result.json`. Raises `DocumentError`."""
    try:
        return schema.ResultMeta(
            video=schema_parts.Video(
                video_id=context.video_id,
                source_name=context.source_name,
                kind="photos" if context.source_files else "video",
                content_sha256=context.content_sha256,
                fps=number(context.fps),
                source_fps=number(context.source_fps),
                frames=result.frames,
                frames_with_faces=result.frames_with_faces,
                first_ms=None if result.first_t_ns is None else milliseconds(result.first_t_ns),
                last_ms=None if result.last_t_ns is None else milliseconds(result.last_t_ns),
            ),
            stop_reason=result.stop_reason,
            persons=[summary_of(person) for person in result.persons],
            pair_count=len(result.pair),
            unpublished=[unpublished_of(person) for person in result.unpublished],
            fates=dict(sorted(result.fates.items())),
            faults=dict(sorted(result.faults.items())),
            models=models_of(result.models),
            settings=dict(sorted(context.settings.items())),
            notes=run_notes(result, photos=bool(context.source_files)),
            version=version_of(result.models, context),
        )
    except ValidationError as error:
        raise document_error("result.json", error) from error
