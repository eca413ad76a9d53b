"""The wire format: the design's keys exactly, in its order; nothing that JSON cannot hold."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vpx_identity_builder.core.challenge import CUES
from vpx_identity_builder.core.results import ModelNames, PersonSet, RunResult, StopReason
from vpx_identity_builder.core.types import ExpressionSignals
from vpx_identity_builder.cues import AVOID, cues_for
from vpx_identity_builder.documents import RunContext, image_meta, pair_meta, person_meta, result_meta
from vpx_identity_builder.errors import DocumentError
from vpx_identity_builder.schema import DOCUMENTS, PersonMeta, ResultMeta, json_schema, read_document

MODELS = ModelNames("dlib-resnet-128", "dinov2-vits14-v1", None)
PERSON_KEYS = [
    "person_id",
    "track_score",
    "prototype_type",
    "anchor_count",
    "coverage_buckets_filled",
    "challenge_count",
    "total_saved",
    "stop_reason",
]
IMAGE_KEYS = [
    "type",
    "person_id",
    "frame_idx",
    "timestamp_ms",
    "yaw_bin",
    "pitch_bin",
    "expression_bin",
    "occlusion_bin",
    "lighting_bin",
    "quality_score",
    "novelty_score",
    "stable_score",
    "face_bbox",
    "crop_box",
    "embed_model_version",
    "gate_version",
]
ADDITIONS = ["_version", "details"]
PUBLISHED_SCHEMAS = Path(__file__).parents[3] / "docs" / "schema"


def test_person_document_is_section_2_exactly(person: PersonSet, context: RunContext) -> None:
    written = json.loads(person_meta(person, MODELS, context).to_json())
    assert list(written) == PERSON_KEYS + ADDITIONS
    assert {key: written[key] for key in PERSON_KEYS} == {
        "person_id": 0,
        "track_score": 0.85,
        "prototype_type": "medoid",
        "anchor_count": 2,
        "coverage_buckets_filled": {"yaw": "2/7", "pitch": "2/5", "expression": "2/4"},
        "challenge_count": 1,
        "total_saved": 5,
        "stop_reason": "coverage_satisfied",
    }


def test_image_document_is_section_11_exactly(person: PersonSet, context: RunContext) -> None:
    written = json.loads(image_meta(person.anchors[0], 0, MODELS, context).to_json())
    assert list(written) == IMAGE_KEYS + ADDITIONS
    assert {key: written[key] for key in IMAGE_KEYS} == {
        "type": "anchor",
        "person_id": 0,
        "frame_idx": 1201,
        "timestamp_ms": 40033.333,
        "yaw_bin": "[-5,5]",
        "pitch_bin": "neutral",
        "expression_bin": "smile",
        "occlusion_bin": "none",
        "lighting_bin": "normal",
        "quality_score": 0.92,
        "novelty_score": 0.45,
        "stable_score": 0.88,
        "face_bbox": [120, 80, 320, 381],
        "crop_box": [100, 60, 340, 400],
        "embed_model_version": "dinov2-vits14-v1",
        "gate_version": "v1",
    }


def test_every_document_says_what_made_it(
    result_of: Callable[[int], RunResult], person: PersonSet, context: RunContext
) -> None:
    result = result_of(2)
    documents = [
        person_meta(person, MODELS, context),
        image_meta(person.anchors[0], 0, MODELS, context),
        pair_meta(result.pair[0], MODELS, context),
        result_meta(result, context),
    ]
    for document in documents:
        assert document.to_dict()["_version"] == {
            "app": "vpx-identity-builder",
            "app_version": "0.1.0",
            "embed_model": "dinov2-vits14-v1",
            "gate_version": "v1",
            "created_at": "2026-05-04T10:11:12Z",
        }


def test_gates_are_written_component_by_component_with_margins(person: PersonSet, context: RunContext) -> None:
    gates = image_meta(person.anchors[0], 0, MODELS, context).details.gates
    assert [(check.name, check.margin, check.passed) for check in gates.strict.checks] == [
        ("confidence", 0.25, True),
        ("sharpness", -2.0, False),
    ]
    assert not gates.strict.passed
    assert gates.loose.checks[1].margin is None
    assert gates.loose.passed


def test_only_challenge_images_carry_cues_and_every_condition_has_some(person: PersonSet, context: RunContext) -> None:
    assert image_meta(person.anchors[0], 0, MODELS, context).details.cues is None
    cues = image_meta(person.challenge[0], 0, MODELS, context).details.cues
    assert cues is not None
    assert cues.condition == "dark"
    assert "heavy shadow" in cues.avoid
    assert set(AVOID) == set(CUES)
    assert cues_for("a_plugins_own").avoid == ["a plugins own"]


@pytest.mark.parametrize(
    ("expression", "bin_name", "source"),
    [
        (ExpressionSignals(happy_probability=0.9), "smile", "em_happy"),
        (ExpressionSignals(mouth_open=0.6, happy_probability=0.2), "mouth_open", "signals"),
        (ExpressionSignals(smile=0.6, happy_probability=0.9), "smile", "signals"),
        (ExpressionSignals(), "unknown", None),
    ],
)
def test_a_smile_known_by_emotion_only_is_marked(
    person: PersonSet, context: RunContext, expression: ExpressionSignals, bin_name: str, source: str | None
) -> None:
    image = person.anchors[0]
    buckets = replace(image.candidate.buckets, expression=bin_name)
    sample = replace(image.candidate.sample, expression=expression)
    image = replace(image, candidate=replace(image.candidate, sample=sample, buckets=buckets))
    details = image_meta(image, 0, MODELS, context).details
    assert (details.expression_source, details.measures.happy) == (source, expression.happy_probability)


def test_unknown_and_nan_become_null(person: PersonSet, context: RunContext) -> None:
    image = replace(person.anchors[0], novelty=math.inf, stability=math.nan)
    written = image_meta(image, 0, ModelNames(), context).to_dict()
    assert written["novelty_score"] is None
    assert written["stable_score"] is None
    assert written["details"]["measures"]["brightness"] is None
    assert written["details"]["pose"]["roll_deg"] is None
    assert written["embed_model_version"] == "unknown"


def test_a_quality_that_is_no_number_is_an_error_that_names_the_image(
    bad_quality: PersonSet, context: RunContext
) -> None:
    with pytest.raises(DocumentError, match="metadata of anchor_001 of person 0: quality_score"):
        image_meta(bad_quality.anchors[0], 0, MODELS, context)


def test_an_image_of_a_photo_names_its_file(result_of: Callable[[int], RunResult], context: RunContext) -> None:
    result = result_of(2)
    photos = replace(context, source_files=[f"img{number}.jpg" for number in range(60)])
    coverage = result.persons[0].coverage_images[0]
    assert image_meta(coverage, 0, MODELS, photos).details.source_file == "img40.jpg"
    assert pair_meta(result.pair[0], MODELS, photos).details.source_file == "img50.jpg"
    assert image_meta(result.persons[0].anchors[0], 0, MODELS, photos).details.source_file is None
    assert image_meta(coverage, 0, MODELS, context).details.source_file is None


def test_pair_document_tells_position_and_scale(result_of: Callable[[int], RunResult], context: RunContext) -> None:
    written = pair_meta(result_of(2).pair[0], MODELS, context).to_dict()
    assert written["relative_position"] == {
        "left": 0,
        "right": 1,
        "dx": 2.5,
        "dy": 0.0,
        "distance": 2.5,
        "distance_px": 500.0,
        "bin": "apart_level",
    }
    assert written["scale"] == {"face_px": [245.2, 245.2], "ratio": 1.0}
    assert written["same_expression"] is True
    assert written["simultaneous"] == {"both_smile": None, "both_mouth_open": None}
    assert [(m["person_id"], m["quality_score"], m["gates"]["strict"]["passed"]) for m in written["persons"]] == [
        (0, 0.8, True),
        (1, 0.85, True),
    ]
    assert (written["quality_score"], written["novelty_score"]) == (0.8, 1.0)


def test_a_run_without_persons_says_why(result_of: Callable[[int], RunResult], context: RunContext) -> None:
    nobody = result_of(0)
    said = "Faces were found in 600 frames, but nobody is published: too_brief."
    assert result_meta(replace(nobody, fates={"not_novel": 3}), context).notes == [said]
    spoilt = replace(nobody, fates={"gate:edge": 1, "gate:face_px": 5, "not_novel": 9})
    assert result_meta(spoilt, context).notes == [f"{said} Most often wrong: the face is too small (5 of 15 faces)."]
    empty = replace(nobody, frames_with_faces=0, unpublished=())
    assert result_meta(empty, context).notes == ["No face was found in 1235 frames."]
    assert result_meta(replace(empty, frames=0), context).notes == ["No frame was read."]


def test_a_run_without_embeddings_or_pair_says_so(result_of: Callable[[int], RunResult], context: RunContext) -> None:
    notes = result_meta(replace(result_of(2), models=ModelNames(), pair=(), notes=("No pair: x",)), context).notes
    assert [note.split(":")[0] for note in notes] == [
        "No Face-ID embedding was seen",
        "No vision embedding was seen",
        "No pair",
    ]
    uncalibrated = ModelNames("a", "new-model", None, vision_calibrated=False)
    assert result_meta(replace(result_of(1), models=uncalibrated), context).notes == [
        "The novelty thresholds are not calibrated for new-model."
    ]


def test_documents_are_the_same_bytes_for_the_same_values(
    result_of: Callable[[int], RunResult], context: RunContext
) -> None:
    shuffled = replace(result_of(2), fates={"not_novel": 588, "saved": 12})
    assert result_meta(shuffled, context).to_json() == result_meta(result_of(2), context).to_json()


def test_documents_are_read_back_equal(result_of: Callable[[int], RunResult], context: RunContext) -> None:
    document = result_meta(result_of(2), context)
    assert read_document(ResultMeta, document.to_json(), "result.json") == document
    assert document.stop_reason is StopReason.COVERAGE_SATISFIED


def test_a_wrong_document_is_named_with_its_key(person: PersonSet, context: RunContext) -> None:
    wrong = person_meta(person, MODELS, context).to_dict() | {"track_score": 2}
    with pytest.raises(DocumentError, match=r"person_0/meta\.json: track_score"):
        read_document(PersonMeta, json.dumps(wrong), "person_0/meta.json")
    with pytest.raises(DocumentError, match="extra"):
        read_document(PersonMeta, json.dumps(person_meta(person, MODELS, context).to_dict() | {"extra": 1}), "x")


def test_published_schemas_are_current() -> None:
    for name, schema in json_schema().items():
        assert json.loads((PUBLISHED_SCHEMAS / f"{name}.json").read_text()) == schema
    assert {path.stem for path in PUBLISHED_SCHEMAS.glob("*.json")} == set(DOCUMENTS)


def test_schemas_name_the_keys_as_written() -> None:
    assert list(json_schema()["image_meta"]["properties"]) == IMAGE_KEYS + ADDITIONS
    assert json_schema()["person_meta"]["required"] == PERSON_KEYS + ADDITIONS
