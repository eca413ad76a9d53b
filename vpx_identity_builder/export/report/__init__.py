"""`report.html`: one page that shows a result to people. No scripts, nothing fetched; images are linked beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from vpx_identity_builder.core.buckets import EXPRESSION_BINS, PITCH_BINS, UNKNOWN, YAW_BINS
from vpx_identity_builder.core.words import counted
from vpx_identity_builder.export.bundle import Bundle, ImageFile, PersonFiles
from vpx_identity_builder.reasons import fault_in_words, in_words
from vpx_identity_builder.remarks import recognised_as
from vpx_identity_builder.schema_parts import FilledBins, Prototype

if TYPE_CHECKING:
    from jinja2 import Template

SHOWN_EXPRESSIONS = (*EXPRESSION_BINS, UNKNOWN)
"""Columns of a grid cell; an image of unknown expression fills its yaw and pitch all the same."""


LEAST_COVERED = 0.05
"""Share of a face below which a cover is not worth a word."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One yaw × pitch cell of the coverage grid: the expressions that have an image there, `unknown` last."""

    yaw: str
    pitch: str
    expressions: tuple[tuple[str, bool], ...]

    @property
    def words(self) -> str:
        """The cell in words."""
        held = [f"{name} expression" if name == UNKNOWN else name for name, filled in self.expressions if filled]
        return f"yaw {self.yaw}, pitch {self.pitch}: {', '.join(held) or 'nothing'}"


def render(bundle: Bundle) -> str:
    """The page for a bundle; the same bundle gives the same text."""
    return _template().render(
        result=bundle.result,
        persons=[
            (person, _sheets(person), coverage_grid((*person.anchors, *person.coverage))) for person in bundle.persons
        ],
        pair=bundle.pair,
        yaw_bins=YAW_BINS,
        expressions=SHOWN_EXPRESSIONS,
        photos=bundle.result.video.kind == "photos",
    )


def coverage_grid(images: Iterable[ImageFile]) -> list[tuple[str, list[Cell]]]:
    """Rows (pitch, from up to down) of cells (yaw) that say which expressions the images show there.

    For anchors and coverage images it shows what `coverage_buckets_filled` counts.
    """
    held = {(image.meta.yaw_bin, image.meta.pitch_bin, image.meta.expression_bin) for image in images}
    return [
        (pitch, [Cell(yaw, pitch, tuple((e, (yaw, pitch, e) in held) for e in SHOWN_EXPRESSIONS)) for yaw in YAW_BINS])
        for pitch in reversed(PITCH_BINS)
    ]


def missing_bins(filled: FilledBins) -> str:
    """A sentence on the bins that no anchor or coverage image shows; empty where none is missing."""
    axes = {
        "yaw": (YAW_BINS, filled.yaw),
        "pitch": (PITCH_BINS, filled.pitch),
        "expression": (EXPRESSION_BINS, filled.expression),
    }
    lacks = {name: [one.replace("_", " ") for one in bins if one not in held] for name, (bins, held) in axes.items()}
    parts = [f"{name} {', '.join(missing)}" for name, missing in lacks.items() if missing]
    return f"No anchor or coverage image for {'; '.join(parts)}." if parts else ""


def _covered(ratio: float | None) -> str:
    """How far a face is covered; empty where that is unknown or next to nothing."""
    if ratio is None or ratio < LEAST_COVERED:
        return ""
    return f"covered {round(100 * ratio)} %".replace(" ", "\N{NO-BREAK SPACE}")


def _sheets(person: PersonFiles) -> list[tuple[str, str, tuple[ImageFile, ...]]]:
    return [
        ("Anchors", "frontal, best quality", person.anchors),
        ("Coverage", "the best of every head turn (yaw), tilt (pitch) and expression", person.coverage),
        ("Challenge", "extreme pose, light or covering, and surely this person", person.challenge),
    ]


def _clock(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    tenths = round(milliseconds / 100)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _known_by(prototype: Prototype) -> str:
    """What a person's faces were compared with."""
    name = recognised_as(prototype.source)
    return f"memory bank: {name}" if name else f"the most typical of {counted(prototype.embeddings, 'face')}"


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # what only looks at a set needs no page

    environment = Environment(
        loader=PackageLoader("vpx_identity_builder.export", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "clock": _clock,
        "score": _score,
        "href": quote,
        "reason": in_words,
        "fault": fault_in_words,
        "counted": counted,
        "known_by": _known_by,
        "covered": _covered,
        "missing": missing_bins,
        "expression": lambda name: "expression unknown" if name == UNKNOWN else name.replace("_", " "),
        "words": lambda text: text.replace("_", " "),
    }
    return environment.get_template("report.html.jinja")
