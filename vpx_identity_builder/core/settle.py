"""The end of a run: persons settled once more and ranked, each published one's sets chosen with its final prototype."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import pair as pairs
from .cast import Cast, Rider, join_all, stability_of
from .config import Config, FaceIdModel
from .coverage import coverage_of
from .occlusion import judged as with_occlusion
from .offer import Scales
from .persons import Person, prototype_of, rank
from .quality import quality_score
from .selection import Judged, choose, judge
from .types import PairImage, PersonSet, StopReason, UnpublishedPerson, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """Who is published with which images, and who is not."""

    persons: tuple[PersonSet, ...]
    pair: tuple[PairImage, ...]
    unpublished: tuple[UnpublishedPerson, ...]


def settle(cast: Cast, frames_total: int, scales: Scales, stop_reason: StopReason, cfg: Config) -> Settled:
    """Final persons and sets; candidates that fit another person better than their own are dropped."""
    cast, _ = join_all(cast, scales.face_id, cfg)
    published, others = rank(cast.people(), frames_total, cfg.persons)
    numbers = [person.number for person, _ in published]
    sets = tuple(
        _person_set(index, cast.riders[person.number], score, cast.people(), scales, stop_reason, cfg)
        for index, (person, score) in enumerate(published)
    )
    return Settled(
        sets,
        _pair_images(cast, numbers, sets, scales.face_id, cfg),
        tuple(UnpublishedPerson(why, p.frames, score, p.first_t_ns, p.last_t_ns) for p, score, why in others),
    )


def _person_set(
    index: int,
    rider: Rider,
    score: float,
    everybody: Sequence[Person],
    scales: Scales,
    stop_reason: StopReason,
    cfg: Config,
) -> PersonSet:
    person = rider.person
    prototype, source, size = prototype_of(person, cfg.persons)
    if prototype is None:
        raise ValueError("a person without a prototype cannot be published")
    strangers = [p.prototype for p in everybody if p.number != person.number and p.prototype is not None]
    judged = _judged(rider, prototype, strangers, scales.face_id, cfg)
    sets = choose(judged, scales.face, scales.body, cfg)
    notes = sets.notes
    if source != "strict":
        notes = (*notes, f"prototype from {size} loose-gate frames: too few frames passed the strict gate")
    median = person.sharpness.median
    return PersonSet(
        person_id=index,
        track_score=score,
        frames_seen=person.frames,
        first_t_ns=person.first_t_ns,
        last_t_ns=person.last_t_ns,
        prototype=prototype,
        prototype_source=source,
        prototype_size=size,
        soft=median is not None and median < cfg.gates.sharpness_good,
        coverage=coverage_of(image.candidate.buckets for image in (*sets.anchors, *sets.coverage)),
        stop_reason=stop_reason,
        anchors=sets.anchors,
        coverage_images=sets.coverage,
        challenge=sets.challenge,
        notes=notes,
    )


def _judged(
    rider: Rider, prototype: Vector, strangers: Sequence[Vector], model: FaceIdModel, cfg: Config
) -> list[Judged]:
    median_sharpness, median_brightness = rider.person.sharpness.median, rider.person.brightness.median
    kept = []
    for candidate in rider.pool.candidates():
        stability = stability_of(candidate.sample.e_id, prototype)
        if stability is None or stability < model.tau_id:
            continue
        if all((stability_of(candidate.sample.e_id, other) or -1.0) <= stability for other in strangers):
            candidate = replace(candidate, sample=with_occlusion(candidate.sample, rider.gallery))
            kept.append(judge(candidate, stability, median_sharpness, median_brightness, cfg))
    return kept


def _pair_images(
    cast: Cast, numbers: Sequence[int], sets: Sequence[PersonSet], model: FaceIdModel, cfg: Config
) -> tuple[PairImage, ...]:
    """Pair images of the first two persons, each face checked against both final prototypes."""
    slots = cast.pairs.get(frozenset(numbers[:2])) if len(numbers) >= 2 else None
    entries = [entry for entry in slots.entries() if _who(entry, sets, model)] if slots else []
    images: list[PairImage] = []
    for entry in pairs.choose_pairs(entries, cfg.selection.pair_max, cfg.selection.anchor_gap_ms):
        who = _who(entry, sets, model)
        if who is not None:
            ids, stability = who
            both = (entry.candidate.first, entry.candidate.second)
            quality = min(quality_score(member.sample, cfg.gates) for member in both)
            images.append(PairImage(f"pair_{len(images) + 1:03d}", entry.candidate, ids, quality, stability))
    return tuple(images)


def _who(
    entry: pairs.PairEntry, sets: Sequence[PersonSet], model: FaceIdModel
) -> tuple[tuple[int, int], tuple[float, float]] | None:
    """Person ids of the left and right face with their stability, None where the two are not surely these two."""
    left, right = entry.candidate.first.sample.e_id, entry.candidate.second.sample.e_id
    found = []
    for ids in ((0, 1), (1, 0)):
        first, second = stability_of(left, sets[ids[0]].prototype), stability_of(right, sets[ids[1]].prototype)
        if first is not None and second is not None:
            found.append((first + second, ids, (first, second)))
    if not found:
        return None
    _, best, stability = max(found)
    return (best, stability) if min(stability) >= model.tau_id else None
