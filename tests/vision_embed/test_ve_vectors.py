from __future__ import annotations

import numpy as np
import pytest

from vpx_vision_embed import EmaDelta, cosine_distance, pool_clip

X = np.array([1, 0, 0], np.float32)
Y = np.array([0, 1, 0], np.float32)


def test_cosine_distance_ignores_length() -> None:
    assert float(cosine_distance(X, 3 * X)) == 0.0
    assert float(cosine_distance(X, Y)) == 1.0
    assert float(cosine_distance(X, -X)) == 2.0


def test_cosine_distance_broadcasts_over_rows() -> None:
    distances = cosine_distance(np.stack([X, Y, -X]), X)

    np.testing.assert_allclose(distances, [0, 1, 2], atol=1e-6)
    assert distances.dtype == np.float32


@pytest.mark.parametrize("bad", [np.zeros(3, np.float32), np.array([1, np.nan, 0], np.float32), np.ones(4, np.float32)])
def test_vectors_without_a_direction_are_refused(bad: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    with pytest.raises(ValueError, match=r"embedding|dimension"):
        cosine_distance(X, bad)


def test_pool_clip_is_the_direction_of_the_mean_of_directions() -> None:
    pooled = pool_clip([X, 10 * Y])

    np.testing.assert_allclose(pooled, [2**-0.5, 2**-0.5, 0], atol=1e-6)


@pytest.mark.parametrize("clip", [np.empty((0, 3), np.float32), np.stack([X, -X]), X])
def test_pool_clip_refuses_what_has_no_mean_direction(
    clip: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> None:
    with pytest.raises(ValueError, match=r"expected|length 0"):
        pool_clip(clip)


def test_ema_delta_rises_at_a_change_and_settles_again() -> None:
    delta = EmaDelta(alpha=0.5)

    still = [delta.update(X) for _ in range(3)]
    change = delta.update(Y)
    after = [delta.update(Y) for _ in range(5)]

    assert still == [0.0, 0.0, 0.0]
    assert change == pytest.approx(1.0)
    assert after == sorted(after, reverse=True)
    assert after[-1] < 0.01


def test_ema_delta_starts_anew_after_reset() -> None:
    delta = EmaDelta()
    delta.update(X)
    delta.reset()

    assert delta.update(Y) == 0.0
