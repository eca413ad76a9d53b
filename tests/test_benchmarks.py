"""Benchmarks and examples name only what there is: no other check looks at them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IMPORT_ALL = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"


@pytest.mark.parametrize("folder", ["benchmarks", "examples"])
def test_every_script_can_be_imported(folder: str) -> None:
    names = sorted(path.stem for path in (ROOT / folder).glob("*.py"))
    assert names
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names], cwd=ROOT / folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
