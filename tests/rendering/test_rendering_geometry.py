"""The renderer's geometry and its truth, on made-up heads: no picture and no model needed."""

import numpy as np
import pytest
from rendering.expression import CORNERS, LOWER_INNER, UPPER_INNER, Amounts, Spread, control_indices, control_moves
from rendering.head import levelled, projected
from rendering.plan import SHARED, TARGETS, Moment, at, moments
from rendering.raster import delaunay, rasterize
from rendering.scene import face_mask, with_occluder
from vpx.face_detect.canonical import CANONICAL, POSE_POINTS, POSE_WEIGHTS
from vpx.face_detect.pose import HeadPose, angles, procrustes, rotation_from

from vpx_identity_builder.core.buckets import PITCH_BINS, YAW_BINS, pitch_bin, yaw_bin

CM = 6.0


def turned(point, pose):
    return rotation_from(pose) @ np.array(point)


def test_a_head_turned_to_the_right_moves_its_nose_right_and_one_turned_up_moves_it_up():
    nose = [0.0, 0.0, 10.0]
    straight = projected(np.array([nose]), CM, 1.0, (100.0, 100.0))[0]
    right = projected(np.array([turned(nose, HeadPose(30, 0, 0))]), CM, 1.0, (100.0, 100.0))[0]
    up = projected(np.array([turned(nose, HeadPose(0, 30, 0))]), CM, 1.0, (100.0, 100.0))[0]
    assert right[0] > straight[0] + 4
    assert up[1] < straight[1] - 4


def test_roll_turns_clockwise_on_the_screen():
    top = projected(np.array([turned([0.0, 10.0, 0.0], HeadPose(0, 0, 20))]), CM, 1.0, (0.0, 0.0))[0]
    assert top[:2] == pytest.approx([10 * np.sin(np.radians(20)), -10 * np.cos(np.radians(20))])


def test_a_levelled_head_is_one_that_the_canonical_face_fits_unturned():
    points = np.random.default_rng(5).normal(0, 40, (500, 3))
    points[POSE_POINTS] = CANONICAL @ rotation_from(HeadPose(4, -9, 3)).T * CM
    level = levelled(points)
    fit = angles(procrustes(CANONICAL, level[POSE_POINTS], POSE_WEIGHTS))
    assert [fit.yaw, fit.pitch, fit.roll] == pytest.approx([0, 0, 0], abs=1e-6)
    assert np.linalg.norm(level, axis=1) == pytest.approx(np.linalg.norm(points, axis=1))


def test_points_in_one_place_are_no_head():
    with pytest.raises(ValueError, match="apart"):
        levelled(np.zeros((468, 3)))


def test_what_is_nearer_is_larger():
    far, near = projected(np.array([[10.0, 0, 0], [10.0, 0, 60.0]]), CM, 1.0, (0.0, 0.0))
    assert near[0] > far[0] == pytest.approx(10.0)


def test_the_nearer_triangle_is_seen_and_one_that_faces_away_is_not():
    points = np.array([[0, 0, 0], [40, 0, 0], [0, 40, 0], [0, 0, 5], [20, 0, 5], [0, 20, 5]], float)
    attributes = np.array([[1.0]] * 3 + [[2.0]] * 3)
    image, seen = rasterize(points, np.array([[0, 1, 2], [3, 4, 5]]), attributes, (50, 50))
    assert (image[2, 2, 0], image[5, 30, 0]) == (2.0, 1.0)
    assert not seen[45, 45]
    assert not rasterize(points, np.array([[0, 2, 1]]), attributes, (50, 50))[1].any()


def test_attributes_vary_linearly_over_a_triangle():
    points = np.array([[0, 0, 0], [40, 0, 0], [0, 40, 0]], float)
    image, _ = rasterize(points, np.array([[0, 1, 2]]), points[:, :2], (50, 50))
    assert image[10, 20] == pytest.approx([20, 10], abs=1e-4)


def test_triangles_over_scattered_points_cover_their_hull_once():
    points = np.random.default_rng(1).uniform(5, 60, (40, 2))
    corners = points[delaunay(points)]
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    areas = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    assert (areas > 0).all()
    hull = face_mask(np.round(points), (80, 80)).sum()
    assert areas.sum() == pytest.approx(hull, rel=0.08)


def test_movements_are_exact_at_the_controls():
    controls = np.random.default_rng(2).uniform(-50, 50, (12, 3))
    moves = np.random.default_rng(3).normal(size=(12, 2))
    assert Spread(controls, controls, 20.0, np.ones(12))(moves) == pytest.approx(moves, abs=1e-6)


def test_a_smile_is_the_photograph_itself_and_a_calm_face_closes_its_lips():
    face = np.random.default_rng(4).uniform(-40, 40, (468, 3))
    across = np.linspace(-18, 18, 9)
    face[list(UPPER_INNER), :2] = np.column_stack([across, np.full(9, 5.0)])
    face[list(LOWER_INNER), :2] = np.column_stack([across, np.full(9, 1.0)])
    face[list(CORNERS), :2] = [[-22, 3], [22, 3]]
    assert not control_moves(face, Amounts(smile=1.0), CM).any()
    order = control_indices()
    calm, opened = (control_moves(face, amounts, CM)[:, 1] for amounts in (Amounts(), Amounts(mouth=1.0)))
    upper, lower = order.index(UPPER_INNER[4]), order.index(LOWER_INNER[4])
    assert 4.0 + calm[upper] - calm[lower] == pytest.approx(0.12, abs=1e-6)
    assert 4.0 + opened[upper] - opened[lower] > 2.0 * CM


def square(size=100.0):
    """A face of 468 points on a square from 50 to 50 + size."""
    side = np.linspace(50, 50 + size, 22)
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)[:468]


@pytest.mark.parametrize("kind", [0, 1])
def test_the_occluded_share_is_the_share_of_changed_face_pixels(kind):
    picture = np.full((220, 220, 3), 200.0)
    mesh = square()
    moment = Moment(cover=0.3, cover_kind=kind, cover_y=0.0)
    changed, share = with_occluder(picture, mesh, moment)
    face = face_mask(mesh, (220, 220))
    counted = ((np.abs(changed - picture).max(axis=2) > 1e-9) & face).sum() / face.sum()
    assert 0 < share <= counted < share + 0.06  # its soft edge is not counted
    if kind == 1:
        assert share == pytest.approx(np.pi * 0.3**2, rel=0.05)


def test_no_occluder_leaves_the_picture_alone():
    picture = np.full((220, 220, 3), 200.0)
    same, share = with_occluder(picture, square(), Moment())
    assert share == 0.0
    assert same is picture


def test_the_plan_reaches_every_bin():
    targets = [t for t in TARGETS if t.cover == 0]
    assert {yaw_bin(t.yaw) for t in targets} >= set(YAW_BINS)
    assert {pitch_bin(t.pitch) for t in targets} == set(PITCH_BINS)
    assert {t.expression for t in targets} >= {"neutral", "smile", "mouth_open", "eyes_closed"}


def test_the_same_seed_plans_the_same_ride_and_riders_share_the_light():
    first, again, other = (moments(10, 10, 2, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len(first) == 100
    assert all(getattr(a, name) == getattr(b, name) for a, b in first for name in SHARED)


def test_a_target_is_reached_and_held():
    end_of_third = at(TARGETS, 2.9 / len(TARGETS))
    assert end_of_third == TARGETS[2]
