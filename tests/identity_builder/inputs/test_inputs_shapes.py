"""Each module's output in each shape that the ecosystem has, read as what it means."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from visualbase import Frame
from vpx.sdk import Observation

from vpx_identity_builder.core.types import ExpressionSignals, FaceSample
from vpx_identity_builder.observations import OPTIONAL, PRECEDENCE, to_samples
from vpx_identity_builder.observations_sources import READERS
from vpx_identity_builder.translation import InputRules, Translation

SIZE = (200, 100)
LEFT, RIGHT = (20.0, 20.0, 40.0, 50.0), (120.0, 20.0, 50.0, 60.0)
IMAGE = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


@dataclass
class Face:
    bbox: tuple[float, ...]
    confidence: float = 0.9
    face_id: int | None = None
    yaw: float | None = None
    pitch: float | None = None
    roll: float | None = None
    signals: dict[str, float] = field(default_factory=dict)
    embedding: Any = None
    landmarks: Any = None


def share(box: tuple[float, ...]) -> tuple[float, ...]:
    return box[0] / SIZE[0], box[1] / SIZE[1], box[2] / SIZE[0], box[3] / SIZE[1]


def translate(rules: InputRules | None = None, **modules: Any) -> Translation:
    """Module names with a double underscore for the dot."""
    deps = {name.replace("__", "."): Observation(name, 0, 0, {}, data) for name, data in modules.items()}
    return to_samples(Frame.from_array(IMAGE, 0, 0), deps, frame_idx=0, t_ns=0, rules=rules)


def detected(*faces: Face) -> SimpleNamespace:
    return SimpleNamespace(detected_faces=list(faces), faces=[])


def one(translation: Translation) -> FaceSample:
    (sample,) = translation.samples
    return sample


def two_faces() -> SimpleNamespace:
    """The lists in opposite order; the right face is the surer one."""
    return SimpleNamespace(
        detected_faces=[Face(RIGHT, 0.9, yaw=30.0), Face(LEFT, 0.8, yaw=-30.0)],
        faces=[Face(share(LEFT), 0.8, 7, yaw=-31.0), Face(share(RIGHT), 0.9, 4)],
    )


def test_the_two_lists_are_matched_by_box_and_not_by_place() -> None:
    right, left = translate(face__detect=two_faces()).samples
    assert (right.bbox[0], right.face_id, right.pose.yaw_deg) == (120.0, 4, 30.0)
    assert (left.bbox[0], left.face_id, left.pose.yaw_deg) == (20.0, 7, -31.0)


@pytest.mark.parametrize("kept", ["faces", "detected_faces"])
def test_either_list_alone_is_enough(kept: str) -> None:
    data = two_faces()
    setattr(data, "faces" if kept == "detected_faces" else "detected_faces", None)
    assert [sample.bbox[0] for sample in translate(face__detect=data).samples] == pytest.approx([120.0, 20.0])


def test_missing_angles_and_embeddings_stay_unknown() -> None:
    sample = one(translate(face__detect=detected(Face(LEFT, yaw=5.0))))
    assert (sample.pose.yaw_deg, sample.pose.pitch_deg, sample.pose.roll_deg) == (5.0, None, None)
    assert sample.e_id is None


def test_head_pose_wins_angle_by_angle_and_goes_by_place() -> None:
    poses = SimpleNamespace(estimates=[{"yaw": 12.0, "pitch": -3.0}, {"yaw": -14.0, "roll": 2.0}])
    right, left = translate(face__detect=two_faces(), head__pose=poses).samples
    assert (right.pose.yaw_deg, right.pose.pitch_deg, right.pose.pitch_source) == (12.0, -3.0, "head.pose")
    assert (left.pose.yaw_deg, left.pose.roll_deg, left.pose.pitch_deg) == (-14.0, 2.0, None)


def test_lists_of_another_length_are_not_trusted_by_place_but_by_box() -> None:
    poses = SimpleNamespace(estimates=[{"yaw": 12.0}])
    assert [s.pose.yaw_deg for s in translate(face__detect=two_faces(), head__pose=poses).samples] == [30.0, -31.0]
    poses = SimpleNamespace(estimates=[{"yaw": 12.0, "bbox": share(LEFT)}])
    assert [s.pose.yaw_deg for s in translate(face__detect=two_faces(), head__pose=poses).samples] == [30.0, 12.0]


def expression(box: tuple[float, ...], face_id: int | None = None, **signals: float) -> SimpleNamespace:
    return SimpleNamespace(faces=[Face(share(box), face_id=face_id, signals=signals)])  # type: ignore[arg-type]


def test_emotions_alone_give_a_stand_in_for_the_smile_and_no_openings() -> None:
    sample = one(
        translate(face__detect=detected(Face(LEFT)), face__expression=expression(LEFT, em_happy=0.8, em_neutral=0.1))
    )
    assert sample.expression == ExpressionSignals(happy_probability=0.8)


def test_action_units_fill_what_face_expression_leaves_open() -> None:
    units = SimpleNamespace(au_intensities=[{"AU12": 4.0, "AU25": 5.0, "AU26": 1.0, "AU45": 5.0}])
    sample = one(
        translate(
            face__detect=detected(Face(LEFT)), face__au=units, face__expression=expression(LEFT, smile_intensity=0.1)
        )
    )
    assert sample.expression == ExpressionSignals(mouth_open=0.2, eye_open=0.0, smile=0.1)


def test_au43_tells_more_of_closed_eyes_than_au45_and_au25_stands_in_for_au26() -> None:
    units = SimpleNamespace(au_intensities=[{"AU43": 1.0, "AU45": 5.0, "AU25": 2.5, "AU12": 99.0}])
    sample = one(translate(face__detect=detected(Face(LEFT)), face__au=units))
    assert sample.expression == ExpressionSignals(mouth_open=0.5, eye_open=0.8, smile=None)


def test_an_expression_of_another_track_is_distrusted() -> None:
    translation = translate(
        face__detect=detected(Face(LEFT, face_id=3)), face__expression=expression(LEFT, 5, smile_intensity=0.9)
    )
    assert one(translation).expression.smile is None
    assert translation.faults == {"expression_mismatch": 1}


def test_of_several_occlusions_the_largest_holds() -> None:
    parsed = SimpleNamespace(results=[SimpleNamespace(signals={"occlusion_ratio": 0.2}, face_mask=None)])
    hands = SimpleNamespace(faces=[SimpleNamespace(bbox=share(LEFT), occlusion_ratio=0.45)])
    translation = translate(face__detect=detected(Face(LEFT)), face__parse=parsed, face__occlusion=hands)
    assert one(translation).occlusion_ratio == 0.45


def test_a_module_of_ones_own_is_read_when_it_is_named() -> None:
    own = SimpleNamespace(faces=[{"bbox": LEFT, "occlusion_ratio": 0.3}])
    modules = {"face__detect": detected(Face(LEFT)), "my__module": own}
    assert one(translate(**modules)).occlusion_ratio is None
    assert one(translate(InputRules(extra_inputs=("my.module",)), **modules)).occlusion_ratio == 0.3


def test_a_ratio_for_the_frame_counts_where_there_is_one_face() -> None:
    said = Observation("face.parse", 0, 0, {"occlusion_ratio": 0.6}, None)
    for faces, expected in ((detected(Face(LEFT)), [0.6]), (two_faces(), [None, None])):
        deps = {"face.detect": Observation("face.detect", 0, 0, {}, faces), "face.parse": said}
        found = to_samples(Frame.from_array(IMAGE, 0, 0), deps, frame_idx=0, t_ns=0).samples
        assert [sample.occlusion_ratio for sample in found] == expected


def test_other_measures_step_in_where_the_pixels_cannot_be_measured() -> None:
    barely = (-39.5, 20.0, 40.0, 50.0)
    quality = SimpleNamespace(results=[{"face_exposure": 90.0, "clipped_ratio": 0.1, "crushed_ratio": 0.2}])
    light = SimpleNamespace(results=[{"brightness": 70.0}])
    hidden = one(translate(face__detect=detected(Face(barely)), face__quality=quality, face__lighting=light))
    assert (hidden.measures.brightness, hidden.measures.clipped_share) == (90.0, pytest.approx(0.3))
    seen = one(translate(face__detect=detected(Face(LEFT)), face__quality=quality))
    assert seen.measures.brightness == pytest.approx(127, abs=10)


def test_frame_quality_is_counted_and_judges_no_face() -> None:
    deps = {
        "face.detect": Observation("face.detect", 0, 0, {}, detected(Face(LEFT))),
        "frame.quality": Observation("frame.quality", 0, 0, {"quality_gate": "fail", "brightness": 3.0}),
    }
    translation = to_samples(Frame.from_array(IMAGE, 0, 0), deps, frame_idx=0, t_ns=0)
    assert translation.faults == {"frame_quality_rejected": 1}
    assert one(translation).measures.brightness == pytest.approx(127, abs=10)


UNIT = np.eye(1, 384)[0].astype(np.float32)


def test_era_a_embeddings_go_to_the_largest_face_of_their_crop() -> None:
    face = SimpleNamespace(e_face=UNIT, face_crop_box=(100.0, 0.0, 100.0, 100.0))
    translation = translate(face__detect=two_faces(), face__embed=face, body__embed=SimpleNamespace(e_body=UNIT))
    right, left = translation.samples
    assert right.e_vis_face is not None
    assert right.e_vis_body is not None
    assert (left.e_vis_face, left.e_vis_body) == (None, None)
    assert (translation.vision_face.name, translation.vision_body.name) == ("face.embed", "body.embed")


def test_vision_embed_wins_over_era_a() -> None:
    ours = SimpleNamespace(
        faces=[SimpleNamespace(bbox=(20.0, 20.0, 60.0, 70.0), e_face=np.ones(48), e_body=None)], face_model="m-v1"
    )
    translation = translate(
        face__detect=detected(Face(LEFT)), vision__embed=ours, face__embed=SimpleNamespace(e_face=UNIT)
    )
    sample = one(translation)
    assert sample.e_vis_face is not None
    assert sample.e_vis_face.shape == (48,)
    assert translation.vision_face.name == "m-v1"


def test_the_pitch_of_one_source_is_turned_round_and_the_others_are_not() -> None:
    rules = InputRules(frozenset({"face.detect"}))
    assert one(translate(rules, face__detect=detected(Face(LEFT, pitch=9.0)))).pose.pitch_deg == -9.0
    poses = SimpleNamespace(estimates=[{"pitch": 8.0}])
    both = translate(rules, face__detect=detected(Face(LEFT, pitch=9.0)), head__pose=poses)
    assert one(both).pose.pitch_deg == 8.0


def test_every_source_of_the_precedence_is_declared_or_required() -> None:
    required = {"face.detect", "face.expression", "vision.embed", "pixels"}
    sources = {source for ranking in PRECEDENCE.values() for source in ranking} | set(READERS)
    assert sources - required <= set(OPTIONAL)
