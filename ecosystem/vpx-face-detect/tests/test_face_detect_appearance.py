"""The frontal layout and its cells: geometry without weights, the network where the weights are."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
from vpx.face_detect.appearance import (
    FACE_CELLS,
    INPUT_PX,
    LATTICE,
    FaceAppearance,
    frontal,
    lattice_placing,
    visible_cells,
)
from vpx.sdk.weights import WeightsError


@pytest.fixture(scope="module")
def layout() -> np.ndarray:
    with resources.files("vpx.face_detect").joinpath("clear_face.npz").open("rb") as file:
        return np.asarray(np.load(file)["layout"], np.float64)


def places_of(layout: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    return (lattice_placing(layout) @ mesh).reshape(LATTICE, LATTICE, 2)


def test_the_lattice_follows_the_mesh(layout: np.ndarray) -> None:
    turn, shift = np.array([[0.0, 1.0], [-1.0, 0.0]]), np.array([50.0, -20.0])
    straight, moved = places_of(layout, layout), places_of(layout, layout @ turn + shift)
    np.testing.assert_allclose(moved, straight @ turn + shift, atol=0.05)
    assert (np.diff(straight[:, :, 0], axis=1) > 0).all()
    assert (np.diff(straight[:, :, 1], axis=0) > 0).all()


def test_the_frontal_picture_shows_the_same_part_wherever_the_face_is(layout: np.ndarray) -> None:
    y, x = np.mgrid[0:400, 0:400].astype(np.float64)
    for scale, at in ((40.0, (150.0, 160.0)), (60.0, (220.0, 210.0))):
        picture = np.stack([128 + (x - at[0]) * 40 / scale, 128 + (y - at[1]) * 40 / scale, x * 0 + 90], axis=2)
        shown = frontal(np.clip(picture, 0, 255).astype(np.uint8), places_of(layout, layout * scale + at))
        assert shown.shape == (INPUT_PX, INPUT_PX, 3)
        middle = shown[INPUT_PX // 2, INPUT_PX // 2].astype(float)
        centre = 128 + 40 * (layout.min(axis=0) + layout.max(axis=0)) / 2
        np.testing.assert_allclose(middle[:2], centre, atol=4)


def test_cells_outside_the_frame_or_turned_away_are_not_visible(layout: np.ndarray) -> None:
    places = places_of(layout, layout * 40 + [100.0, 100.0])
    assert visible_cells(places, 200, 200).all()
    assert not visible_cells(places, 100, 200).all()
    assert visible_cells(places, 100, 200).any()
    assert not visible_cells(places[:, ::-1], 200, 200).any()


@pytest.mark.real
def test_cells_change_where_the_picture_is_covered(layout: np.ndarray) -> None:
    try:
        describe = FaceAppearance()
    except WeightsError as error:
        pytest.skip(str(error))
    rng = np.random.default_rng(3)
    picture = np.kron(rng.integers(60, 200, (20, 20, 3)), np.ones((12, 12, 1))).astype(np.uint8)
    mesh = np.column_stack([layout * 45 + [120.0, 120.0], np.zeros(468)])
    covered = picture.copy()
    covered[140:, :] = 30
    clear, hidden = describe.run(picture, mesh), describe.run(covered, mesh)
    assert clear.shape == (len(FACE_CELLS), 41)
    np.testing.assert_allclose(np.linalg.norm(clear[:, :-1], axis=1), 1.0, atol=1e-5)
    change = 1.0 - np.sum(clear[:, :-1] * hidden[:, :-1], axis=1)
    assert change[-8:].min() > 3 * change[:8].max()
