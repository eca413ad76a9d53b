"""The plugins over an SDK that has the contract's names of one era and nothing of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ERAS = Path(__file__).parent / "eras"


@pytest.mark.parametrize("era", ["a", "b"])
def test_both_plugins_run_unchanged(era: str, tmp_path: Path) -> None:
    path = os.pathsep.join([str(ERAS / era), str(ERAS / "common")])
    command = [sys.executable, str(ERAS / "ride.py"), str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert Path(said["sdk"]).is_relative_to(ERAS / era)
    assert (said["persons"], said["name"]) == (1, "vision.embed")
    assert "ride/identity_builder/person_0/meta.json" in said["files"]
