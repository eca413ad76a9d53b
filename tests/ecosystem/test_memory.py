"""The memory across videos: recognised, learnt, forgotten, refused; by scripted riders in real runs."""

from __future__ import annotations

import json
import stat
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vpx_identity_builder import IdentityBuilder
from vpx_identity_builder.core.config import FACE_ID_MODELS
from vpx_identity_builder.errors import MemoryBankError
from vpx_identity_builder.memory_files import FILE_NAME, bank_files, load_bank, save_bank
from vpx_identity_builder.memory_people import People, forget
from vpx_identity_builder.memory_upstream import stable_of
from vpx_identity_builder.rebuilding import rebuilt
from vpx_identity_builder.runlog.reader import RunLog

from .behaviours import contents
from .upstream import FRIEND, RIDER, FakeDetect, FakeExpression, FakeVision, Person, Script, clip

ARCFACE = FACE_ID_MODELS[0]
SAME_RIDER_LATER = Person(RIDER.number, RIDER.left, 4.4)
"""The rider in another video: other moments, other frames, the same face."""


def ride(
    folder: Path, video_id: str, people: tuple[Person, ...] = (RIDER,), bank: Path | None = None, **settings: object
) -> IdentityBuilder:
    values: dict[str, object] = {"output_dir": folder / "out", "video_id": video_id, "stop_when_covered": False}
    builder = IdentityBuilder({**values, "memory_bank": bank or folder / "bank", **settings})
    script = Script(people)
    upstream = [FakeDetect(script), FakeExpression(script), FakeVision(script)]
    for frame in clip(3.0, people):
        builder.process(frame, {module.name: module.process(frame) for module in upstream})
    builder.finish()
    return builder


def summary(builder: IdentityBuilder, person: int = 0) -> dict[str, Any]:
    assert builder.output_path is not None
    found: dict[str, Any] = json.loads((builder.output_path / f"person_{person}" / "meta.json").read_text())
    return found


def labels(folder: Path) -> list[str]:
    return [path.parent.name for path in bank_files(folder / "bank")]


def source(builder: IdentityBuilder, person: int = 0) -> tuple[str, str]:
    meta = summary(builder, person)
    return meta["prototype_type"], meta["details"]["prototype"]["source"]


def test_a_rider_is_recognised_in_the_next_video_and_a_stranger_is_not(tmp_path: Path) -> None:
    first = ride(tmp_path, "monday")
    assert source(first) == ("medoid", "strict")
    again = ride(tmp_path, "tuesday", (SAME_RIDER_LATER,))
    assert source(again) == ("memory_bank", "memory:monday-person_0")
    other = ride(tmp_path, "wednesday", (FRIEND,))
    assert source(other) == ("medoid", "strict")
    assert labels(tmp_path) == ["monday-person_0", "wednesday-person_0"]
    known = load_bank(tmp_path / "bank" / "monday-person_0" / FILE_NAME, ARCFACE)
    assert {origin.video_id for origin in known.origins()} == {"monday", "tuesday"}
    assert [builder.exit_code for builder in (first, again, other)] == [0, 0, 0]


def test_stability_is_the_nearest_node(tmp_path: Path) -> None:
    ride(tmp_path, "monday")
    bank = load_bank(tmp_path / "bank" / "monday-person_0" / FILE_NAME, ARCFACE)
    again = ride(tmp_path, "tuesday", (SAME_RIDER_LATER,))
    assert again.result is not None
    (person,) = again.result.persons
    for image in person.images:
        e_id = image.candidate.sample.e_id
        assert e_id is not None
        assert image.stability == pytest.approx(max(float(node.vec_id @ e_id) for node in bank.nodes), abs=1e-5)


def test_two_riders_are_two_memories_and_each_is_found_again(tmp_path: Path) -> None:
    ride(tmp_path, "both", (RIDER, FRIEND), memory_person="anna, ben")
    assert labels(tmp_path) == ["anna", "ben"]
    friend = ride(tmp_path, "friend", (FRIEND,))
    rider = ride(tmp_path, "rider", (SAME_RIDER_LATER,))
    assert {source(friend)[1], source(rider)[1]} == {"memory:anna", "memory:ben"}


def test_building_a_video_again_learns_it_once_and_gives_the_same_set(tmp_path: Path) -> None:
    ride(tmp_path, "monday")
    once = ride(tmp_path, "tuesday", (SAME_RIDER_LATER,))
    assert once.output_path is not None
    path = tmp_path / "bank" / "monday-person_0" / FILE_NAME
    sets, nodes = contents(once.output_path), load_bank(path).nodes
    twice = ride(tmp_path, "tuesday", (SAME_RIDER_LATER,))
    assert twice.output_path == once.output_path
    assert contents(once.output_path) == sets
    after = load_bank(path).nodes
    assert [(n.hits, n.histogram("yaw_bins")) for n in after] == [(n.hits, n.histogram("yaw_bins")) for n in nodes]
    for one, other in zip(nodes, after, strict=True):
        assert one.vec_id == pytest.approx(other.vec_id, abs=1e-5)


def test_choosing_again_from_the_log_leaves_the_video_s_own_contribution_out(tmp_path: Path) -> None:
    ride(tmp_path, "monday")
    before = load_bank(tmp_path / "bank" / "monday-person_0" / FILE_NAME, ARCFACE)
    ride(tmp_path, "tuesday", (SAME_RIDER_LATER,))
    with RunLog(tmp_path / "out" / "tuesday" / "run.sqlite") as log:
        made = rebuilt(log, {"memory_bank": tmp_path / "bank", "tau_id": 0.36})
    (person,) = made.result.persons
    assert person.prototype_source == "memory:monday-person_0"
    for image in person.images:
        e_id = image.candidate.sample.e_id
        assert e_id is not None
        assert image.stability == pytest.approx(max(float(node.vec_id @ e_id) for node in before.nodes), abs=1e-5)


def test_the_document_is_the_contract_s_and_for_the_owner_only(tmp_path: Path) -> None:
    ride(tmp_path, "monday")
    path = tmp_path / "bank" / "monday-person_0" / FILE_NAME
    document = json.loads(path.read_text())
    assert list(document) == ["person_id", "k", "nodes", "_version", "details"]
    assert document["_version"]["embed_model"] == "arcface-512"
    for node in document["nodes"]:
        assert list(node) == ["node_id", "vec_id", "rep_images", "meta_hist", "details"]
        assert np.linalg.norm(node["vec_id"]) == pytest.approx(1.0, abs=1e-5)
        assert 1 <= len(node["rep_images"]) <= 3
        assert all((path.parent / image).is_file() for image in node["rep_images"])
        assert sum(node["meta_hist"]["pitch_bins"].values()) == node["meta_hist"]["hit_count"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    before = path.read_bytes()
    save_bank(load_bank(path, ARCFACE), path)
    strip = [line for line in path.read_bytes().splitlines() if b"created_at" not in line]
    assert strip == [line for line in before.splitlines() if b"created_at" not in line]
    assert [p.name for p in path.parent.iterdir()] == [FILE_NAME]


def test_references_are_paths_of_images_with_anchors_first(tmp_path: Path) -> None:
    ride(tmp_path, "monday")
    bank = load_bank(tmp_path / "bank" / "monday-person_0" / FILE_NAME, ARCFACE)
    found = bank.select_refs({"expression": ["smile"]})
    assert sum(one.weight for one in (*found.anchor, *found.coverage, *found.challenge)) == pytest.approx(1.0)
    assert sum(one.weight for one in found.anchor) >= 0.15 - 1e-9
    assert all(Path(path).is_file() and Path(path).is_absolute() for path in found.paths_for_comfy)
    assert "anchors" in found.paths_for_comfy[0]
    with pytest.raises(MemoryBankError, match="'hair' is no axis: yaw, pitch, expression"):
        bank.select_refs({"hair": ["long"]})
    match = bank.match(bank.nodes[0].vec_id)
    assert (match.stable, match.best_node) == (pytest.approx(1.0, abs=1e-5), bank.nodes[0].node_id)
    assert sum(top.weight for top in match.top) == pytest.approx(1.0)
    with pytest.raises(MemoryBankError, match="512 finite numbers"):
        bank.match(np.full(512, np.nan, np.float32))


def test_pictures_that_are_gone_are_left_out_and_named(tmp_path: Path) -> None:
    built = ride(tmp_path, "monday")
    assert built.output_path is not None
    bank = load_bank(tmp_path / "bank" / "monday-person_0" / FILE_NAME, ARCFACE)
    gone = Path(bank.select_refs().paths_for_comfy[0])
    gone.unlink()
    found = bank.select_refs()
    assert [Path(path).name for path in found.missing] == [gone.name]
    assert str(gone) not in found.paths_for_comfy
    assert found.anchor
    for path in built.output_path.glob("person_0/*/*.jpg"):
        path.unlink()
    assert bank.select_refs().paths_for_comfy == ()


def relabelled(path: Path, model: str) -> None:
    document = json.loads(path.read_text())
    document["_version"]["embed_model"] = model
    path.write_text(json.dumps(document))


def test_a_bank_of_another_model_is_refused_and_left_alone_and_the_set_is_published(tmp_path: Path) -> None:
    ride(tmp_path, "monday")
    path = tmp_path / "bank" / "monday-person_0" / FILE_NAME
    relabelled(path, "dlib-resnet-128")
    before = path.read_bytes()
    again = ride(tmp_path, "tuesday", (SAME_RIDER_LATER,))
    assert again.exit_code == 1
    assert source(again) == ("medoid", "strict")
    assert {fault.plugin for fault in again.hook_faults} == {"memory"}
    text = str(again.hook_faults[0])
    assert "was made with dlib-resnet-128, this run has arcface-512" in text
    assert "build the videos again with memory_bank naming a new folder" in text
    assert path.read_bytes() == before
    assert labels(tmp_path) == ["monday-person_0"]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff\xfe", b'{"person_id": "a", "k": 10, "nodes": 3}', b'{"person_id": NaN}']
)
def test_a_broken_bank_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bank" / "anna" / FILE_NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    built = ride(tmp_path, "monday")
    assert built.exit_code == 1
    assert f"memory bank {path}: is no {FILE_NAME}" in str(built.hook_faults[0])
    assert built.result is not None
    assert built.result.persons[0].images
    assert path.read_bytes() == content


def test_a_label_of_somebody_else_is_refused(tmp_path: Path) -> None:
    ride(tmp_path, "monday", memory_person="anna")
    taken = ride(tmp_path, "tuesday", (FRIEND,), memory_person="anna")
    assert "'anna' is somebody else than person 0" in taken.hook_faults[0].reason
    renamed = ride(tmp_path, "wednesday", (SAME_RIDER_LATER,), memory_person="eve")
    assert "person 0 is remembered as 'anna'" in renamed.hook_faults[0].reason
    assert labels(tmp_path) == ["anna"]
    assert (taken.exit_code, renamed.exit_code) == (1, 1)


def test_forgetting_leaves_nothing_of_a_video(tmp_path: Path) -> None:
    ride(tmp_path, "monday", (RIDER, FRIEND))
    ride(tmp_path, "tuesday", (SAME_RIDER_LATER,))
    bank = tmp_path / "bank"
    assert forget(bank, "never") == []
    assert forget(bank, "monday") == ["monday-person_0", "monday-person_1"]
    (left,) = labels(tmp_path)
    text = (bank / left / FILE_NAME).read_text()
    assert "monday/" not in text
    assert '"video_id": "monday"' not in text
    assert forget(bank, "tuesday", 1) == []
    assert forget(bank, "tuesday", 0) == [left]
    assert [path.name for path in bank.iterdir()] == ["memory_bank.id"]
    assert forget(tmp_path / "none", "monday") == []


def test_a_bank_that_cannot_be_read_is_named_after_the_others_forgot(tmp_path: Path) -> None:
    ride(tmp_path, "monday", memory_person="zoe")
    broken = tmp_path / "bank" / "anna" / FILE_NAME
    broken.parent.mkdir()
    broken.write_text("{")
    with pytest.raises(MemoryBankError, match="anna"):
        forget(tmp_path / "bank", "monday")
    assert labels(tmp_path) == ["anna"]


def test_who_is_nearest_of_all(tmp_path: Path) -> None:
    ride(tmp_path, "both", (RIDER, FRIEND), memory_person="anna,ben")
    people = People(tmp_path / "bank", ARCFACE)
    for label in ("anna", "ben"):
        node = people.banks[label].nodes[0].vec_id
        found = people.nearest(node)
        assert found is not None
        assert (found.label, found.similarity) == (label, pytest.approx(1.0, abs=1e-5))
        other = people.nearest(node, leaving_out=[label])
        assert other is not None
        assert other.similarity < ARCFACE.tau_id
        assert people.recognised(node, leaving_out=[label]) is None


class UpstreamBank:
    """What is known of `momentbank.MemoryBank`."""

    def __init__(self, person_id: str, vectors: tuple[Any, ...] = (), paths: tuple[str, ...] = ()) -> None:
        self.person_id, self.vectors, self.paths = person_id, list(vectors), list(paths)

    def update(self, e_id: Any, quality: float, meta: dict[str, Any], image_path: str) -> None:
        assert Path(image_path).is_file()
        assert 0 <= quality <= 1
        assert meta["type"] in ("anchor", "coverage", "challenge")
        self.vectors.append([float(v) for v in e_id])
        self.paths.append(image_path)

    def match(self, e_id: Any) -> dict[str, Any]:
        near = [float(np.dot(vector, e_id)) for vector in self.vectors]
        return {"stable_score": max(near, default=float("nan")), "best_node": int(np.argmax(near)) if near else None}

    def select_refs(self, query: Any) -> list[str]:
        return self.paths


@pytest.fixture
def momentbank(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A small package under upstream's name."""
    package = types.ModuleType("momentbank")
    package.__spec__ = types.SimpleNamespace(name="momentbank")  # type: ignore[assignment]

    def save_bank(bank: UpstreamBank, path: Path) -> None:
        Path(path).write_text(json.dumps([bank.person_id, bank.vectors, bank.paths]))

    def load_bank(path: Path) -> UpstreamBank:
        return UpstreamBank(*json.loads(Path(path).read_text()))

    package.__dict__.update(MemoryBank=UpstreamBank, save_bank=save_bank, load_bank=load_bank)
    monkeypatch.setitem(sys.modules, "momentbank", package)
    return package


@pytest.mark.usefixtures("momentbank")
def test_upstream_s_bank_is_fed_where_it_is_installed(tmp_path: Path) -> None:
    first = ride(tmp_path, "monday", (RIDER, FRIEND), memory_person="anna,ben")
    again = ride(tmp_path, "tuesday", (SAME_RIDER_LATER,))
    assert (first.hook_faults, again.hook_faults) == ((), ())
    assert labels(tmp_path) == ["anna", "ben"]
    kind, name = source(again)
    assert (kind, name.split(":")[0]) == ("memory_bank", "momentbank")
    fed = json.loads((tmp_path / "bank" / name.split(":")[1] / FILE_NAME).read_text())
    assert again.result is not None
    assert len([path for path in fed[2] if "/tuesday/" in path]) == len(again.result.persons[0].images)


def test_an_upstream_that_offers_something_else_is_a_fault(tmp_path: Path, momentbank: types.ModuleType) -> None:
    del momentbank.load_bank
    built = ride(tmp_path, "monday")
    assert "has no MemoryBank, save_bank and load_bank" in built.hook_faults[0].reason
    assert built.output_path is not None


@pytest.mark.parametrize(
    ("answer", "stable"),
    [
        (0.5, 0.5),
        (np.float32(0.5), 0.5),
        ((0.5, 3, [1, 2, 3]), 0.5),
        ({"stable": 0.5}, 0.5),
        (types.SimpleNamespace(stable_score=0.5, best_node=1), 0.5),
        (float("nan"), None),
        (None, None),
        ({}, None),
        ((), None),
    ],
)
def test_what_upstream_s_match_may_give(answer: object, stable: float | None) -> None:
    assert stable_of(answer) == stable
