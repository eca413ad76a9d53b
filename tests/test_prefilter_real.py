"""Real models on a real face: embedding only what can matter publishes the very same images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from tests.ecosystem.behaviours import contents
from vpx_identity_builder.cli import app
from vpx_vision_embed.embedder import VisionEmbedder

from .test_end_to_end import DATA

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no test material at {DATA}; set IDENTITY_TEST_DATA"),
]

EVERY_CROP = ("unchanged_below=0", "max_rate_hz=0", "refresh_s=0", "min_sharpness=0")


def built(out: Path, monkeypatch: pytest.MonkeyPatch, *settings: str) -> tuple[dict[str, bytes], int]:
    """Every image of a set, and how many crops were embedded for it."""
    embed, crops = VisionEmbedder.embed, list[int]()

    def counting(self: VisionEmbedder, given: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        crops.append(len(given))
        return embed(self, given)

    with monkeypatch.context() as patched:
        patched.setattr(VisionEmbedder, "embed", counting)
        words = [word for setting in settings for word in ("--set", f"vision.embed.{setting}")]
        done = CliRunner().invoke(
            app, ["build", str(DATA / "videos" / "turns.mp4"), "-o", str(out), "--fps", "10", *words]
        )
    assert done.exit_code == 0, done.output
    images = {name: data for name, data in contents(out / "turns" / "identity_builder").items() if "json" not in name}
    return images, sum(crops)


def test_the_same_images_from_fewer_embeddings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every, computed = built(tmp_path / "every", monkeypatch, *EVERY_CROP)
    some, fewer = built(tmp_path / "some", monkeypatch)

    assert len(every) >= 8
    assert some == every
    assert 0 < fewer < 0.7 * computed
