"""Every plugin and every ecosystem module under every host of the contract."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from .behaviours import ANALYZERS, BUILDER, DIRECT, YES, Behaviour, agrees, analyzer_clips
from .hosts import HOSTS, Host, HostRun, title

each_host = pytest.mark.parametrize("host", HOSTS, ids=title)


@each_host
@pytest.mark.parametrize("behaviour", BUILDER, ids=lambda b: b.name)
def test_identity_builder(host: Host, behaviour: Behaviour, tmp_path: Path) -> None:
    assert behaviour.check(host, tmp_path) == behaviour.expected(host)


@cache
def direct_run(name: str) -> HostRun:
    return DIRECT.run(ANALYZERS[name], analyzer_clips())


@pytest.mark.real
@each_host
@pytest.mark.parametrize("name", ANALYZERS)
def test_analyzers(host: Host, name: str) -> None:
    assert agrees(host, name, host.run(ANALYZERS[name], analyzer_clips()), direct_run(name)) == YES
