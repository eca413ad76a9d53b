"""Plugins in a run: each hook is asked, what it answers is seen in the set, and a faulty one costs only its answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vpx_identity_builder import IdentityBuilder
from vpx_identity_builder.core.config import FaceIdModel, GateConfig
from vpx_identity_builder.core.policy import Stability
from vpx_identity_builder.core.results import ChosenImage, PersonSet
from vpx_identity_builder.core.types import FaceMeasures, FaceSample
from vpx_identity_builder.export.bundle import Bundle
from vpx_identity_builder.hooks import hookimpl
from vpx_identity_builder.hooks_calls import Hooks

from .behaviours import contents
from .upstream import RIDER, FakeDetect, FakeExpression, FakeVision, Script, clip, look


def ride(folder: Path, plugin: object = None, seconds: float = 4.0, **settings: object) -> IdentityBuilder:
    """A finished run of a scripted ride with one more plugin."""
    values = {"output_dir": folder, "video_id": "ride", "stop_when_covered": False, **settings}
    builder = IdentityBuilder(values, {} if plugin is None else {"mine": plugin})
    upstream = [FakeDetect(Script()), FakeExpression(), FakeVision()]
    for frame in clip(seconds):
        builder.process(frame, {module.name: module.process(frame) for module in upstream})
    builder.finish()
    return builder


def set_of(builder: IdentityBuilder) -> Path:
    assert builder.output_path is not None
    return builder.output_path


def metas(builder: IdentityBuilder) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(set_of(builder).glob("person_0/*/*_meta.json"))]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> IdentityBuilder:
    """The same ride without plugins."""
    return ride(tmp_path_factory.mktemp("plain"))


@dataclass
class Witness:
    """Remembers what it was told."""

    told: list[tuple[str, Any]] = field(default_factory=list)

    @hookimpl
    def identity_builder_image_saved(self, image: ChosenImage, person: PersonSet, path: Path) -> None:
        assert path.read_bytes() == image.candidate.image
        self.told.append(("image", f"person {person.person_id} {path.stem} {image.name}"))

    @hookimpl
    def identity_builder_person_finished(
        self, person: PersonSet, folder: Path, video_id: str, model: FaceIdModel
    ) -> None:
        assert (folder / "meta.json").is_file()
        self.told.append(("person", f"{video_id} {person.person_id} {folder.name} {model.name}"))


def test_every_image_and_then_the_person_is_told_of_once(tmp_path: Path) -> None:
    witness = Witness()
    builder = ride(tmp_path, witness, checkpoint_s=1)
    assert builder.result is not None
    (person,) = builder.result.persons
    images = [("image", f"person 0 {image.name} {image.name}") for image in person.images]
    assert witness.told == [*images, ("person", "ride 0 person_0 arcface-512")]
    builder.finish()
    assert len(witness.told) == len(images) + 1


class Blue:
    """Prefers faces in the left half of their way, and says that quality is nothing else."""

    @hookimpl
    def identity_builder_quality(self, sample: FaceSample, quality: float) -> float:
        assert 0.0 <= quality <= 1.0
        return min(1.0, 0.2 + sample.t_ns / 1e10)


def test_quality_is_what_a_plugin_says(tmp_path: Path) -> None:
    shown = metas(ride(tmp_path / "mine", Blue()))
    assert {(meta["timestamp_ms"], meta["quality_score"]) for meta in shown} == {
        (meta["timestamp_ms"], round(0.2 + meta["timestamp_ms"] / 1e4, 4)) for meta in shown
    }
    ours = metas(ride(tmp_path / "ours"))
    latest = [max(meta["timestamp_ms"] for meta in found if meta["type"] == "coverage") for found in (shown, ours)]
    assert latest[0] >= latest[1]
    assert [meta["quality_score"] for meta in shown] != [meta["quality_score"] for meta in ours]


class Even:
    """Stability by the first half of the embedding."""

    @hookimpl
    def identity_builder_stability(self, e_id: np.ndarray, prototype: np.ndarray, model: FaceIdModel) -> Stability:
        half = model.dim // 2
        return Stability(float(e_id[:half] @ prototype[:half]), "the first half")


def test_stability_is_what_a_plugin_says_and_the_summary_says_so(tmp_path: Path) -> None:
    builder = ride(tmp_path, Even(), tau_id=0.1)
    assert builder.result is not None
    (person,) = builder.result.persons
    for image in person.images:
        e_id = image.candidate.sample.e_id
        assert e_id is not None
        assert image.stability == pytest.approx(float(e_id[:256] @ person.prototype[:256]))
    summary = json.loads((set_of(builder) / "person_0" / "meta.json").read_text())
    assert summary["details"]["prototype"]["source"] == "the first half"
    assert summary["prototype_type"] == "medoid"


class Sides:
    """An axis by the face's place, and one bin that a single frame has."""

    def __init__(self, rare_ms: float) -> None:
        self.rare_ms = rare_ms

    @hookimpl
    def identity_builder_bucket_axes(self, sample: FaceSample, face: np.ndarray) -> Mapping[str, str]:
        x, _y, width, height = look(RIDER, sample.t_ns).box
        assert face.dtype == np.uint8
        assert abs(face.shape[1] - width) <= 2
        assert abs(face.shape[0] - height) <= 2
        with pytest.raises(ValueError, match="read-only"):
            face[0, 0, 0] = 0
        rare = sample.t_ns == self.rare_ms * 1e6
        return {"half": "left" if x < RIDER.left else "right", "moment": "rare" if rare else "usual"}


def test_further_axes_are_written_and_their_rare_bins_are_shown(tmp_path: Path, plain: IdentityBuilder) -> None:
    unused = {100.0 * k for k in range(40)} - {meta["timestamp_ms"] for meta in metas(plain)}
    builder = ride(tmp_path, Sides(min(unused)))
    (rare,) = [meta for meta in metas(builder) if meta["details"]["extra_bins"]["moment"] == "rare"]
    assert (rare["timestamp_ms"], rare["type"]) == (min(unused), "coverage")
    folder = set_of(builder) / "person_0"
    assert json.loads((folder / "meta.json").read_text())["details"]["extra_bins"] == {
        "half": ["left", "right"],
        "moment": ["rare", "usual"],
    }
    assert "Moment" in (set_of(builder) / "report.html").read_text()
    document = [path.stem for path in folder.glob("coverage/*.jpg")]
    assert all(stem.startswith("cov_yaw") for stem in document)
    buckets = [stem.removesuffix("_2") for stem in document]
    assert max(buckets.count(bucket) for bucket in buckets) <= 2
    assert not [stem for stem in document if stem.endswith("_3")]


class Sheet:
    """Exports a list of the images."""

    @hookimpl
    def identity_builder_export(self, bundle: Bundle) -> Mapping[str, bytes]:
        names = [image.path for person in bundle.persons for image in person.images]
        return {"lists/images.txt": "\n".join(names).encode()}


def test_exported_files_are_part_of_the_set(tmp_path: Path) -> None:
    folder = set_of(ride(tmp_path, Sheet()))
    names = (folder / "lists" / "images.txt").read_text().splitlines()
    assert names == sorted(names, key=lambda name: name.split("/")[1] != "anchors")
    assert {folder / name for name in names} == set(folder.glob("person_0/*/*.jpg"))


class Busy:
    """Finds the second second interesting."""

    @hookimpl
    def identity_builder_sampling_priority(self, t_ns: int) -> float | None:
        return 3.0 if 10**9 <= t_ns < 2 * 10**9 else None


def test_the_highest_priority_of_a_moment_holds() -> None:
    bored = broken("identity_builder_sampling_priority", lambda: 0.5)
    hooks = Hooks(given=[("busy", Busy()), ("bored", bored)])
    assert [hooks.sampling_priority(t_ns) for t_ns in (0, 10**9, 2 * 10**9)] == [0.5, 3.0, 0.5]
    assert Hooks().sampling_priority(0) == 1.0
    wrong = Hooks(given=[("wrong", broken("identity_builder_sampling_priority", lambda: -1.0))])
    assert [wrong.sampling_priority(t_ns) for t_ns in (0, 1)] == [1.0, 1.0]
    assert [str(fault.reason) for fault in wrong.faults] == ["must give 0 to 10, gave -1"]


def test_who_is_asked_first_does_not_depend_on_who_came_first() -> None:
    def says(value: float) -> object:
        return broken("identity_builder_quality", lambda: value)

    face = sample_of(0)
    for given in ([("a", says(0.1)), ("b", says(0.2))], [("b", says(0.2)), ("a", says(0.1))]):
        assert Hooks(given=given).policy().quality(face, GateConfig()) == 0.1


def sample_of(t_ns: int) -> FaceSample:
    return FaceSample(t_ns, 0, (320, 240), (10.0, 10.0, 60.0, 70.0), 0.9, FaceMeasures(50.0, 0.04))


def test_a_wrapper_is_refused() -> None:
    class Around:
        @hookimpl(wrapper=True)
        def identity_builder_quality(self) -> Any:
            return (yield)

    (fault,) = Hooks(given=[("around", Around())]).faults
    assert "identity_builder_quality is a wrapper" in fault.reason


def broken(hook: str, answer: Callable[..., Any]) -> object:
    """A plugin whose one hook answers like this."""

    def method(self: object) -> Any:
        return answer()

    method.__name__ = hook
    return type("Broken", (), {hook: hookimpl(method)})()


def failing() -> None:
    raise KeyError("no such thing")


FAULTS = [
    ("identity_builder_stability", failing, "KeyError: 'no such thing', called with e_id=(512,) float32"),
    ("identity_builder_stability", lambda: float("nan"), "must give a number, gave nan"),
    ("identity_builder_quality", lambda: 1.5, "must give 0 to 1, gave 1.5"),
    ("identity_builder_quality", lambda: "good", "must give a number, gave 'good'"),
    ("identity_builder_bucket_axes", failing, "called with sample=face at 0 ms in frame 0, face=("),
    ("identity_builder_bucket_axes", lambda: {"Lighting": "left"}, "'Lighting': 'left' are no names"),
    ("identity_builder_bucket_axes", lambda: ["left"], "must give a mapping of axis to bin"),
    ("identity_builder_image_saved", failing, "called with image=anchor_001, person=person 0, path="),
    ("identity_builder_person_finished", failing, "called with person=person 0, result=RunResult, folder="),
    ("identity_builder_export", lambda: {"../out.txt": b""}, "'../out.txt' is no path inside the set"),
    ("identity_builder_export", lambda: {"/out.txt": b""}, "'/out.txt' is no path inside the set"),
    ("identity_builder_export", lambda: {"Result.json": b""}, "stands where another file or folder does"),
    ("identity_builder_export", lambda: {"person_0": b""}, "stands where another file or folder does"),
    ("identity_builder_export", lambda: {"result.json/a": b""}, "stands where another file or folder does"),
    ("identity_builder_export", lambda: {"a": "text"}, "the content must be bytes, not str"),
    ("identity_builder_export", failing, "called with bundle=Bundle"),
]


@pytest.mark.parametrize(("hook", "answer", "words"), FAULTS)
def test_a_faulty_hook_is_named_and_costs_nothing_but_its_answer(
    hook: str, answer: Callable[..., Any], words: str, tmp_path: Path, plain: IdentityBuilder
) -> None:
    builder = ride(tmp_path, broken(hook, answer))
    (fault,) = builder.hook_faults
    assert (fault.plugin, fault.hook) == ("mine", hook)
    assert words in str(fault)
    assert "\n" not in str(fault)
    assert builder.exit_code == 1
    images = [contents(set_of(one) / "person_0") for one in (builder, plain)]
    assert [name for name in images[0] if name.endswith(".jpg")] == [n for n in images[1] if n.endswith(".jpg")]
    result = json.loads((set_of(builder) / "result.json").read_text())
    told_later = hook in {f"identity_builder_{n}" for n in ("image_saved", "person_finished", "export")}
    assert result["faults"] == ({} if told_later else {f"hook:mine:{hook}": 1})
    assert plain.exit_code == 0


def test_a_hook_with_too_many_bins_is_a_fault(tmp_path: Path) -> None:
    class Fickle:
        @hookimpl
        def identity_builder_bucket_axes(self, sample: FaceSample) -> dict[str, str]:
            return {"moment": f"at_{sample.frame_idx}"}

    (fault,) = ride(tmp_path, Fickle()).hook_faults
    assert "more than 8 axes, or than 32 bins of moment" in fault.reason


@pytest.mark.parametrize(
    ("name", "words"),
    [("identity_builder_stabilty", "unknown hook 'identity_builder_stabilty'"), ("identity_builder_quality", "person")],
)
def test_a_plugin_with_an_unknown_hook_or_argument_is_named(tmp_path: Path, name: str, words: str) -> None:
    def method(self: object, person: object) -> None:
        """Asks for an argument that quality does not have."""

    method.__name__ = name
    builder = ride(tmp_path, type("Misnamed", (), {name: hookimpl(method)})(), seconds=1.0)
    (fault,) = builder.hook_faults
    assert (fault.plugin, fault.hook) == ("mine", "loading")
    assert words in fault.reason
