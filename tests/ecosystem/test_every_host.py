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
    section = (PAGE.parent / "inputs.md").read_text().split("## Who wins")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\w+) \| ([\w., ]+) \|$", section, re.MULTILINE)
    table = {name: tuple(sources.split(", ")) for name, sources in rows if name != "quantity"}
    assert table == PRECEDENCE


def test_the_page_on_inputs_explains_every_fault() -> None:
    package = PAGE.parents[1] / "vpx_identity_builder"
    source = "".join(path.read_text() for path in sorted(package.rglob("*.py")))
    codes = set(re.findall(r"faults(?:\[|\.update\()f?\"(\w+)", source))
    table = (PAGE.parent / "inputs.md").read_text().split("## What is counted")[1]
    assert len(codes) > 10
    assert {code for code in codes if code not in table} == set()
