from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vpx_vision_embed.inputs import Face, match_poses, read_faces, read_poses

WIDTH, HEIGHT = 640, 360


def test_both_lists_are_joined_by_box_and_not_by_index(fakes: Any) -> None:
    data = fakes.face_data(
        faces=[fakes.tracked((0.5, 0.5, 0.1, 0.25), face_id=7)],
        detected_faces=[fakes.pixel((10, 10, 50, 50)), fakes.pixel((321, 181, 64, 90))],
    )

    read = read_faces(data, WIDTH, HEIGHT)

    assert read.faces == (Face((320.0, 180.0, 384.0, 270.0), 7), Face((10.0, 10.0, 60.0, 60.0), None))
    assert read.invalid == 0


def test_a_json_round_trip_reads_the_same(fakes: Any) -> None:
    data = fakes.face_data(
        faces=[fakes.tracked((0.5, 0.5, 0.1, 0.25), face_id=7), fakes.tracked((0.1, 0.1, 0.2, 0.3), face_id=2)],
        detected_faces=[fakes.pixel((10, 10, 50, 50))],
    )

    assert read_faces(fakes.json_like(data), WIDTH, HEIGHT) == read_faces(data, WIDTH, HEIGHT)


def test_arrays_and_numpy_numbers_are_read(fakes: Any) -> None:
    data = fakes.face_data(faces=[fakes.tracked(np.array([0.5, 0.5, 0.1, 0.25]), face_id=np.int64(3))])

    assert read_faces(data, WIDTH, HEIGHT).faces == (Face((320.0, 180.0, 384.0, 270.0), 3),)


def test_a_track_number_comes_from_either_list(fakes: Any) -> None:
    detected = fakes.tracked((320, 180, 64, 90), face_id=9)
    data = fakes.face_data(faces=[fakes.tracked((0.5, 0.5, 0.1, 0.25), face_id=-1)], detected_faces=[detected])

    assert read_faces(data, WIDTH, HEIGHT).faces[0].face_id == 9


def test_boxes_that_are_no_boxes_are_counted(fakes: Any) -> None:
    data = fakes.face_data(
        faces=[fakes.tracked((float("nan"), 0, 1, 1)), fakes.tracked((0.1, 0.1, 0.0, 0.2)), fakes.tracked(())],
        detected_faces=[fakes.pixel((0, 0, 30, 30))],
    )

    read = read_faces(data, WIDTH, HEIGHT)

    assert read.invalid == 3
    assert len(read.faces) == 1


@pytest.mark.parametrize("data", [None, {}, object(), {"faces": None}, {"faces": "many"}, {"faces": [None, 3]}])
def test_data_without_faces_is_no_error(data: object) -> None:
    assert read_faces(data, WIDTH, HEIGHT).faces == ()


numbers = st.one_of(st.floats(), st.integers(-5, 5), st.none(), st.text(max_size=2))
any_box = st.one_of(st.none(), st.lists(numbers, max_size=5), st.tuples(numbers, numbers, numbers, numbers))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracked=st.lists(any_box, max_size=4), pixel=st.lists(any_box, max_size=4))
def test_no_combination_of_values_raises(fakes: Any, tracked: list[Any], pixel: list[Any]) -> None:
    data = fakes.face_data([fakes.tracked(box) for box in tracked], [fakes.pixel(box) for box in pixel])

    read = read_faces(data, WIDTH, HEIGHT)

    areas = [(f.box[2] - f.box[0]) * (f.box[3] - f.box[1]) for f in read.faces]
    assert areas == sorted(areas, reverse=True)
    assert len(read.faces) + read.invalid <= len(tracked) + len(pixel)


def test_poses_of_another_shape_are_left_out(fakes: Any) -> None:
    whole = fakes.body((100, 100))
    data = fakes.pose_data([whole, {"keypoints": [[1, 2, 3]]}, {"keypoints": "none"}, {}, None])

    poses = read_poses(data)

    assert [pose.shape for pose in poses] == [(17, 3)]
    np.testing.assert_array_equal(poses[0], read_poses(fakes.json_like(data))[0])


def test_each_face_gets_the_pose_whose_head_is_on_it(fakes: Any) -> None:
    left, right = (np.array(fakes.body(nose)["keypoints"]) for nose in ((150, 100), (450, 100)))
    faces = [(400.0, 50.0, 500.0, 150.0), (100.0, 50.0, 200.0, 150.0), (250.0, 50.0, 350.0, 150.0)]

    matched = match_poses(faces, [left, right])

    assert matched[0] is right
    assert matched[1] is left
    assert matched[2] is None


def test_one_pose_never_serves_two_faces(fakes: Any) -> None:
    pose = np.array(fakes.body((150, 100))["keypoints"])
    faces = [(100.0, 50.0, 220.0, 170.0), (100.0, 50.0, 200.0, 150.0)]

    matched = match_poses(faces, [pose])

    assert matched[0] is None
    assert matched[1] is pose
