"""What is known of people who are not published leaves the log when the run ends; nothing of it stays in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ecosystem.upstream import FRIEND, RIDER, identity, vision
from vpx_identity_builder.errors import RunLogError
from vpx_identity_builder.runlog import finalize
from vpx_identity_builder.runlog.pruning import StandIns
from vpx_identity_builder.runlog.reader import RunLog

from .rides import published, ride

TIMES = [round(index * 1e8) for index in range(60)]


def unit_rows(seed: int, count: int, dim: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_no_vector_and_no_picture_of_a_stranger_is_left(tmp_path: Path) -> None:
    builder = ride(tmp_path, max_persons=1)
    assert builder.result is not None
    (person,) = builder.result.persons
    rider, stranger = (RIDER, FRIEND) if float(person.prototype[0]) > 0.5 else (FRIEND, RIDER)
    data = (tmp_path / "ride" / "run.sqlite").read_bytes()
    assert all(identity(rider, t).tobytes() in data for t in TIMES[:50])
    assert not any(identity(stranger, t).tobytes() in data for t in TIMES)
    assert not any(vision(stranger, t).tobytes() in data for t in TIMES)
    with RunLog(tmp_path / "ride" / "run.sqlite") as log:
        assert log.anonymous_count() == 60
        for frame in log.frames():
            for sample, gone in zip(frame.translation.samples, frame.anonymous, strict=True):
                assert (sample.appearance is None and sample.e_vis_face is None) or not gone
        boxes = {box for _, box in log.crop_keys()}
    middle = {RIDER: 95, FRIEND: 235}[rider]
    assert boxes
    assert all(x1 <= middle <= x2 for x1, _, x2, _ in boxes)


def test_a_published_pair_stays_whole(tmp_path: Path) -> None:
    ride(tmp_path, max_persons=2)
    with RunLog(tmp_path / "ride" / "run.sqlite") as log:
        assert log.anonymous_count() == 0


def test_a_log_that_cannot_be_pruned_goes_and_the_set_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ride(tmp_path / "plain", max_persons=1)

    def failing(*_: object) -> None:
        raise RunLogError(tmp_path, "no space")

    monkeypatch.setattr(finalize, "prune", failing)
    ride(tmp_path / "failing", max_persons=1)
    assert published(tmp_path / "failing") == published(tmp_path / "plain")
    assert [path.name for path in (tmp_path / "failing" / "ride").iterdir()] == ["identity_builder"]


def test_where_a_log_cannot_be_completed_that_of_an_earlier_set_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ride(tmp_path, anchors_max=3)

    def failing(*_: object) -> None:
        raise RunLogError(tmp_path, "database or disk is full")

    monkeypatch.setattr(finalize, "_record", failing)
    ride(tmp_path)
    assert [path.name for path in (tmp_path / "ride").iterdir()] == ["identity_builder"]


@given(st.integers(0, 2**32), st.sampled_from([64, 128, 512]), st.integers(1, 3))
def test_a_stand_in_is_as_near_to_the_published_and_near_nobody_else(seed: int, dim: int, published_count: int) -> None:
    prototypes = dict(enumerate(unit_rows(seed, published_count, dim)))
    makers = StandIns(prototypes)
    for group in (0, 1, -1):
        for e_id in unit_rows(seed + 2 + group, 3, dim):
            stand_in = makers.of(e_id, group)
            assert stand_in is not None
            assert abs(float(stand_in @ stand_in) - 1) < 1e-5
            for prototype in list(prototypes.values())[:2]:
                assert abs(float(stand_in @ prototype) - float(e_id @ prototype)) < 1e-5
            assert float(stand_in @ e_id) < 0.75


@given(st.integers(0, 2**32))
def test_the_same_stranger_keeps_looking_like_one(seed: int) -> None:
    prototype, person, *noise = unit_rows(seed, 5, 128)
    makers = StandIns({0: prototype})
    looks = [person + 0.3 * other for other in noise]
    looks = [(look / np.linalg.norm(look)).astype(np.float32) for look in looks]
    first, *others = [makers.of(look, 4) for look in looks]
    assert first is not None
    for look, other in zip(looks[1:], others, strict=True):
        assert other is not None
        assert abs(float(first @ other) - float(looks[0] @ look)) < 1e-4


@pytest.mark.parametrize("bad", [np.zeros(8), np.full(8, np.nan), np.full(8, np.inf)])
def test_what_is_no_embedding_has_no_stand_in(bad: np.ndarray) -> None:
    assert StandIns({}).of(bad.astype(np.float32), 0) is None
    assert StandIns({}).of(None, 0) is None
