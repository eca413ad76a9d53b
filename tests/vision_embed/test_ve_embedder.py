from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vpx_vision_embed import BackendUnavailableError, ClosedError, CropError, UnknownModelError, VisionEmbedder
from vpx_vision_embed.embedder import MAX_BATCH, _sessions, choose_model, unit_rows
from vpx_vision_embed.errors import BackendError, WeightsMissingError, WeightsUnpinnedError
from vpx_vision_embed.models import BUNDLED, get_spec

BATCH_TOLERANCE = 1e-5


def crops(count: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (60 + 17 * i % 200, 60 + 17 * i % 200, 3), dtype=np.uint8) for i in range(count)]


def test_rows_are_unit_float32_in_the_order_of_the_crops(fake_model: str) -> None:
    images = crops(5)
    with VisionEmbedder(fake_model) as embedder:
        rows = embedder.embed(images)
        singles = np.concatenate([embedder.embed([image]) for image in images])

    assert rows.shape == (5, 384)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(rows, singles, atol=BATCH_TOLERANCE)


def test_no_crops_give_no_rows(fake_model: str) -> None:
    with VisionEmbedder(fake_model) as embedder:
        assert embedder.embed([]).shape == (0, 384)


def test_many_crops_are_split_and_stay_in_order(fake_model: str) -> None:
    images = crops(2 * MAX_BATCH + 3)
    with VisionEmbedder(fake_model) as embedder:
        rows = embedder.embed(images)

        np.testing.assert_allclose(rows[-1], embedder.embed(images[-1:])[0], atol=BATCH_TOLERANCE)
        np.testing.assert_allclose(rows[MAX_BATCH], embedder.embed([images[MAX_BATCH]])[0], atol=BATCH_TOLERANCE)


@pytest.mark.real
def test_the_bundled_model_embeds_alike_what_looks_alike(bundled_path: Path) -> None:
    rng = np.random.default_rng(1)
    smooth = np.kron(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), np.ones((30, 30, 1), np.uint8)).astype(np.uint8)
    shifted = np.roll(smooth, 4, axis=1)
    with VisionEmbedder("bundled") as embedder:
        rows = embedder.embed([smooth, shifted, *crops(1)])
        again = embedder.embed([smooth, shifted, *crops(1)])

    np.testing.assert_array_equal(rows, again)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)
    assert float(rows[0] @ rows[1]) > float(rows[0] @ rows[2]) + 0.1


@pytest.mark.real
def test_a_batch_of_the_bundled_model_equals_its_single_crops(bundled_path: Path) -> None:
    images = crops(7)
    with VisionEmbedder("bundled") as embedder:
        singles = np.concatenate([embedder.embed([image]) for image in images])
        np.testing.assert_allclose(embedder.embed(images), singles, atol=BATCH_TOLERANCE)


def test_embedders_of_one_model_share_it_until_the_last_is_closed(fake_model: str) -> None:
    first, second = VisionEmbedder(fake_model), VisionEmbedder(fake_model)
    assert first._backend is second._backend
    assert len(_sessions) == 1

    first.close()
    first.close()
    assert second.embed(crops(1)).shape == (1, 384)
    second.close()
    assert not _sessions

    with VisionEmbedder(fake_model) as reopened:
        assert reopened.embed(crops(1)).shape == (1, 384)
    assert not _sessions


def test_other_threads_settings_get_their_own_session(fake_model: str) -> None:
    with VisionEmbedder(fake_model, threads=1) as first, VisionEmbedder(fake_model, threads=2) as second:
        assert first._backend is not second._backend


def test_a_closed_embedder_says_so(fake_model: str) -> None:
    embedder = VisionEmbedder(fake_model)
    embedder.close()

    with pytest.raises(ClosedError, match=fake_model):
        embedder.embed(crops(1))
    with pytest.raises(ClosedError):
        embedder.embed([])


def test_threads_that_open_embed_and_close_do_not_disturb_each_other(fake_model: str) -> None:
    images = crops(2)
    with VisionEmbedder(fake_model) as embedder:
        expected = embedder.embed(images)
    found: list[bool] = []

    def work() -> None:
        for _ in range(5):
            with VisionEmbedder(fake_model) as own:
                found.append(bool(np.allclose(own.embed(images), expected, atol=BATCH_TOLERANCE)))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [True] * 10
    assert not _sessions


def test_a_wrong_crop_is_named_by_its_index(fake_model: str) -> None:
    with VisionEmbedder(fake_model) as embedder, pytest.raises(CropError, match="crop 1: expected uint8"):
        embedder.embed([*crops(1), np.zeros((4, 4, 3), np.float64)])  # type: ignore[list-item]


def test_a_black_crop_has_a_direction(fake_model: str) -> None:
    with VisionEmbedder(fake_model) as embedder:
        row = embedder.embed([np.zeros((10, 10, 3), np.uint8)])[0]

    assert float(np.linalg.norm(row)) == pytest.approx(1.0)


def test_a_vector_of_length_zero_is_an_error() -> None:
    with pytest.raises(BackendError, match="length 0"):
        unit_rows(np.zeros((1, 4), np.float32))


def test_an_unknown_model_lists_the_known_ones(models_dir: Path) -> None:
    with pytest.raises(UnknownModelError, match="dinov2-vits14, dinov2-vitb14") as caught:
        VisionEmbedder("dinov9")
    assert isinstance(caught.value, ValueError)


def test_auto_prefers_the_designs_default_where_it_is_local(fake_model: str) -> None:
    with VisionEmbedder() as embedder:
        assert embedder.spec.key == "dinov2-vits14"


def test_auto_is_the_bundled_model_otherwise(models_dir: Path) -> None:
    assert choose_model("auto") is BUNDLED
    assert choose_model("auto", "body") is BUNDLED
    face = get_spec("dinov2-vitb14")
    assert choose_model("auto", "body", face) is face


def test_auto_takes_siglip_for_bodies_where_it_is_local(models_dir: Path) -> None:
    (models_dir / "siglip-b16-224.onnx").write_bytes(b"")

    assert choose_model("auto", "body", BUNDLED).key == "siglip-b16-224"


def test_auto_does_not_fall_back_from_a_file_that_nothing_vouches_for(models_dir: Path) -> None:
    (models_dir / "dinov2-vits14.onnx").write_bytes(b"model")

    with pytest.raises(WeightsUnpinnedError):
        VisionEmbedder()


def test_a_model_that_is_not_local_is_not_downloaded(models_dir: Path) -> None:
    with pytest.raises(WeightsMissingError):
        VisionEmbedder("siglip-b16-224")
    assert not _sessions


def test_the_timm_backend_without_its_extra_says_which(models_dir: Path) -> None:
    try:
        import timm  # noqa: F401
    except (ImportError, RuntimeError):
        pass
    else:
        pytest.skip("the extra `timm` is installed")
    spec = get_spec("dinov2-vits14")
    content = b"state"
    import hashlib

    (models_dir / "dinov2-vits14.safetensors").write_bytes(content)
    (models_dir / "dinov2-vits14.safetensors.sha256").write_text(
        f"{hashlib.sha256(content).hexdigest()}  dinov2-vits14.safetensors\n"
    )

    with pytest.raises(BackendUnavailableError, match="extra `timm`"):
        VisionEmbedder(spec.key)
    assert not _sessions
