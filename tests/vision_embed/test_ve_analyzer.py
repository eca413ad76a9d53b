from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from visualbase import Frame
from vpx.sdk import Capability, Observation, get_processing_steps

from vpx_vision_embed import (
    ClosedError,
    VisionEmbedAnalyzer,
    VisionEmbedError,
    VisionEmbedOutput,
    WeightsMissingError,
)
from vpx_vision_embed.backends.export import export
from vpx_vision_embed.embedder import _sessions
from vpx_vision_embed.models import BUNDLED
from vpx_vision_embed.types import REASONS

BATCH_TOLERANCE = 1e-5
MAX_JSON_BYTES = 4096


@pytest.fixture
def module(fake_model: str) -> Iterator[VisionEmbedAnalyzer]:
    analyzer = VisionEmbedAnalyzer()
    analyzer.initialize()
    yield analyzer
    analyzer.cleanup()


def detection(fakes: Any, *faces: tuple[int, tuple[float, ...]]) -> Observation:
    """face.detect's observation with (face_id, xywh px in 640×360)."""
    tracked = [fakes.tracked((x / 640, y / 360, w / 640, h / 360), face_id=face_id) for face_id, (x, y, w, h) in faces]
    return fakes.observation("face.detect", fakes.face_data(faces=tracked))


def run(module: VisionEmbedAnalyzer, frame: Frame, *observations: Observation) -> Observation:
    result = module.process(frame, {obs.source: obs for obs in observations})
    assert result is not None
    return result


def assert_same_output(found: Any, expected: Any) -> None:
    """Equal fields, vectors within the batch tolerance; `found` may be any object with these fields."""
    for item in fields(VisionEmbedOutput):
        if item.name != "faces":
            assert getattr(found, item.name) == getattr(expected, item.name)
    assert len(found.faces) == len(expected.faces)
    for one, other in zip(found.faces, expected.faces, strict=True):
        for name in ("face_id", "bbox", "crop_box", "body_box", "embedded", "reason", "body_source"):
            assert getattr(one, name) == getattr(other, name)
        for name in ("e_face", "e_body"):
            a, b = getattr(one, name), getattr(other, name)
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, atol=BATCH_TOLERANCE)


def test_two_faces_get_unit_vectors_and_the_model_is_named(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    obs = run(module, fakes.frame(40), detection(fakes, (3, (100, 80, 60, 80)), (5, (400, 100, 90, 100))))

    assert (obs.source, obs.t_ns) == ("vision.embed", 40_000_000)
    assert [face.face_id for face in obs.data.faces] == [5, 3]
    for face in obs.data.faces:
        assert face.embedded
        assert face.reason is None
        assert face.body_source == "face"
        for vector in (face.e_face, face.e_body):
            assert vector.shape == (384,)
            assert vector.dtype == np.float32
            assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-6)
    assert obs.data.face_model == obs.data.body_model == "dinov2-vits14-v1"
    assert obs.data.face_dim == obs.data.body_dim == 384
    assert obs.data.face_plateau == 0.08
    assert obs.data.face_calibrated is False


def test_the_face_crop_is_the_square_of_one_and_a_half_boxes(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    face = run(module, fakes.frame(), detection(fakes, (0, (100, 80, 60, 80)))).data.faces[0]

    assert face.bbox == pytest.approx((100, 80, 160, 160))
    assert face.crop_box == (70.0, 60.0, 190.0, 180.0)


def test_the_body_crop_comes_from_the_pose_that_is_on_the_face(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    poses = fakes.observation("body.pose", fakes.pose_data([fakes.body((445, 150)), fakes.body((20, 300))]))
    faces = detection(fakes, (0, (100, 80, 60, 80)), (1, (400, 100, 90, 100)))

    large, small = run(module, fakes.frame(), faces, poses).data.faces

    assert (large.body_source, small.body_source) == ("pose", "face")
    assert large.body_box[3] - large.body_box[1] == large.body_box[2] - large.body_box[0]


def test_signals_and_metadata_are_plain_json_and_light(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    obs = run(module, fakes.frame(), detection(fakes, (0, (100, 80, 60, 80)), (1, (400, 100, 90, 100))))

    assert obs.signals == {
        "faces_seen": 2,
        "faces_embedded": 2,
        "bodies_embedded": 2,
        "face_model": "dinov2-vits14-v1",
        "body_model": "dinov2-vits14-v1",
    }
    light = [{k: v for k, v in vars(face).items() if not k.startswith("e_")} for face in obs.data.faces]
    rest = {k: v for k, v in vars(obs.data).items() if k != "faces"}
    assert len(json.dumps([obs.signals, obs.metadata, obs.timing, light, rest])) < MAX_JSON_BYTES
    assert json.loads(json.dumps(obs.metadata))["_metrics"]["tracks"] == 2
    assert set(obs.timing or {}) == {"read", "crop", "embed_faces", "embed_bodies"}


def test_the_steps_are_declared(module: VisionEmbedAnalyzer) -> None:
    assert [step.name for step in get_processing_steps(module)] == ["read", "crop", "embed_faces", "embed_bodies"]


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((100, 100, 12, 30), "too_small"),
        ((620, 100, 90, 90), "outside_frame"),
        ((-500, -500, 90, 90), "outside_frame"),
    ],
)
def test_a_face_that_is_not_embedded_is_listed_with_its_reason(
    module: VisionEmbedAnalyzer, fakes: Any, box: tuple[float, ...], reason: str
) -> None:
    obs = run(module, fakes.frame(), detection(fakes, (0, box)))
    face = obs.data.faces[0]

    assert (face.embedded, face.reason, face.e_face, face.e_body, face.crop_box) == (False, reason, None, None, None)
    assert reason in REASONS
    assert obs.metadata["_metrics"]["skipped"] == {reason: 1}


def test_only_the_largest_faces_are_embedded(fake_model: str, fakes: Any) -> None:
    with VisionEmbedAnalyzer(max_faces=2) as module:
        boxes = [(0, (10, 10, 40, 40)), (1, (100, 10, 80, 80)), (2, (300, 10, 60, 60)), (3, (600, 10, 300, 300))]
        faces = run(module, fakes.frame(), detection(fakes, *boxes)).data.faces

    assert [(face.face_id, face.reason) for face in faces] == [
        (3, "outside_frame"),
        (1, None),
        (2, None),
        (0, "over_max_faces"),
    ]


def test_bad_boxes_cost_nothing_but_themselves(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    nan = float("nan")
    obs = run(module, fakes.frame(), detection(fakes, (0, (nan, 0, 9, 9)), (1, (0, 0, 0, 50)), (2, (90, 90, 60, 60))))

    assert [face.face_id for face in obs.data.faces] == [2]
    assert obs.metadata["_metrics"]["invalid_boxes"] == 2


def test_a_face_in_each_corner_is_embedded_whole(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    corners = [(0, (-20, -20, 80, 80)), (1, (580, -20, 80, 80)), (2, (-20, 300, 80, 80)), (3, (580, 300, 80, 80))]

    faces = run(module, fakes.frame(), detection(fakes, *corners)).data.faces

    assert all(face.embedded for face in faces)
    assert {face.crop_box[2] - face.crop_box[0] for face in faces} == {120.0}


def test_no_face_detection_means_no_output(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    assert module.process(fakes.frame(), None) is None
    assert module.process(fakes.frame(), {}) is None
    assert module.process(fakes.frame()) is None


def test_a_frame_without_faces_still_says_which_models_run(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    obs = run(module, fakes.frame(), detection(fakes))

    assert obs.data.faces == []
    assert obs.signals["face_model"] == "dinov2-vits14-v1"


class Explosive:
    """Data whose fields raise."""

    @property
    def faces(self) -> list[object]:
        raise RuntimeError("broken upstream")


@pytest.mark.parametrize("data", [None, Explosive(), {"faces": [{"bbox": [1, 2]}]}, 5])
def test_broken_input_does_not_end_the_run(module: VisionEmbedAnalyzer, fakes: Any, data: object) -> None:
    broken = run(module, fakes.frame(0), fakes.observation("face.detect", data))
    after = run(module, fakes.frame(40), detection(fakes, (0, (100, 80, 60, 80))))

    assert broken.data.faces == []
    assert broken.metadata["_metrics"]["bad_input"] is isinstance(data, Explosive)
    assert after.data.faces[0].embedded


def test_a_frame_that_is_no_picture_does_not_end_the_run(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    grey = Frame(data=np.zeros((360, 640), np.uint8), frame_id=0, t_src_ns=0, width=640, height=360)

    obs = run(module, grey, detection(fakes, (0, (100, 80, 60, 80))))

    assert obs.data.faces == []
    assert obs.metadata["_metrics"]["bad_input"] is True
    assert module.annotate(obs) == []


def test_a_json_round_trip_of_the_inputs_changes_nothing(fake_model: str, fakes: Any) -> None:
    faces = detection(fakes, (0, (100, 80, 60, 80)), (1, (400, 100, 90, 100)))
    poses = fakes.observation("body.pose", fakes.pose_data([fakes.body((445, 150))]))
    shipped = [fakes.observation(obs.source, fakes.json_like(obs.data)) for obs in (faces, poses)]
    with VisionEmbedAnalyzer() as module:
        direct = run(module, fakes.frame(), faces, poses)
    with VisionEmbedAnalyzer() as module:
        after_json = run(module, fakes.frame(), *shipped)

    assert_same_output(after_json.data, direct.data)
    assert after_json.signals == direct.signals


def video(fakes: Any) -> tuple[list[Frame], list[dict[str, Observation] | None]]:
    frames, deps = [], []
    for index in range(6):
        frames.append(fakes.frame(40 * index, seed=index))
        x = 100 + 12 * index
        deps.append({"face.detect": detection(fakes, (0, (x, 80, 60, 80)), (1, (400, 100 + index, 90, 100)))})
    deps[2] = None
    deps[4] = {"face.detect": detection(fakes)}
    return frames, deps


def test_a_batch_equals_frame_by_frame(fake_model: str, fakes: Any) -> None:
    frames, deps = video(fakes)
    with VisionEmbedAnalyzer() as module:
        singles = [module.process(frame, dep) for frame, dep in zip(frames, deps, strict=True)]
    with VisionEmbedAnalyzer() as module:
        batch = module.process_batch(frames, deps)

    assert [obs is None for obs in batch] == [obs is None for obs in singles]
    for one, other in zip(batch, singles, strict=True):
        if one is not None and other is not None:
            assert_same_output(one.data, other.data)
            assert (one.signals, one.metadata, one.t_ns) == (other.signals, other.metadata, other.t_ns)


@pytest.mark.real
def test_a_batch_equals_frame_by_frame_with_the_bundled_model(bundled_path: Path, fakes: Any) -> None:
    frames, deps = video(fakes)
    with VisionEmbedAnalyzer(face_model="bundled", body_model="bundled") as module:
        singles = [module.process(frame, dep) for frame, dep in zip(frames, deps, strict=True)]
    with VisionEmbedAnalyzer(face_model="bundled", body_model="bundled") as module:
        batch = module.process_batch(frames, deps)

    for one, other in zip(batch, singles, strict=True):
        if one is not None and other is not None:
            assert_same_output(one.data, other.data)


def test_boxes_are_smoothed_within_a_video_and_forgotten_between_two(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    first = run(module, fakes.frame(0), detection(fakes, (0, (100, 80, 60, 60)))).data.faces[0]
    second = run(module, fakes.frame(40), detection(fakes, (0, (120, 80, 60, 60)))).data.faces[0]
    module.reset()
    fresh = run(module, fakes.frame(80), detection(fakes, (0, (120, 80, 60, 60)))).data.faces[0]

    assert second.crop_box[0] - first.crop_box[0] == pytest.approx(8, abs=1)
    assert fresh.crop_box[0] - first.crop_box[0] == pytest.approx(20, abs=1)


def test_one_track_number_on_two_faces_mixes_nothing(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    twice = detection(fakes, (0, (100, 80, 90, 90)), (0, (150, 100, 60, 60)))
    run(module, fakes.frame(0), twice)

    large, small = run(module, fakes.frame(40), twice).data.faces

    assert large.crop_box == (77.0, 57.0, 212.0, 192.0) or large.crop_box == (78.0, 58.0, 213.0, 193.0)
    assert small.crop_box == (135.0, 85.0, 225.0, 175.0)


def test_a_frame_size_that_changes_is_no_error(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    run(module, fakes.frame(0), detection(fakes, (0, (500, 200, 100, 100))))

    obs = run(module, fakes.frame(40, width=160, height=90), detection(fakes, (0, (500, 200, 100, 100))))

    assert obs.data.faces[0].embedded
    assert obs.data.faces[0].bbox == pytest.approx((125, 50, 150, 75))


def test_without_bodies_nothing_is_said_of_them(fake_model: str, fakes: Any) -> None:
    with VisionEmbedAnalyzer(embed_body=False) as module:
        obs = run(module, fakes.frame(), detection(fakes, (0, (100, 80, 60, 80))))

    face = obs.data.faces[0]
    assert (face.e_body, face.body_box, face.body_source) == (None, None, None)
    assert (obs.data.body_model, obs.data.body_dim) == ("", 0)
    assert obs.signals["bodies_embedded"] == 0


def test_the_older_lifecycle_needs_cleanup_only(fake_model: str, fakes: Any) -> None:
    module = VisionEmbedAnalyzer()
    for _ in range(2):
        module.initialize()
        module.initialize()
        assert run(module, fakes.frame(), detection(fakes, (0, (100, 80, 60, 80)))).data.faces[0].embedded
        module.cleanup()
        module.cleanup()
    assert not _sessions


def test_reset_keeps_the_models_and_release_frees_them(fake_model: str, fakes: Any) -> None:
    module = VisionEmbedAnalyzer()
    module.reset()
    module.initialize()
    module.reset()
    assert run(module, fakes.frame(), detection(fakes, (0, (100, 80, 60, 80)))).data.faces[0].embedded
    module.release()
    module.release()

    assert not _sessions
    with pytest.raises(ClosedError, match="not initialized"):
        module.process(fakes.frame(), {})


def test_warmup_leaves_no_trace_and_stands_any_order(fake_model: str, fakes: Any) -> None:
    module = VisionEmbedAnalyzer()
    module.warmup()
    module.initialize()
    module.warmup(None)

    obs = run(module, fakes.frame(), detection(fakes))
    module.cleanup()

    assert obs.metadata["_metrics"]["tracks"] == 0


def test_a_failed_initialize_leaves_nothing_open(fake_model: str) -> None:
    module = VisionEmbedAnalyzer(body_model="siglip-b16-224")

    with pytest.raises(WeightsMissingError):
        module.initialize()
    assert not _sessions
    with pytest.raises(WeightsMissingError):
        module.initialize()


@pytest.mark.real
def test_the_precision_that_ran_is_named_in_every_output(bundled_path: Path, models_dir: Path, fakes: Any) -> None:
    shutil.copytree(bundled_path.parent, models_dir / BUNDLED.key)
    export(BUNDLED, "fp16")

    with VisionEmbedAnalyzer(precision="fp16") as analyzer:
        output = run(analyzer, fakes.frame(40), detection(fakes, (3, (100, 80, 60, 80)))).data
    assert (output.face_model, output.body_model) == (f"{BUNDLED.version}-fp16",) * 2
    assert output.faces[0].embedded


@pytest.mark.parametrize(
    ("precision", "complaint"), [("fp16", "--precision fp16"), ("int8", "--precision int8"), ("bf16", "timm")]
)
def test_a_precision_that_cannot_be_had_says_what_is_missing(fake_model: str, precision: str, complaint: str) -> None:
    with pytest.raises(VisionEmbedError, match=complaint):
        VisionEmbedAnalyzer(precision=precision).initialize()
    assert not _sessions


def test_the_module_says_what_it_is(module: VisionEmbedAnalyzer) -> None:
    assert module.name == "vision.embed"
    assert module.depends == ["face.detect"]
    assert module.optional_depends == ["body.pose"]
    assert module.stateful
    expected = Capability.STATEFUL | Capability.BATCHING | Capability.CROSS_HOST_OK | Capability.DETERMINISTIC
    assert module.capabilities.flags == expected
    assert module.capabilities.gpu_memory_mb == 0
    assert module.port_schema.output_data_type == "VisionEmbedOutput"


def test_the_signals_are_those_of_the_port_schema(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    assert set(run(module, fakes.frame(), detection(fakes)).signals) == set(module.port_schema.output_signals)


def test_marks_show_the_crop_and_the_reason_and_survive_json(module: VisionEmbedAnalyzer, fakes: Any) -> None:
    obs = run(module, fakes.frame(), detection(fakes, (0, (100, 80, 60, 80)), (1, (300, 100, 12, 12))))
    shipped = fakes.observation("vision.embed", fakes.json_like(obs.data))
    shipped.metadata = json.loads(json.dumps(obs.metadata))

    marks = module.annotate(obs)

    assert [mark.label for mark in marks] == ["vision", "too_small"]  # type: ignore[union-attr]
    assert (marks[0].x, marks[0].y) == pytest.approx((70 / 640, 60 / 360))  # type: ignore[union-attr]
    assert module.annotate(shipped) == marks
