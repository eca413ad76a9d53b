"""`select_refs`: reference images of a person for a generator, in the proportion of §10, by path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vpx_identity_builder.core.buckets import (
    EXPRESSION_BINS,
    PITCH_BINS,
    PITCH_LABELS,
    UNKNOWN,
    YAW_BEYOND_LEFT,
    YAW_BEYOND_RIGHT,
    YAW_BINS,
    YAW_LABELS,
)
from vpx_identity_builder.core.conditioning import (
    DEFAULT_RATIO,
    Advice,
    Allocation,
    Measured,
    Ratio,
    advised,
    allocate,
    parse_ratio,
)
from vpx_identity_builder.core.results import SetName
from vpx_identity_builder.cues import cues_for
from vpx_identity_builder.errors import QueryError
from vpx_identity_builder.published import PublishedImage, PublishedPerson, find_set, read_person

AXES: Mapping[str, tuple[str, ...]] = {
    "yaw": (*YAW_BINS, YAW_BEYOND_LEFT, YAW_BEYOND_RIGHT, UNKNOWN),
    "pitch": (*PITCH_BINS, UNKNOWN),
    "expression": (*EXPRESSION_BINS, UNKNOWN),
    "lighting": ("normal", "dark", "overexposed", UNKNOWN),
}
LABELS: Mapping[str, Mapping[str, str]] = {
    "yaw": dict(zip(YAW_LABELS, YAW_BINS, strict=True)),
    "pitch": dict(zip(PITCH_LABELS, PITCH_BINS, strict=True)),
}
AUTO = "auto"
COVERED = "occluded"
"""The challenge condition whose cues tell what a covered face should not teach."""
COVERED_BINS = ("partial", "heavy")
"""Occlusion bins of faces that are known to be covered in part."""


@dataclass(frozen=True, slots=True)
class References:
    """What a generator is given: image paths, anchors first, and what to avoid.

    `avoid` are constraint cues of all of the person's challenge images (§8) and of what covers the face in these, for a
    negative prompt. `ratio_why` says where the ratio is from, `notes` what differs from what was asked for.
    """

    person_id: int
    images: tuple[PublishedImage, ...]
    ratio: Ratio
    ratio_why: str
    avoid: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The images' files."""
        return tuple(image.path for image in self.images)

    def counts(self) -> dict[SetName, int]:
        """Images per set."""
        held = Counter(image.meta.type for image in self.images)
        return {name: held[name.value] for name in SetName}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Bins that images must have, by axis (`yaw`, `pitch`, `expression`, `lighting`); an axis left out admits all."""

    bins: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def admits(self, image: PublishedImage) -> bool:
        """True where the image's bin is wanted on every axis."""
        return all(bin_of(image, axis) in names for axis, names in self.bins.items())

    def __str__(self) -> str:
        return ", ".join(f"{axis} {' or '.join(sorted(names))}" for axis, names in self.bins.items())


def wanted(buckets: Mapping[str, Sequence[str]]) -> Wanted:
    """From axis → bins, by their names in the metadata or their labels in file names (`30` is yaw `[15,30]`).

    Raises `QueryError` naming what is no axis or bin.
    """
    bins: dict[str, frozenset[str]] = {}
    for axis, names in buckets.items():
        if axis not in AXES:
            raise QueryError(f"{axis!r} is no axis: {', '.join(AXES)}")
        if names:
            bins[axis] = frozenset(_bin(axis, name.strip()) for name in names)
    return Wanted(bins)


def _bin(axis: str, name: str) -> str:
    found = LABELS.get(axis, {}).get(name, name)
    if found not in AXES[axis]:
        labels = f" (or {', '.join(LABELS[axis])})" if axis in LABELS else ""
        raise QueryError(f"no such bin: {name!r} is none of {axis}: {', '.join(AXES[axis])}{labels}")
    return found


def bin_of(image: PublishedImage, axis: str) -> str:
    """The image's bin on an axis of `AXES`."""
    meta = image.meta
    bins = {
        "yaw": meta.yaw_bin,
        "pitch": meta.pitch_bin,
        "expression": meta.expression_bin,
        "lighting": meta.lighting_bin,
    }
    return bins[axis]


def select_refs(
    out: Path | str,
    person_id: int = 0,
    count: int = 10,
    ratio: Ratio | str = DEFAULT_RATIO,
    buckets: Mapping[str, Sequence[str]] | None = None,
) -> References:
    """`count` reference images of a person of a published set, anchors : coverage : challenge in this ratio (§10).

    `out` is `{output_dir}/{video_id}` or the folder `identity_builder` in it. `ratio` is a `Ratio`, text like
    `20:70:10`, or `auto`: the row of §10 that fits what was measured. Where a set is short, others fill in, and `notes`
    say so. `buckets` (see `wanted`) narrows coverage and challenge images; anchors always come, fitting ones first.

    Raises `QueryError` (no such person or bin, nothing found), `InputError` and `DamagedDocumentError` (unreadable
    set).
    """
    if count < 1:
        raise QueryError(f"the count must be at least 1, not {count}")
    advice = None if ratio == AUTO else _given(ratio)
    asked = wanted(buckets or {})
    person = read_person(find_set(Path(out)), person_id)
    advice = advice or advised(measured(person))
    ordered = _ordered(person, asked)
    allocation = allocate(advice.ratio, count, {name: len(images) for name, images in ordered.items()})
    chosen = [image for name, images in ordered.items() for image in images[: allocation.given[name]]]
    notes = (*_notes(allocation), *_lost(person))
    return References(person_id, tuple(chosen), advice.ratio, advice.why, _avoid(person, chosen), notes)


def _given(ratio: Ratio | str) -> Advice:
    if isinstance(ratio, Ratio):
        return Advice(ratio, "as given" if ratio != DEFAULT_RATIO else "the default")
    try:
        return Advice(parse_ratio(ratio), "as given")
    except ValueError as error:
        raise QueryError(f"ratio {ratio!r}: {error}") from error


def measured(person: PublishedPerson) -> Measured:
    """What of a published person bears on the ratio."""
    details = person.meta.details
    bins, seen = details.filled_bins, details.seen
    filled = {"yaw": len(bins.yaw), "pitch": len(bins.pitch), "expression": len(bins.expression)}
    if seen is None or not seen.faces:
        return Measured(None, None, filled)
    return Measured(seen.drifting_or_covered / seen.faces, seen.dark / seen.faces, filled)


def _ordered(person: PublishedPerson, asked: Wanted) -> dict[SetName, list[PublishedImage]]:
    """Images per set in the order in which they are taken; in coverage, covered faces come last.

    Raises `QueryError` where nothing has the wanted bins.
    """
    by_set: dict[SetName, list[PublishedImage]] = {name: [] for name in SetName}
    for image in person.images:
        by_set[SetName(image.meta.type)].append(image)
    if not any(map(asked.admits, person.images)):
        raise QueryError(_nothing(person, asked))
    anchors = sorted(by_set[SetName.ANCHOR], key=lambda image: not asked.admits(image))
    clear, covered = list[PublishedImage](), list[PublishedImage]()
    for image in filter(asked.admits, by_set[SetName.COVERAGE]):
        (covered if is_covered(image) else clear).append(image)
    axes = ("yaw", "pitch", "expression")
    coverage = [*spread(clear, axes), *spread(covered, axes)]
    challenge = spread(filter(asked.admits, by_set[SetName.CHALLENGE]), ("condition",))
    return {SetName.ANCHOR: anchors, SetName.COVERAGE: coverage, SetName.CHALLENGE: challenge}


def spread(images: Iterable[PublishedImage], axes: Sequence[str]) -> list[PublishedImage]:
    """All images, each next one with the bins that came least so far on these axes; the better one where equal."""

    def bin_on(image: PublishedImage, axis: str) -> str | None:
        return image.meta.details.condition if axis == "condition" else bin_of(image, axis)

    left, ordered = list(images), []
    seen: Counter[tuple[str, str | None]] = Counter()
    while left:
        best = min(
            left,
            key=lambda image: (
                sum(seen[axis, bin_on(image, axis)] for axis in axes),
                -image.meta.quality_score,
                image.path.name,
            ),
        )
        left.remove(best)
        ordered.append(best)
        seen.update((axis, bin_on(best, axis)) for axis in axes)
    return ordered


def _nothing(person: PublishedPerson, asked: Wanted) -> str:
    number = person.meta.person_id
    if not person.images:
        return f"person {number} has no images"
    there = []
    for axis in asked.bins:
        held = Counter(bin_of(image, axis) for image in person.images)
        named = [f"{name} ({held.pop(name)})" for name in AXES[axis] if name in held]
        there.append(f"{axis} {', '.join([*named, *(f'{name} ({n})' for name, n in sorted(held.items()))])}")
    return f"none of that kind: person {number} has no image with {asked}; there are images with {'; '.join(there)}"


def is_covered(image: PublishedImage) -> bool:
    """True where something is known to cover a part of the face."""
    return image.meta.occlusion_bin in COVERED_BINS


def _avoid(person: PublishedPerson, chosen: Iterable[PublishedImage]) -> tuple[str, ...]:
    cues = [image.meta.details.cues for image in person.images]
    cues += [cues_for(COVERED) for image in chosen if is_covered(image)]
    return tuple(dict.fromkeys(text for found in cues if found is not None for text in found.avoid))


def _notes(allocation: Allocation) -> list[str]:
    notes = [
        f"{short}: {allocation.asked[short]} wanted, too few there; {number} more from {other}"
        for short, other, number in allocation.moved
    ]
    if allocation.missing:
        total = sum(allocation.asked.values())
        notes.append(f"{total - allocation.missing} of {total} images: there are no more")
    return notes


def _lost(person: PublishedPerson) -> list[str]:
    return [f"left out: {person.missing} whose image file is missing"] if person.missing else []
