"""Head pose: rendered rotations are recovered, with the signs of the convention."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from vpx.face_detect.canonical import CANONICAL, POSE_POINTS
from vpx.face_detect.pose import (
    DEPTH_GAIN,
    PITCH_ZERO_DEG,
    HeadPose,
    angles,
    head_pose,
    procrustes,
    rotation_from,
    turned_straight,
)

POSES = st.builds(HeadPose, st.floats(-80, 80), st.floats(-60, 60), st.floats(-60, 60))


def render(pose: HeadPose, size: float = 8.0, noise: float = 0.0, mirrored: bool = False) -> NDArray[np.float64]:
    """A mesh in pixels as the graph would give it: y down, z smaller = nearer, relief flattened, a little bent down."""
    mesh = np.zeros((468, 3))
    face = CANONICAL * [-1.0 if mirrored else 1.0, 1.0, 1.0]
    turned = face @ (rotation_from(pose) @ rotation_from(HeadPose(0, PITCH_ZERO_DEG, 0)).T).T * size
    jitter = np.random.default_rng(7).normal(0, noise, turned.shape) if noise else 0.0
    mesh[POSE_POINTS] = turned * [1.0, -1.0, -1 / DEPTH_GAIN] + [320.0, 180.0, 0.0] + jitter
    return mesh


def as_array(pose: HeadPose) -> NDArray[np.float64]:
    return np.array([pose.yaw, pose.pitch, pose.roll])


@given(POSES)
def test_angles_undo_rotation_from(pose: HeadPose) -> None:
    assert as_array(angles(rotation_from(pose))) == pytest.approx(as_array(pose), abs=1e-6)


@given(POSES, st.floats(0.5, 50))
def test_head_pose_recovers_rendered_rotations_at_any_size(pose: HeadPose, size: float) -> None:
    found = head_pose(render(pose, size))
    assert found is not None
    assert as_array(found) == pytest.approx(as_array(pose), abs=1e-4)


def test_head_pose_stands_a_little_noise() -> None:
    found = head_pose(render(HeadPose(25, -10, 15), noise=0.5))
    assert found is not None
    assert as_array(found) == pytest.approx([25, -10, 15], abs=2.0)


def test_the_mirrored_picture_cancels_what_the_graph_does_to_one_side() -> None:
    true, too_far, too_near = HeadPose(25, -10, 15), HeadPose(29, -12, 16), HeadPose(21, -8, 14)
    found = head_pose(render(too_far), render(too_near, mirrored=True))
    assert found is not None
    assert as_array(found) == pytest.approx(as_array(true), abs=0.3)


def test_a_mirrored_mesh_that_is_not_finite_does_not_count() -> None:
    mesh = render(HeadPose(10, 5, 0))
    assert head_pose(mesh, np.full((468, 3), np.nan)) == head_pose(mesh)


@given(POSES, st.floats(0.5, 50))
def test_a_mesh_turned_straight_is_the_canonical_face_again(pose: HeadPose, size: float) -> None:
    found = turned_straight(render(pose, size))
    assert found is not None
    assert found[POSE_POINTS] / size == pytest.approx(CANONICAL - CANONICAL.mean(axis=0), abs=1e-6)
    assert turned_straight(np.zeros((468, 3))) is None


def test_points_that_do_not_count_do_not_turn_the_face() -> None:
    target = CANONICAL @ rotation_from(HeadPose(20, 10, 0)).T
    weights = np.ones(len(target))
    target[3], weights[3] = [50.0, -30.0, 20.0], 0.0
    found = procrustes(CANONICAL, target, weights)
    assert found is not None
    assert as_array(angles(found)) == pytest.approx([20, 10, 0], abs=1e-6)


def test_signs_of_the_convention() -> None:
    nose = [0.0, -0.5, 7.6]
    forehead = CANONICAL[list(POSE_POINTS).index(10)]
    assert (rotation_from(HeadPose(30, 0, 0)) @ nose)[0] > 1, "yaw > 0 turns the nose to the image's right"
    assert (rotation_from(HeadPose(0, 30, 0)) @ [0, 0, 1])[1] > 0.4, "pitch > 0 looks up"
    assert (rotation_from(HeadPose(0, 0, 30)) @ forehead)[0] > 1, "roll > 0 tilts the forehead to the right"


@given(POSES)
def test_procrustes_is_a_proper_rotation_even_for_a_mirrored_target(pose: HeadPose) -> None:
    found = procrustes(CANONICAL, CANONICAL @ rotation_from(pose).T * [-1, 1, 1])
    assert found is not None
    assert np.linalg.det(found) == pytest.approx(1.0)


@pytest.mark.parametrize("mesh", [np.full((468, 3), np.nan), np.zeros((468, 3)), np.full((468, 3), np.inf)])
def test_a_mesh_without_extent_or_with_odd_numbers_has_no_pose(mesh: NDArray[np.float64]) -> None:
    assert head_pose(mesh) is None
