"""The end of a run: persons settled once more and ranked, each published one's sets chosen with its final prototype."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .cast import Cast, Rider, join_all
from .challenge import condition_scores
from .config import Config
from .coverage import coverage_of
from .eligible import Judged
from .offer import Scales, judged_again
from .pair_choice import pair_images, pair_notes
from .persons import Person, prototype_of
from .results import PairImage, PersonSet, StopReason, UnpublishedPerson
from .selection import choose
from .types import Candidate, Vector
from .words import counted


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """Who is published with which images, and who is not."""

    persons: tuple[PersonSet, ...]
    pair: tuple[PairImage, ...]
    unpublished: tuple[UnpublishedPerson, ...]
    notes: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    """Person numbers of the published, in the order of their ids."""
    renamed: Mapping[int, int] = field(default_factory=dict)
    """Person numbers that were joined at the end → the number that stands for them."""

    def final_numbers(self, known: Iterable[int], renamed: Mapping[int, int]) -> dict[int, int]:
        """Each of the `known` person numbers → the number that stands for it in the end.

        `renamed`: numbers that were joined before → the number that stood for them.
        """
        found = {}
        for number in known:
            last = number
            while last in renamed or last in self.renamed:
                last = renamed[last] if last in renamed else self.renamed[last]
            found[number] = last
        return found


def settle(cast: Cast, frames_total: int, scales: Scales, stop_reason: StopReason, cfg: Config) -> Settled:
    """Final persons and sets; candidates that fit another person better than their own are dropped."""
    cast, renamed = join_all(cast, scales.face_id, cfg)
    published, others = cast.ranked(frames_total, cfg)
    numbers = [person.number for person, _ in published]
    sets = tuple(
        _person_set(index, cast.riders[person.number], score, cast.people(), scales, stop_reason, cfg)
        for index, (person, score) in enumerate(published)
    )
    pair = _pair_images(cast, numbers, sets, scales, cfg)
    return Settled(
        sets,
        pair,
        tuple(UnpublishedPerson(why, p.frames, score, p.first_t_ns, p.last_t_ns) for p, score, why in others),
        pair_notes(len(sets), len(pair), cfg.selection),
        tuple(numbers),
        renamed,
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
    judged, doubted = _judged(rider, prototype, strangers, scales, cfg)
    extreme = [one for one in doubted if condition_scores(one.sample, one.buckets, cfg.selection)]
    extremes = rider.extremes.leaving_out("unstable", len(extreme))
    itself = scales.policy.stability(prototype, prototype, scales.face_id)
    sets = choose(judged, scales.face, scales.body, cfg, extremes)
    notes = sets.notes
    if source != "strict":
        notes = (
            *notes,
            f"known by {counted(size, 'face')} of lesser quality: too few passed the strict gate",
        )
    median = person.sharpness.median
    return PersonSet(
        person_id=index,
        track_score=score,
        frames_seen=person.frames,
        first_t_ns=person.first_t_ns,
        last_t_ns=person.last_t_ns,
        prototype=prototype,
        prototype_source=itself.against or source,
        prototype_size=size,
        soft=median is not None and median < cfg.gates.sharpness_good,
        coverage=coverage_of(image.candidate.buckets for image in (*sets.anchors, *sets.coverage)),
        stop_reason=stop_reason,
        anchors=sets.anchors,
        coverage_images=sets.coverage,
        challenge=sets.challenge,
        notes=notes,
        conditions=rider.conditions,
        objective=sets.objective,
    )


def _judged(
    rider: Rider, prototype: Vector, strangers: Sequence[Vector], scales: Scales, cfg: Config
) -> tuple[list[Judged], list[Candidate]]:
    """The candidates that are this person by all that is known in the end, judged again, and those that are not."""
    kept, doubted = list[Judged](), list[Candidate]()
    for candidate in rider.pool.candidates():
        e_id = candidate.sample.e_id
        own = scales.stability(e_id, prototype)
        others = [told.value for stranger in strangers if (told := scales.stability(e_id, stranger)) is not None]
        if own is None or own.value < scales.face_id.tau_id or max(others, default=own.value) > own.value:
            doubted.append(candidate)
        else:
            kept.append(judged_again(candidate, rider, own.value, scales, cfg))
    return kept, doubted


def _pair_images(
    cast: Cast, numbers: Sequence[int], sets: Sequence[PersonSet], scales: Scales, cfg: Config
) -> tuple[PairImage, ...]:
    """Pair images of the first two persons."""
    slots = cast.pairs.get(frozenset(numbers[:2])) if len(numbers) >= 2 else None
    if slots is None:
        return ()
    riders = (cast.riders[numbers[0]], cast.riders[numbers[1]])
    return pair_images(slots.entries(), riders, (sets[0].prototype, sets[1].prototype), scales, cfg)
