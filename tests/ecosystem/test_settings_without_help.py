"""No host passes settings: environment and file reach both plugins under plain `vpx run`, and mistakes are named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from vpx_vision_embed.models import get_spec

RUNNER = [sys.executable, "-c", "from vpx.runner.cli import main; main()"]
BUILDER = [sys.executable, "-c", "from vpx_identity_builder.cli import main; main()"]
FILE = """
[identity_builder]
video_id = "from-file"
max_persons = 1

[vision.embed]
embed_body = false
"""


def call(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("VPX_IDENTITY", "VPX_VISION"))}
    return subprocess.run(
        command, cwd=folder, env={**clean, "COLUMNS": "200", **environment}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((120, 160, 3), 128, np.uint8))
    (tmp_path / "identity_builder.toml").write_text(FILE)
    return tmp_path


@pytest.mark.real
def test_environment_and_file_reach_both_plugins(folder: Path) -> None:
    done = call(
        [*RUNNER, "run", "identity_builder", "--input", "grey.png"],
        folder,
        VPX_IDENTITY_BUILDER__OUTPUT_DIR="from-environment",
        VPX_VISION_EMBED__FACE_MODEL="bundled",
    )
    assert done.returncode == 4, done.stderr
    document = json.loads((folder / "from-environment/from-file/identity_builder/result.json").read_text())
    assert document["settings"] == {"max_persons": 1}
    (line,) = [line for line in done.stdout.splitlines() if " vision.embed " in line]
    said = dict(word.split("=") for word in line.split() if "=" in word)
    assert (said["face_model"], said["body_model"]) == (get_spec("bundled").version, "")


def test_wrong_settings_are_all_named_with_key_range_and_place(folder: Path) -> None:
    (folder / "identity_builder.toml").write_text("[identity_builder]\nmax_person = 1\nstop_yaw = 99\n")
    done = call(
        [*RUNNER, "run", "identity_builder", "--input", "grey.png"], folder, VPX_IDENTITY_BUILDER__JPEG_QUALITY="10"
    )
    assert done.returncode == 2
    text = " ".join(done.stderr.split())
    for part in (
        "max_person = 1: no such setting; did you mean max_persons",
        "stop_yaw = 99: must be a whole number from 1 to 7",
        "[file identity_builder.toml]",
        "jpeg_quality = '10': must be a whole number from 95 to 100",
        "[environment VPX_IDENTITY_BUILDER__JPEG_QUALITY]",
    ):
        assert part in text
    assert "Traceback" not in text


def test_wrong_settings_of_vision_embed_are_named_too(folder: Path) -> None:
    (folder / "identity_builder.toml").write_text("[vision.embed]\nthreads = 0\nnonsense = 1\n")
    for command in ([*RUNNER, "run", "vision.embed", "--input", "grey.png"], [*BUILDER, "config"]):
        done = call(command, folder)
        assert done.returncode == 2
        text = " ".join(done.stderr.split())
        for part in (
            "threads = ",
            "identity_builder.toml",
            "allowed is 1 <= integer <= 64",
            "nonsense",
            "no such setting",
        ):
            assert part in text


def test_config_shows_the_origin_of_every_setting_of_both(folder: Path) -> None:
    done = call([*BUILDER, "config", "--show"], folder, VPX_VISION_EMBED__MAX_FACES="3")
    assert done.returncode == 0
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert "file identity_builder.toml" in lines["identity_builder.max_persons"]
    assert lines["identity_builder.stop_yaw"] == "identity_builder.stop_yaw = 6"
    assert "environment" in lines["vision.embed.max_faces"]
    assert "false" in lines["vision.embed.embed_body"]
    assert "auto" in lines["vision.embed.face_model"]
