"""Nothing is told to anybody and nothing is left in the home folder but the models."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

INFERENCE = ("vpx.face_detect.runtime", "vpx.body_pose.movenet", "vpx_vision_embed.backends.onnx")


@pytest.mark.parametrize("module", INFERENCE)
def test_loading_an_inference_library_leaves_nothing_in_the_home(module: str, tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environ |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / ".cache")}
    subprocess.run([sys.executable, "-c", f"import {module}"], env=environ, check=True, capture_output=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
