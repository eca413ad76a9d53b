from pathlib import Path

import numpy as np
import pytest
import vpx.sdk
from hypothesis import given
from hypothesis import strategies as st
from vpx.sdk import BBoxSmoother, face_crop, get_home_dir, get_models_dir, roi_box, roi_specs

SECOND_NS = 1_000_000_000


def test_every_public_name_exists_and_the_list_is_sorted():
    assert [name for name in vpx.sdk.__all__ if not hasattr(vpx.sdk, name)] == []
    assert sorted(vpx.sdk.__all__) == sorted(set(vpx.sdk.__all__))


def test_directories_follow_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("PORTRAIT981_HOME", raising=False)
    monkeypatch.delenv("VPX_MODELS_DIR", raising=False)
    assert get_models_dir() == Path.home() / ".portrait981" / "models"
    monkeypatch.setenv("PORTRAIT981_HOME", str(tmp_path))
    assert (get_home_dir(), get_models_dir()) == (tmp_path, tmp_path / "models")
    monkeypatch.setenv("VPX_MODELS_DIR", "~/m")
    assert get_models_dir() == Path.home() / "m"
    monkeypatch.setenv("VPX_MODELS_DIR", " ")
    assert get_models_dir() == tmp_path / "models"


def test_a_crop_is_the_expanded_square_and_a_copy():
    image = np.arange(100 * 200 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 200, 3)
    crop, box = face_crop(image, (90, 40, 110, 60), expand=2.0)
    assert box == (80, 30, 120, 70)
    assert np.array_equal(crop, image[30:70, 80:120])
    crop[:] = 0
    assert image[30:70, 80:120].any()


def test_a_crop_is_clipped_at_the_edge():
    crop, box = face_crop(np.zeros((50, 60, 3), np.uint8), (-10, 30, 20, 60))
    assert box == (0, 30, 20, 50)
    assert crop.shape == (20, 20, 3)


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 9, 5, 5), (100, 0, 110, 10), (0, 0, float("nan"), 5)])
def test_an_impossible_crop_is_refused(box):
    with pytest.raises(ValueError):
        face_crop(np.zeros((50, 60, 3), np.uint8), box)


def test_smoothing_moves_by_alpha():
    smoother = BBoxSmoother(alpha=0.25)
    assert smoother.update(0, (0, 0, 100, 100), 0) == (0, 0, 100, 100)
    assert smoother.update(0, (20, 0, 120, 100), 40_000_000) == (5, 0, 105, 100)


def test_two_tracks_do_not_share_their_state():
    smoother = BBoxSmoother()
    smoother.update(0, (0, 0, 100, 100), 0)
    assert smoother.update(1, (50, 0, 150, 100), 0) == (50, 0, 150, 100)


def test_smoothing_starts_afresh_after_a_gap_a_jump_and_a_reset():
    smoother = BBoxSmoother()
    smoother.update(0, (0, 0, 100, 100), 0)
    assert smoother.update(0, (10, 0, 110, 100), SECOND_NS + 1) == (10, 0, 110, 100)
    assert smoother.update(0, (300, 0, 400, 100), SECOND_NS + 2) == (300, 0, 400, 100)
    smoother.reset()
    assert smoother.update(0, (301, 0, 401, 100), SECOND_NS + 3) == (301, 0, 401, 100)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=30))
def test_a_smoothed_box_stays_within_what_was_seen(corners):
    smoother = BBoxSmoother()
    for t, (x, y) in enumerate(corners):
        smoothed = smoother.update(7, (x, y, x + 100, y + 100), t)
    assert min(x for x, _ in corners) - 1e-9 <= smoothed[0] <= max(x for x, _ in corners) + 1e-9
    assert smoothed[2] - smoothed[0] == pytest.approx(100)


def test_alpha_is_checked():
    with pytest.raises(ValueError, match="alpha"):
        BBoxSmoother(alpha=0)


def test_regions_scale_with_the_face():
    assert roi_box(roi_specs["face"], (10, 20, 30, 60)) == (10, 20, 30, 60)
    assert roi_box(roi_specs["portrait"], (10, 20, 30, 60)) == (0, 0, 40, 80)
    assert all(key == spec.name for key, spec in roi_specs.items())
