"""The pictures of a finished result: the same change to the candidate of every image, and to that of every pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .results import ChosenImage, PairCandidate, RunResult
from .types import Candidate


def with_candidates(
    result: RunResult, single: Callable[[Candidate], Candidate], pair: Callable[[PairCandidate], PairCandidate]
) -> RunResult:
    """The result with every candidate replaced by what `single` or `pair` makes of it."""

    def changed(images: tuple[ChosenImage, ...]) -> tuple[ChosenImage, ...]:
        return tuple(replace(image, candidate=single(image.candidate)) for image in images)

    persons = tuple(
        replace(
            person,
            anchors=changed(person.anchors),
            coverage_images=changed(person.coverage_images),
            challenge=changed(person.challenge),
        )
        for person in result.persons
    )
    pairs = tuple(replace(image, candidate=pair(image.candidate)) for image in result.pair)
    return replace(result, persons=persons, pair=pairs)
