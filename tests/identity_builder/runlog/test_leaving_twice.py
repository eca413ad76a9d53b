"""Whoever leaves a log leaves nothing behind in it, and what is recorded of the others can be given again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from vpx_identity_builder.rebuilding import Image, leaving, let_leave, rebuilt
from vpx_identity_builder.runlog.reader import RunLog

from .rides import ride
from .test_rebuild import call

ONE_AS_PNG = {"max_persons": 1, "image_format": "png"}


def video(times: Collection[int]) -> dict[int, Image]:
    return {t_ns: np.full((240, 320, 3), 90, np.uint8) for t_ns in times}


def test_pictures_from_the_source_are_taken_from_it_again(tmp_path: Path) -> None:
    ride(tmp_path)
    path = tmp_path / "ride" / "run.sqlite"
    with RunLog(path) as log:
        first = rebuilt(log, ONE_AS_PNG, video)
        assert (leaving(log, first), first.decoded > 0) == (1, True)
        let_leave(log, first)
    with RunLog(path) as log:
        again = rebuilt(log, ONE_AS_PNG, video)
        pictures = [[image.candidate.image for image in made.result.persons[0].images] for made in (first, again)]
    assert pictures[0] == pictures[1]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures[1])


def test_who_leaves_is_told_by_faces_not_by_how_many_are_published(tmp_path: Path) -> None:
    ride(tmp_path)
    with RunLog(tmp_path / "ride" / "run.sqlite") as log:
        made = rebuilt(log, {"anchors_max": 4})
        assert leaving(log, made) == 0
        first, second = sorted(log.ending.ids)
        split = [(f, p, 900 if n == first and f % 2 else n, c) for f, p, n, c in made.fates]
        ids = {str(first): 0, "900": 1}
        assert leaving(log, replace(made, fates=tuple(split), people={"stands_for": {}, "ids": ids})) == 1
        joined = {"stands_for": {str(second): first}, "ids": {str(first): 0}}
        assert leaving(log, replace(made, people=joined)) == 0


def test_settings_stay_those_that_were_asked_for_where_somebody_had_left(tmp_path: Path) -> None:
    ride(tmp_path)
    assert call("rebuild", tmp_path / "ride", "--set", "identity_builder.max_persons=1").exit_code == 0
    with RunLog(tmp_path / "ride" / "run.sqlite") as log:
        made = rebuilt(log, {"max_persons": 3})
    assert len(made.result.persons) == 1
    assert made.run.settings.values()["max_persons"] == 3


def test_the_stand_ins_of_others_forget_whoever_leaves_later(tmp_path: Path) -> None:
    builder = ride(tmp_path, max_persons=1)
    assert builder.result is not None
    prototype = builder.result.persons[0].prototype
    path = tmp_path / "ride" / "run.sqlite"
    before = nearness(path, prototype)
    done = call("erase", tmp_path, "--video", "ride", "--person", "0")
    assert done.exit_code == 0, done.output
    after = nearness(path, prototype)
    assert before.keys() <= after.keys()
    assert float(np.median([abs(after[face] - near) for face, near in before.items()])) > 0.01


def nearness(path: Path, prototype: np.ndarray) -> dict[tuple[int, int], float]:
    """Cosine of every stand-in to a prototype."""
    with RunLog(path) as log:
        return {
            (frame.seq, place): float(sample.e_id @ prototype)
            for frame in log.frames()
            for place, sample in enumerate(frame.translation.samples)
            if frame.anonymous[place] and sample.e_id is not None
        }
