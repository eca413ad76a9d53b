"""The command line sets the level of the package's logger for its process; here the process goes on to other tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def level_of_the_log() -> Iterator[None]:
    logger = logging.getLogger("vpx_identity_builder")
    level = logger.level
    yield
    logger.setLevel(level)
