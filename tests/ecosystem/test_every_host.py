"""Every plugin and every ecosystem module under every host of the contract, and the page that says so."""

from __future__ import annotations

import re

import pytest

from vpx_identity_builder.observations import PRECEDENCE

from .behaviours import ANALYZERS, BUILDER, YES
from .compatibility import PAGE, analyzer_result, builder_result, page
from .hosts import HOSTS, Host, title

each_host = pytest.mark.parametrize("host", HOSTS, ids=title)


@each_host
@pytest.mark.parametrize("index", range(len(BUILDER)), ids=[behaviour.name for behaviour in BUILDER])
def test_identity_builder(host: Host, index: int) -> None:
    assert builder_result(index, host) == BUILDER[index].expected(host)


@pytest.mark.real
@each_host
@pytest.mark.parametrize("name", ANALYZERS)
def test_analyzers(host: Host, name: str) -> None:
    assert analyzer_result(name, host) == YES


@pytest.mark.real
def test_the_compatibility_page_is_what_the_suite_finds() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.ecosystem.compatibility"


def test_the_page_on_inputs_has_the_precedence_as_it_is() -> None:
    rows = re.findall(r"^\| (\w+) \| ([\w., ]+) \|$", (PAGE.parent / "inputs.md").read_text(), re.MULTILINE)
    table = {name: tuple(sources.split(", ")) for name, sources in rows if name != "quantity"}
    assert table == PRECEDENCE
