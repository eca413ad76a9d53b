"""A published ride of two, to be erased."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.identity_builder.runlog.rides import ride


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a ride of two; to be copied, not touched."""
    folder = tmp_path_factory.mktemp("original")
    ride(folder)
    return folder


@pytest.fixture
def out(original: Path, tmp_path: Path) -> Path:
    """The output folder of a ride of two."""
    shutil.copytree(original, tmp_path / "out")
    return tmp_path / "out"
