"""What the builder says of each frame: plain, light, declared, timed, and drawable on both sides of a process."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from vpx.sdk import BarMark, BBoxMark, Capability, Observation, get_processing_steps
from vpx.sdk.testing import ModuleContractWarning, assert_module_contract, find_non_json

from vpx_identity_builder import IdentityBuilder
from vpx_identity_builder.frame_output import PALETTE
from vpx_identity_builder.observations import OPTIONAL

from .behaviours import DIRECT, people_clip, people_script, pipeline
from .hosts import shipped

MAX_BYTES = 4096


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[Observation]:
    folder = tmp_path_factory.mktemp("sets")
    done = DIRECT.run(lambda: pipeline(folder, people_script()), [people_clip()])
    return [found["identity_builder"] for found in done.clips[0]]


def test_signals_are_the_declared_ones_and_plain(answers: list[Observation]) -> None:
    declared = IdentityBuilder().port_schema.output_signals
    assert {frozenset(obs.signals) for obs in answers} == {declared}
    assert {
        "person_count",
        "coverage_yaw",
        "coverage_pitch",
        "coverage_expression",
        "saved_total",
        "should_stop",
        "stop_reason",
        "last_decision",
    } <= declared
    assert [find_non_json([obs.signals, obs.metadata, obs.timing]) for obs in answers] == [None] * len(answers)
    assert answers[-1].signals["person_count"] == 2
    assert answers[-1].signals["saved_total"] > 10


def test_a_frame_with_two_faces_is_light(answers: list[Observation]) -> None:
    assert len(answers[-1].data.faces) == 2
    sizes = [len(json.dumps([o.signals, o.metadata, o.timing, asdict(o.data)])) for o in answers]
    assert max(sizes) < MAX_BYTES


def test_every_step_is_named_and_timed(answers: list[Observation]) -> None:
    steps = [step.name for step in get_processing_steps(IdentityBuilder)]
    assert steps == ["translate", "build"]
    assert {tuple(obs.timing or ()) for obs in answers} == {tuple(steps)}
    assert all(ms >= 0 for obs in answers for ms in (obs.timing or {}).values())


def test_marks_show_who_and_what_and_how_much(answers: list[Observation]) -> None:
    marks = IdentityBuilder().annotate(answers[-1])
    boxes = [mark for mark in marks if isinstance(mark, BBoxMark)]
    bars = [mark for mark in marks if isinstance(mark, BarMark)]
    assert {box.style.color for box in boxes} == {PALETTE[0], PALETTE[1]}
    assert all(box.label.startswith("person ") and 0 <= box.x <= 1 and 0 < box.w < 1 for box in boxes)
    assert [bar.label for bar in bars] == ["yaw", "pitch", "expression"]
    assert all(0 < bar.value <= 1 for bar in bars)


def test_marks_are_the_same_after_a_trip_between_processes(answers: list[Observation]) -> None:
    module = IdentityBuilder()
    assert module.annotate(shipped(answers[-1])) == module.annotate(answers[-1])  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [None, {}, 5, {"faces": None}])
def test_marks_of_a_foreign_observation_are_none(data: object) -> None:
    assert IdentityBuilder().annotate(Observation("identity_builder", 0, 0, {}, data)) == []


def test_the_module_says_what_it_is() -> None:
    module = IdentityBuilder({"extra_inputs": "my.hands, head.pose,my.hands"})
    assert module.name == "identity_builder"
    assert module.depends == ["face.detect", "face.expression", "vision.embed"]
    assert module.optional_depends == [*OPTIONAL, "my.hands"]
    assert module.stateful
    assert module.capabilities.flags == Capability.STATEFUL | Capability.DETERMINISTIC
    assert module.capabilities.gpu_memory_mb == 0
    assert module.error_policy is None
    assert module.port_schema.output_data_type == "IdentityOutput"


def test_the_sdk_harness_only_misses_the_dot(tmp_path: Path) -> None:
    with pytest.warns(ModuleContractWarning, match="no dot"):
        assert_module_contract(IdentityBuilder({"output_dir": tmp_path}))
