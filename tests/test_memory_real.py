"""The memory with the real models: one man in two videos is one person, another man is another."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from vpx.runner import LiteRunner

from vpx_identity_builder import IdentityBuilder

ROOT = Path(__file__).resolve().parents[1]
VIDEOS = Path(os.environ.get("IDENTITY_TEST_DATA", ROOT.parent / "shared" / "data")) / "videos"
MOMENTS = 10
"""One frame per second: enough for a prototype, and few to wait for."""


@pytest.mark.real
def test_a_man_is_recognised_in_his_second_video_and_another_is_not(tmp_path: Path) -> None:
    names = ("cap12", "cap13", "franck")
    if not all((VIDEOS / f"{name}.mp4").exists() for name in names):
        pytest.skip(f"no test videos under {VIDEOS}")
    found = {}
    for name in names:
        builder = IdentityBuilder(
            {"output_dir": tmp_path, "memory_bank": tmp_path / "bank", "stop_when_covered": False}
        )
        LiteRunner([builder]).run(VIDEOS / f"{name}.mp4", fps=1, max_frames=MOMENTS)
        assert builder.hook_faults == ()
        summary = json.loads((tmp_path / name / "identity_builder" / "person_0" / "meta.json").read_text())
        found[name] = (summary["prototype_type"], summary["details"]["prototype"]["source"])
    assert found == {
        "cap12": ("medoid", "strict"),
        "cap13": ("memory_bank", "memory:cap12-person_0"),
        "franck": ("medoid", "strict"),
    }
    assert sorted(path.name for path in (tmp_path / "bank").iterdir()) == [
        "cap12-person_0",
        "franck-person_0",
        "memory_bank.id",
    ]
