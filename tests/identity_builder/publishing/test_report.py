"""The HTML report: complete, escaped, without scripts, and its links lead to files that exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from vpx_identity_builder.core.results import RunResult
from vpx_identity_builder.documents import RunContext
from vpx_identity_builder.export.bundle import bundle
from vpx_identity_builder.export.folder import publish
from vpx_identity_builder.export.report import coverage_grid, render


class Page(HTMLParser):
    """Tags with their attributes, and the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(result_of: Callable[[int], RunResult], context: RunContext) -> Page:
    return Page(render(bundle(result_of(2), context)))


def test_every_link_and_image_leads_to_a_published_file(
    tmp_path: Path, result_of: Callable[[int], RunResult], context: RunContext
) -> None:
    target = publish(result_of(2), tmp_path / "identity_builder", context)
    page = Page((target / "report.html").read_text(encoding="utf-8"))
    links = [link["href"] for link in page.all("a")] + [image["src"] for image in page.all("img")]
    assert len(page.all("img")) == 11
    assert [link for link in links if not (target / unquote(link)).is_file()] == []


def test_every_image_has_its_own_description(page: Page) -> None:
    descriptions = [image["alt"] for image in page.all("img")]
    assert "Person 0, challenge: yaw >45, pitch down, unknown, dark" in descriptions
    assert "Person 0 and person 1: smile, smile" in descriptions
    assert all(descriptions)


def test_it_needs_no_scripts_and_nothing_from_elsewhere(page: Page) -> None:
    assert page.all("script") == page.all("link") == page.all("iframe") == []
    assert [a for _, a in page.tags for value in a.values() if value.startswith(("http", "//", "javascript"))] == []


def test_foreign_text_is_escaped(result_of: Callable[[int], RunResult], context: RunContext) -> None:
    hostile = replace(context, source_name="<script>alert(1)</script>.mp4")
    page = Page(render(bundle(result_of(2), hostile)))
    assert page.all("script") == []
    assert "<script>alert(1)</script>.mp4" in page.words
    assert "<no> more dark moments" in page.words


def test_it_says_what_is_missing_and_what_was_not_published(page: Page) -> None:
    for words in ("1 of at least 5 challenge images", "too brief", "not novel", "588", "nan embedding", "is soft"):
        assert words in page.words


def test_nobody_published_is_explained(result_of: Callable[[int], RunResult], context: RunContext) -> None:
    page = Page(render(bundle(result_of(0), context)))
    assert "Nobody published" in page.words
    assert "Faces were found in 600 frames, but nobody is published: too_brief." in page.words


def test_the_grid_shows_where_images_are(result_of: Callable[[int], RunResult], context: RunContext) -> None:
    grid = coverage_grid(bundle(result_of(1), context).persons[0].images)
    assert [pitch for pitch, _ in grid] == ["up", "slight-up", "neutral", "slight-down", "down"]
    assert {len(cells) for _, cells in grid} == {7}
    held = [cell.words for _, cells in grid for cell in cells if any(filled for _, filled in cell.expressions)]
    assert held == ["yaw [15,30], pitch slight-up: mouth_open", "yaw [-5,5], pitch neutral: smile"]
