"""Of an erased person's faces only time and box stay in the log; whoever stays is rebuilt as before."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from tests.identity_builder.erasure.kept import call, files
from vpx_identity_builder.core.types import FaceMeasures, FaceSample
from vpx_identity_builder.pitch_sign import PitchEvidence, PitchHint
from vpx_identity_builder.published import read_result
from vpx_identity_builder.rebuilding import rebuilt, replayed, settings_for
from vpx_identity_builder.runlog.outline import leave_outlines, outline_of
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.runlog.rows import OUTLINE, REWRITE_FACE, face_row, frame_row
from vpx_identity_builder.runlog.schema import LOG_NAME

STAYS = {"t_ns", "frame_idx", "frame_size_px", "bbox", "confidence", "measures"}
CHANGES: tuple[dict[str, object], ...] = ({"anchors_max": 3}, {"strict_confidence": 0.8}, {"crop_scale": 1.9})
Image = tuple[str, int, tuple[int, int, int, int]]


def log_of(out: Path) -> Path:
    return out / "ride" / LOG_NAME


def erase(out: Path, person: int) -> None:
    done = call("erase", out, "--video", "ride", "--person", person)
    assert done.exit_code == 0, done.output


def faces_of(out: Path, person: int) -> dict[tuple[int, int], FaceSample]:
    """Frame and face → what the log holds of a published person's faces."""
    with RunLog(log_of(out)) as log:
        ids, numbers = log.ending.ids, log.person_numbers()
        return {
            (frame.seq, place): sample
            for frame in log.frames()
            for place, sample in enumerate(frame.translation.samples)
            if ids.get(numbers.get((frame.seq, place), -1)) == person
        }


def images(out: Path, changes: dict[str, object]) -> list[set[Image]]:
    """The images of everybody who is chosen by replaying the log."""
    with RunLog(log_of(out)) as log:
        made = replayed(log, settings_for(log, changes))
    return [
        {(image.name, image.candidate.sample.t_ns, image.candidate.crop_box) for image in person.images}
        for person in made.result.persons
    ]


def test_only_time_and_box_stay(out: Path) -> None:
    before = faces_of(out, 1)
    assert len(before) > 50
    assert all(sample.pose.yaw_deg is not None and sample.e_id is not None for sample in before.values())
    erase(out, 1)
    with RunLog(log_of(out)) as log:
        after = {
            (frame.seq, place): sample
            for frame in log.frames()
            for place, sample in enumerate(frame.translation.samples)
            if frame.anonymous[place] == OUTLINE
        }
        assert after.keys() == before.keys()
        assert not after.keys() & log.person_numbers().keys()
        assert not after.keys() & log.told().keys()
        others = set(log.ending.ids)
        assert set(log.ending.stands_for.values()) <= others
    for place, sample in after.items():
        was = before[place]
        assert (sample.t_ns, sample.frame_idx, sample.bbox) == (was.t_ns, was.frame_idx, was.bbox)
        bare = FaceSample(0, 0, (1, 1), (0, 0, 1, 1), 0.0, FaceMeasures(0, 0))
        for field in fields(FaceSample):
            if field.name not in STAYS:
                assert getattr(sample, field.name) == getattr(bare, field.name), field.name
        assert sample.confidence in (0.0, 1.0)
        known = {field.name for field in fields(FaceMeasures) if getattr(sample.measures, field.name) is not None}
        assert known == {"face_px", "area_share"}


def test_what_is_left_of_a_face_follows_from_its_box() -> None:
    rich = FaceSample(
        5, 7, (320, 240), (10.0, 20.0, 50.0, 80.0), 0.7, FaceMeasures(99.0, 0.9, 3.0, 4.0), 2, occlusion_ratio=0.3
    )
    other = replace(rich, confidence=0.93, measures=FaceMeasures(1.0, 0.1), face_id=4, extra_bins=(("hat", "on"),))
    assert [getattr(outline_of(rich), name) for name in STAYS] == [getattr(outline_of(other), name) for name in STAYS]
    assert outline_of(replace(rich, confidence=0.49)).confidence == 0.0


@pytest.mark.parametrize("person", [0, 1])
def test_who_stays_is_rebuilt_as_recorded_and_as_before_with_other_settings(out: Path, person: int) -> None:
    with RunLog(log_of(out)) as log:
        full = rebuilt(log, {}).result.persons[1 - person]
    wanted = [images(out, changes)[1 - person] for changes in CHANGES]
    erase(out, person)
    mine = {data for name, data in files(out).items() if name.endswith(".jpg")}
    with RunLog(log_of(out)) as log:
        made = rebuilt(log, {})
        assert made.fates == ()
        (left,) = made.result.persons
    assert [image.candidate.image for image in left.images] == [image.candidate.image for image in full.images]
    assert (left.person_id, made.result.pair) == (1 - person, ())
    assert [images(out, changes) for changes in CHANGES] == [[one] for one in wanted]
    assert call("rebuild", out / "ride").exit_code == 0
    assert {data for name, data in files(out).items() if name.endswith(".jpg")} == mine


def covered(out: Path, kind: str) -> dict[int, list[tuple[float, float]]]:
    """Let person 1 be in the crops of person 0 in half of the frames, as a face or an outline; when and where."""
    with RunLog(log_of(out)) as log:
        ids, numbers = log.ending.ids, log.person_numbers()
        log.connection.execute("BEGIN")
        centres: dict[int, list[tuple[float, float]]] = {}
        for frame in list(log.frames()):
            whose = {ids.get(numbers.get((frame.seq, k), -1)): k for k in range(len(frame.translation.samples))}
            if frame.seq % 2 or {0, 1} - whose.keys():
                continue
            mine, other = (frame.translation.samples[whose[number]] for number in (0, 1))
            x1, y1, x2, y2 = mine.bbox
            moved = replace(other, bbox=(x1 + 4, y2 + 2, x2 + 4, 2 * y2 - y1 + 2))
            row = face_row(frame.seq, whose[1], outline_of(moved) if kind == "outline" else moved, 2 * (kind != "face"))
            log.connection.execute(REWRITE_FACE, row)
            centres[moved.t_ns] = [((moved.bbox[0] + moved.bbox[2]) / 2, (moved.bbox[1] + moved.bbox[3]) / 2)]
        log.connection.execute("DELETE FROM outcome")
        log.connection.execute("COMMIT")
    return centres


@pytest.mark.parametrize("kind", ["face", "outline"])
def test_an_outline_keeps_its_face_out_of_the_images_of_others(out: Path, kind: str) -> None:
    centres = covered(out, kind)
    hidden = len(centres)
    assert hidden > 20
    with RunLog(log_of(out)) as log:
        made = replayed(log, settings_for(log, {}))
    assert made.result.fates["other_face_in_crop"] > 10
    taken_for = sum(made.result.fates.values())
    assert len(made.places) - taken_for == (0 if kind == "face" else hidden)
    crops = [(i.candidate.sample.t_ns, i.candidate.crop_box) for p in made.result.persons for i in p.images]
    assert crops
    assert not any(x1 <= x <= x2 and y1 <= y <= y2 for t, (x1, y1, x2, y2) in crops for x, y in centres.get(t, ()))


def test_outlines_are_nobody_in_a_video_where_they_outnumber_all_others(out: Path) -> None:
    erase(out, 0)
    erase(out, 1)
    with RunLog(log_of(out)) as log:
        made = replayed(log, settings_for(log, {}))
        assert log.anonymous_count() == len(made.places)
        assert log.ending.stands_for == {}
    assert (made.result.persons, made.result.unpublished, dict(made.result.fates)) == ((), (), {})
    assert made.result.frames_with_faces == made.result.frames > 0


def test_a_face_that_motion_gave_to_who_stays_goes_with_whose_it_surely_is(out: Path) -> None:
    theirs, others = faces_of(out, 1), faces_of(out, 0)
    mistaken = sorted(others)[3:7]
    embedding = next(sample.e_id for sample in theirs.values() if sample.e_id is not None)
    with RunLog(log_of(out)) as log:
        log.connection.execute("BEGIN")
        for frame, face in mistaken:
            row = face_row(frame, face, replace(others[frame, face], e_id=embedding))
            log.connection.execute(REWRITE_FACE, row)
        log.connection.execute("COMMIT")
    erase(out, 1)
    assert embedding.tobytes() not in log_of(out).read_bytes()
    with RunLog(log_of(out)) as log:
        gone = {(f.seq, k) for f in log.frames() for k, kind in enumerate(f.anonymous) if kind == OUTLINE}
    assert gone == theirs.keys() | set(mistaken)


def test_who_leaves_by_a_rebuild_later_does_not_fill_the_outlines_again(out: Path) -> None:
    erase(out, 1)
    with RunLog(log_of(out)) as log:
        before = [(f.seq, k, s.bbox) for f in log.frames() for k, s in enumerate(f.translation.samples)]
        kinds = [kind for frame in log.frames() for kind in frame.anonymous]
    call("rebuild", out / "ride", "--set", "identity_builder.strict_confidence=0.9")
    with RunLog(log_of(out)) as log:
        assert [(f.seq, k, s.bbox) for f in log.frames() for k, s in enumerate(f.translation.samples)] == before
        assert [kind for frame in log.frames() for kind in frame.anonymous] == kinds
    assert len(read_result(out / "ride" / "identity_builder").persons) == 1


def with_hints(out: Path, slopes: dict[int, float]) -> None:
    """Give every frame a hint of the pitch's sign for each person: `slopes` of the figure against the pitch."""
    rng = np.random.default_rng(5)
    with RunLog(log_of(out)) as log:
        ids, numbers = log.ending.ids, log.person_numbers()
        log.connection.execute("BEGIN")
        for frame in list(log.frames()):
            hints, samples = list[PitchHint](), list(frame.translation.samples)
            for place, sample in enumerate(samples):
                person = ids.get(numbers.get((frame.seq, place), -1), -1)
                samples[place] = replace(sample, face_id=person)
                pitch = float(rng.normal(0.0, 12.0))
                hints.append(PitchHint("head.pose", "landmarks", person, pitch, slopes[person] * pitch + 0.5))
                log.connection.execute(REWRITE_FACE, face_row(frame.seq, place, samples[place]))
            told = replace(frame.translation, samples=tuple(samples), pitch_hints=tuple(hints))
            row = frame_row(frame.seq, frame.t_ns, told)
            log.connection.execute("INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?)", row)
        log.connection.execute("COMMIT")


def signs(out: Path) -> tuple[frozenset[str], list[PitchHint]]:
    evidence, hints = PitchEvidence(), list[PitchHint]()
    with RunLog(log_of(out)) as log:
        for frame in log.frames():
            evidence.add(frame.translation.pitch_hints)
            hints += frame.translation.pitch_hints
    return evidence.reversed_sources(), hints


@pytest.mark.parametrize(
    ("slopes", "is_reversed"),
    [({0: -0.01, 1: -0.02}, True), ({0: 0.001, 1: -0.05}, True), ({0: -0.001, 1: 0.05}, False)],
    ids=["both say so", "only who leaves says reversed", "only who stays says reversed"],
)
def test_hints_of_a_pose_go_and_the_sign_that_they_told_stays(
    out: Path, slopes: dict[int, float], is_reversed: bool
) -> None:
    with_hints(out, slopes)
    told = frozenset({"head.pose"}) if is_reversed else frozenset[str]()
    assert signs(out)[0] == told
    mine = [hint for hint in signs(out)[1] if hint.track == 0]
    erase(out, 1)
    after, hints = signs(out)
    assert after == told
    assert [hint for hint in hints if hint.track >= 0] == mine
    assert len({(abs(hint.pitch_deg), abs(hint.reference)) for hint in hints if hint.track < 0}) <= 1


def test_hints_whose_face_nobody_can_tell_go(out: Path) -> None:
    with_hints(out, {0: 0.01, 1: 0.01})
    with RunLog(log_of(out)) as log:
        log.connection.execute("BEGIN")
        for frame in list(log.frames()):
            for place, sample in enumerate(frame.translation.samples):
                row = face_row(frame.seq, place, replace(sample, face_id=None))
                log.connection.execute(REWRITE_FACE, row)
        leave_outlines(log, {(1, 0)})
        log.connection.execute("COMMIT")
        left = [len(frame.translation.pitch_hints) for frame in log.frames()]
    assert left[0] == 0
    assert set(left[1:]) == {2}


def test_the_raw_rows_hold_nothing_else(out: Path) -> None:
    """Looked at without our own reader."""
    erase(out, 1)
    connection = sqlite3.connect(log_of(out))
    rows = connection.execute("SELECT signals, e_id, e_vis_face, e_vis_body, appearance FROM faces WHERE anonymous = 2")
    for signals, *arrays in rows.fetchall():
        said = {key: value for key, value in json.loads(signals).items() if value is not None and value != []}
        assert said.pop("in_highlight") is False
        assert said.keys() - {"pose", "expression"} == STAYS
        assert {*said["pose"].values(), *said["expression"].values(), *arrays} == {None}
    persons = {row[0] for row in connection.execute("SELECT DISTINCT person FROM fates")}
    assert len(persons) == 1
    connection.close()
