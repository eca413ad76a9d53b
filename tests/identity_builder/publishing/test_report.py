"""The HTML report: complete, escaped, without scripts, and its links lead to files that exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from vpx_identity_builder.core.buckets import EXPRESSION_BINS, PITCH_BINS, YAW_BINS
from vpx_identity_builder.core.coverage import coverage_of
from vpx_identity_builder.core.results import PersonSet, RunResult, StopReason
from vpx_identity_builder.core.types import Buckets
from vpx_identity_builder.documents import RunContext
from vpx_identity_builder.export.bundle import bundle
from vpx_identity_builder.export.folder import publish
from vpx_identity_builder.export.report import coverage_grid, missing_bins, render
from vpx_identity_builder.remarks import FRAME_LIMIT, TRUNCATED, UNREADABLE_PART, recognitions
from vpx_identity_builder.schema_parts import FilledBins

from .conftest import made_candidate, made_result


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
    assert "Person 0, challenge: yaw >45, pitch down, expression unknown, dark" in descriptions
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


def test_the_grid_shows_what_the_coverage_counts(person: PersonSet, context: RunContext) -> None:
    """An image of unknown expression fills its yaw and pitch; a challenge image fills nothing."""
    blank = made_candidate(99, Buckets("[-30,-15]", "slight-down", "unknown", "none", "normal"))
    cover = replace(person.coverage_images[0], name="cov_yaw-30_pitch-15_unknown", candidate=blank)
    hard = replace(person.challenge[0], candidate=made_candidate(98, replace(blank.buckets, yaw="[30,45]")))
    shown = (*person.anchors, *person.coverage_images, cover)
    full = replace(
        person,
        coverage_images=(*person.coverage_images, cover),
        challenge=(hard,),
        coverage=coverage_of(image.candidate.buckets for image in shown),
    )
    result = replace(made_result(1), persons=(full,))
    made = bundle(result, context).persons[0]
    grid = coverage_grid((*made.anchors, *made.coverage))
    held = [cell for _, cells in grid for cell in cells if "nothing" not in cell.words]
    counts = made.meta.coverage_buckets_filled
    assert counts.yaw == f"{len({cell.yaw for cell in held})}/7" == "3/7"
    assert counts.pitch == f"{len({cell.pitch for cell in held})}/5" == "3/5"
    assert "yaw [-30,-15], pitch slight-down: unknown expression" in [cell.words for cell in held]
    page = Page(render(bundle(result, context)))
    assert len([th for th in page.all("th") if th.get("class") == "held"]) == 6
    assert "yaw [30,45], pitch slight-down: nothing" in page.words


def test_photos_are_not_called_a_video(result_of: Callable[[int], RunResult], context: RunContext) -> None:
    album = replace(context, source_name="album", source_files=tuple(f"{n}.jpg" for n in range(1300)))
    result = replace(result_of(2), stop_reason=StopReason.END_OF_VIDEO, faults={UNREADABLE_PART: 1}, frames=1)
    ended = tuple(replace(person, stop_reason=StopReason.END_OF_VIDEO) for person in result.persons)
    words = Page(render(bundle(replace(result, persons=ended), album))).words
    assert "album · 1 photo, 600 with a face · all photos looked at" in words
    assert "1 photo could not be read and is left out." in words
    assert "video" not in words
    words = Page(render(bundle(replace(result, faults={FRAME_LIMIT: 1}), album))).words
    assert "1 photo, 600 with a face · stopped as asked" in words
    assert "Only 1 photo was looked at, as asked: there are more." in words


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"faults": {TRUNCATED: 1, UNREADABLE_PART: 1}}, "The file is cut off"),
        ({"stop_reason": StopReason.INTERRUPTED, "frames": 1}, "broken off: 1 frame was looked at, not the rest"),
        ({"faults": {UNREADABLE_PART: 7}}, "The file is damaged: parts of it could not be read"),
    ],
)
def test_what_was_not_seen_is_said_at_the_top(
    result_of: Callable[[int], RunResult], context: RunContext, changes: dict[str, Any], said: str
) -> None:
    words = Page(render(bundle(replace(result_of(2), **changes), context))).words
    assert said in words[: words.index("What the words mean")]


@pytest.mark.parametrize(
    "word",
    ["Anchors", "Track score", "Yaw", "Quality", "Same person", "New", "unknown", "Strict gate", "Known by", "medoid"],
)
def test_every_word_that_needs_one_has_a_line_in_the_legend(page: Page, word: str) -> None:
    start = page.words.index("What the words mean")
    assert word in page.words[start : page.words.index("Track score", start + 1200)]


def test_who_is_known_from_a_memory_bank_is_said(person: PersonSet, context: RunContext) -> None:
    known = replace(person, prototype_source="memory:franck")
    result = replace(made_result(1), persons=(known,))
    assert "memory bank: franck" in Page(render(bundle(result, context))).words
    assert recognitions(result) == ["person 0 is recognised: 'franck' of the memory bank"]
    assert recognitions(made_result(2)) == []


def test_people_beyond_max_persons_are_counted_at_the_top(
    result_of: Callable[[int], RunResult], context: RunContext
) -> None:
    (brief,) = result_of(2).unpublished
    more = (brief, *[replace(brief, reason="max_persons: 2 with a higher track_score published already")] * 3)
    words = Page(render(bundle(replace(result_of(2), unpublished=more), context))).words
    said = "3 more persons were seen: max_persons is 2, the most prominent are published."
    assert said in words[: words.index("What the words mean")]
    assert "more person" not in Page(render(bundle(result_of(2), context))).words


@pytest.mark.parametrize(
    ("ratio", "said"), [(0.234, " · covered 23 %"), (0.05, " · covered 5 %"), (0.049, ""), (0.0, ""), (None, "")]
)
def test_a_caption_says_how_far_a_face_is_covered_where_it_is(
    result_of: Callable[[int], RunResult], context: RunContext, ratio: float | None, said: str
) -> None:
    result = result_of(1)
    person = result.persons[0]
    first = person.anchors[0]
    candidate = first.candidate
    covered = replace(candidate, sample=replace(candidate.sample, occlusion_ratio=ratio))
    anchors = (replace(first, candidate=covered), *person.anchors[1:])
    page = Page(render(bundle(replace(result, persons=(replace(person, anchors=anchors),)), context)))
    captions = page.words.replace("\N{NO-BREAK SPACE}", " ").partition("Person 0")[2].partition("Coverage grid")[0]
    others = sum((image.candidate.sample.occlusion_ratio or 0.0) >= 0.05 for image in person.images[1:])
    assert captions.count(" · covered ") == others + bool(said)
    assert not said or said in captions


@pytest.mark.parametrize(
    ("yaw", "pitch", "expression", "said"),
    [
        (YAW_BINS, PITCH_BINS, EXPRESSION_BINS, ""),
        (YAW_BINS[1:], PITCH_BINS, EXPRESSION_BINS, "No anchor or coverage image for yaw [-45,-30]."),
        (
            YAW_BINS[1:-1],
            PITCH_BINS[1:],
            EXPRESSION_BINS[:1],
            "No anchor or coverage image for yaw [-45,-30], [30,45]; pitch down; "
            "expression smile, mouth open, eyes closed.",
        ),
    ],
)
def test_one_sentence_names_the_bins_that_no_image_shows(
    yaw: tuple[str, ...], pitch: tuple[str, ...], expression: tuple[str, ...], said: str
) -> None:
    assert missing_bins(FilledBins(yaw=list(yaw), pitch=list(pitch), expression=list(expression))) == said


def test_the_page_names_the_missing_bins_of_each_person(page: Page, result_of: Callable[[int], RunResult]) -> None:
    lacking = [p for p in result_of(2).persons if len(p.coverage.yaw.filled) < len(YAW_BINS)]
    assert page.words.count("No anchor or coverage image for yaw ") == len(lacking) > 0
