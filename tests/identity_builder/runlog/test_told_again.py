"""What was told of occlusion while a video ran is taken again by the same program only, and changes nothing."""

from __future__ import annotations

import ast
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.identity_builder.core.strategies import sample, unit_rows
from vpx_identity_builder import program
from vpx_identity_builder import replay as replaying
from vpx_identity_builder.core import occlusion
from vpx_identity_builder.core.face_cells import CELLS
from vpx_identity_builder.core.results import StopReason
from vpx_identity_builder.core.types import FaceSample, IntBox, Pose, ToldOcclusion
from vpx_identity_builder.errors import RunLogError
from vpx_identity_builder.place import SourceInfo
from vpx_identity_builder.rebuilding import rebuilt, settings_for
from vpx_identity_builder.replay import replay
from vpx_identity_builder.run import Run
from vpx_identity_builder.runlog.codec import dumps, plain
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.settings import resolve
from vpx_identity_builder.translation import Translation

FRAMES, CHANNELS = 60, 12
WHO = unit_rows(3, 2, 128)
LOOKS = unit_rows(4, 2 * CELLS, CHANNELS).reshape(2, CELLS, CHANNELS)
HAND = unit_rows(5, CELLS, CHANNELS)
PLACES = ((80.0, 100.0, 280.0, 340.0), (700.0, 100.0, 880.0, 320.0))
CHANGES = [{}, {"anchors_max": 3}, {"max_persons": 1}, {"strict_occlusion": 0.05}, {"strict_face_px": 190}]
IMAGE = np.zeros((720, 1280, 3), np.uint8)


def face(person: int, index: int) -> FaceSample:
    """One of two riders at a moment; a hand lies over the second one's mouth now and then."""
    noise = np.random.default_rng(1000 * person + index)
    cells, odd = LOOKS[person] + noise.normal(0, 0.02, LOOKS[person].shape), np.full(CELLS, 0.3)
    if person and index % 20 > 14:
        cells[18:], odd[18:] = HAND[18:], 0.9
    cells /= np.linalg.norm(cells, axis=1, keepdims=True)
    e_id = WHO[person] + noise.normal(0, 0.01, 128)
    found = sample(t_ns=index * 100_000_000, bbox=PLACES[person], e_id=(e_id / np.linalg.norm(e_id)).astype(np.float32))
    return replace(
        found,
        pose=Pose(20 * np.sin(index / 9), 10 * np.cos(index / 7), 0.0),
        appearance=np.column_stack([cells, odd]).astype(np.float32),
        occlusion_ratio=None,
    )


def ride(out: Path, **settings: object) -> Path:
    """The log of a published ride of two."""
    given = {"output_dir": out, "video_id": "ride", "stop_when_covered": False, **settings}
    run = Run(resolve(given, {}, out), SourceInfo(video_id="ride", fps=10.0, announced=True))
    for index in range(FRAMES):
        faces, t_ns = (face(0, index), face(1, index)), index * 100_000_000
        samples = run.learn(IMAGE, t_ns, Translation(faces, None))

        def encode(box: IntBox, index: int = index) -> bytes:
            return b"\xff\xd8\xff" + repr((index, box)).encode()

        run.builder.add(t_ns, samples, run.logged(encode))
    run.publish(run.finish(StopReason.END_OF_VIDEO))
    return out / "ride" / "run.sqlite"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ride(tmp_path_factory.mktemp("told"))


@pytest.fixture
def log(whole: Path, tmp_path: Path) -> Path:
    path = tmp_path / "run.sqlite"
    path.write_bytes(whole.read_bytes())
    return path


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Times of the faces whose occlusion had to be worked out."""
    times: list[int] = []
    told = occlusion._told

    def noting(beside: bytes, given: FaceSample, gallery: occlusion.Gallery) -> ToldOcclusion:
        times.append(given.t_ns)
        return told(beside, given, gallery)

    monkeypatch.setattr(occlusion, "_told", noting)
    return times


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_a_replay_gives_the_same_with_it_and_without(
    log: Path, worked_out: list[int], monkeypatch: pytest.MonkeyPatch, changes: Mapping[str, object]
) -> None:
    with RunLog(log) as held:
        settings = settings_for(held, changes)
        quick = replay(held, settings)
        running = len(worked_out)
        monkeypatch.setattr(replaying, "occlusion_fingerprint", lambda: "another program")
        slow = replay(held, settings)
    assert len(worked_out) - running == running + 2 * FRAMES, "quickly, only what is judged again at the end"
    assert dumps(plain(quick.result)) == dumps(plain(slow.result))
    assert quick.fates == slow.fates


def test_it_is_exactly_what_is_told_anew(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[tuple[int, object], ToldOcclusion | None] = {}
    monkeypatch.setattr(replaying, "occlusion_fingerprint", lambda: "another program")
    with RunLog(log) as held:
        run = replaying.run_of(held, settings_for(held, {}))
        run.builder.watch = lambda arrival, fates: found.update(
            {(arrival, fate.assignment.sample.bbox): fate.assignment.sample.told for fate in fates}
        )
        frames = list(held.frames(held.told()))
        for frame in frames:
            bare = tuple(replace(one, told=None) for one in frame.translation.samples)
            run.builder.add(frame.t_ns, run.understand(replace(frame.translation, samples=bare)), lambda _: b"")
        run.builder.finish(StopReason.END_OF_VIDEO)
    read = {(frame.seq, one.bbox): one.told for frame in frames for one in frame.translation.samples}
    assert read == found
    assert len(read) == 2 * FRAMES
    assert {told.ratio is None for told in read.values() if told} == {True, False}


def test_it_leaves_with_whom_it_was_told_of(tmp_path: Path) -> None:
    path = ride(tmp_path, max_persons=1)
    with RunLog(path) as held:
        assert held.anonymous_count() == FRAMES
        told = held.told()
        gone = {(f.seq, k) for f in held.frames() for k, left in enumerate(f.anonymous) if left}
        assert len(told) == FRAMES
        assert not gone & set(told)
        assert len(rebuilt(held, {"anchors_max": 3}).result.persons) == 1


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE told SET ratio = 0.5 WHERE frame = 30", "of face 0 of frame 30 is not what was written"),
        ("UPDATE told SET guess = 'much' WHERE frame = 2", "of face 0 of frame 2 is not what was written"),
        ("UPDATE told SET eyes = NULL WHERE frame = 30", "of face 0 of frame 30 is not what was written"),
        ("DROP TABLE told", "a table or column is missing"),
    ],
)
def test_what_was_not_written_so_is_said(log: Path, statement: str, words: str) -> None:
    with closing(sqlite3.connect(log)) as db, db:
        db.execute(statement)
    with RunLog(log) as held, pytest.raises(RunLogError) as caught:
        replay(held, settings_for(held, {}))
    assert words in caught.value.reason


def test_a_log_names_the_code_that_told(log: Path) -> None:
    with RunLog(log) as held:
        assert held.header.told_by == program.occlusion_fingerprint()


def test_the_code_that_tells_is_all_that_telling_takes() -> None:
    core = Path(program.__file__).parent / "core"
    found, ahead = set[str](), ["occlusion"]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            nodes = ast.walk(ast.parse((core / f"{name}.py").read_text()))
            taken = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level]
            ahead += [node.module or alias.name for node in taken for alias in node.names]
    assert found == set(program.OCCLUSION)
