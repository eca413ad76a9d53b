"""Everybody seen so far in a video, with the candidates kept of each: join, keep apart, forget."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from . import pool as pools
from .config import Config, FaceIdModel
from .coverage import coverage_of
from .extremes import NOTHING_SEEN, Extremes
from .eyes import beside_usual, half_closed
from .gallery import Gallery
from .novelty import stacked
from .occlusion import as_told, told_of
from .pair import PairSlots
from .persons import Evidence, Person, Ranking, join_next, joined, new_person, rank
from .pool import SPARE_MOMENTS, Pool
from .results import Conditions, Coverage
from .types import FaceSample, IntBox, Vector

STRICT_BONUS = 10.0
"""Added to the score of anchor candidates that pass the strict gate already, so that no other one evicts them."""

PairKey = frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class Rider:
    """A person with the candidates kept of it; `recent_novelty` holds at most one window of §9."""

    person: Person
    pool: Pool
    coverage: Coverage
    recent_novelty: tuple[float, ...] = ()
    gallery: Gallery = field(default_factory=Gallery)
    conditions: Conditions = field(default_factory=Conditions)
    extremes: Extremes = NOTHING_SEEN
    saved_faces: tuple[Vector, ...] = ()
    saved_bodies: tuple[Vector, ...] = ()

    def with_pool(self, pool: Pool) -> Rider:
        """With another pool, what it covers, and its embeddings stacked for comparison."""
        held = [candidate.buckets for candidate in pool.in_buckets()]
        held += [entry.candidate.buckets for entry in pool.anchors.entries.values()]
        faces, bodies = self.saved_faces, self.saved_bodies
        if pool.buckets != self.pool.buckets:
            faces, bodies = (stacked(vectors) for vectors in pool.saved_vectors())
        return replace(self, pool=pool, coverage=coverage_of(held), saved_faces=faces, saved_bodies=bodies)

    def known(self, sample: FaceSample, gallery: Gallery | None = None) -> FaceSample:
        """A face with what this person's other moments tell of it: what covers it, and how open eyes usually are.

        `gallery`: the moments to go by instead of those that the person has.
        """
        told = told_of(sample, gallery or self.gallery)
        usual = beside_usual(sample.expression, self.person.eyes)
        if told is not None:
            return as_told(sample, told, usual)
        return sample if usual is sample.expression else replace(sample, expression=usual)

    def has_anchor(self) -> bool:
        """True where any candidate passed the strict gate as an anchor."""
        return any(entry.score >= STRICT_BONUS for entry in self.pool.anchors.entries.values())

    def anchor_moments(self, gap_ms: float) -> int:
        """How many anchor candidates of the strict gate whose lids are up are at least `gap_ms` apart."""
        strict = (e.candidate.sample for e in self.pool.anchors.entries.values() if e.score >= STRICT_BONUS)
        count, last_ns = 0, None
        for t_ns in sorted(sample.t_ns for sample in strict if not half_closed(sample.expression)):
            if last_ns is None or t_ns - last_ns >= gap_ms * 1e6:
                count, last_ns = count + 1, t_ns
        return count


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """Everybody by person number, and the pair candidates of each two."""

    riders: Mapping[int, Rider] = field(default_factory=dict)
    pairs: Mapping[PairKey, PairSlots] = field(default_factory=dict)

    def with_rider(self, rider: Rider) -> Cast:
        """With this person added or replaced."""
        return Cast({**self.riders, rider.person.number: rider}, self.pairs)

    def with_pairs(self, key: PairKey, slots: PairSlots) -> Cast:
        """With the pair candidates of these two."""
        return replace(self, pairs={**self.pairs, key: slots})

    def people(self) -> list[Person]:
        """The persons without their pools."""
        return [rider.person for rider in self.riders.values()]

    def crops(self) -> set[tuple[int, IntBox]]:
        """Time and box of every crop that is kept."""
        kept = [c for rider in self.riders.values() for c in rider.pool.candidates()]
        pairs = [entry.candidate for slots in self.pairs.values() for entry in slots.entries()]
        return {(c.sample.t_ns, c.crop_box) for c in kept} | {(p.first.sample.t_ns, p.crop_box) for p in pairs}

    def ranked(self, frames_total: int, cfg: Config) -> Ranking:
        """Who would be published of a video of so many frames, and who not."""
        frontal = {number for number, rider in self.riders.items() if rider.has_anchor()}
        return rank(self.people(), frames_total, cfg.persons, frontal)


def stability_of(e_id: Vector | None, prototype: Vector | None) -> float | None:
    """`stable(t) = cos(e_id(t), prototype)` (§6); None where either is unknown."""
    return None if e_id is None or prototype is None else float(e_id @ prototype)


def new_rider(number: int, t_ns: int, cfg: Config) -> Rider:
    """Somebody nothing is known or kept of yet."""
    person = new_person(number, t_ns, cfg.tracks.reservoir_size)
    return Rider(person, Pool(cfg.selection.bucket_images + SPARE_MOMENTS), coverage_of(()))


def joining_due(before: Cast, after: Cast, first: int) -> bool:
    """True where somebody's trusted embeddings reached `first` or doubled: a prototype is new or much better known."""

    def level(cast: Cast, number: int) -> int:
        return (cast.riders[number].person.strict.offered // first).bit_length() if number in cast.riders else 0

    return any(level(after, number) > level(before, number) for number in after.riders)


def join_all(
    cast: Cast, model: FaceIdModel, cfg: Config, evidence: Evidence = Evidence.ANY
) -> tuple[Cast, dict[int, int]]:
    """Join persons, the most similar first, until nobody may join; also gone number → number that stands for it."""
    renamed: dict[int, int] = {}
    while found := join_next(cast.people(), model, evidence, cfg.persons.prototype_min_strict):
        people, one, gone = joined(cast.people(), *found, cfg.persons)
        kept, lost = cast.riders[one.number], cast.riders[gone]
        earlier, later = sorted((kept, lost), key=lambda rider: (rider.person.last_t_ns, rider.person.number))
        recent = (*earlier.recent_novelty, *later.recent_novelty)[-cfg.stop.novelty_window :]
        gallery = kept.gallery.merged(lost.gallery)
        conditions = kept.conditions + lost.conditions
        extremes = kept.extremes.merged(lost.extremes)
        union = replace(
            kept, person=one, recent_novelty=recent, gallery=gallery, conditions=conditions, extremes=extremes
        )
        union = union.with_pool(pools.merged(kept.pool, lost.pool))
        riders = {p.number: replace(cast.riders[p.number], person=p) for p in people if p.number != one.number}
        cast = Cast({**riders, one.number: union}, _renamed_pairs(cast.pairs, gone, one.number))
        renamed = {old: one.number if new == gone else new for old, new in renamed.items()} | {gone: one.number}
    return cast, renamed


def _renamed_pairs(held: Mapping[PairKey, PairSlots], gone: int, number: int) -> dict[PairKey, PairSlots]:
    result: dict[PairKey, PairSlots] = {}
    for key, slots in sorted(held.items(), key=lambda item: sorted(item[0])):
        new_key = frozenset(number if member == gone else member for member in key)
        if len(new_key) < 2:
            continue
        target = result.get(new_key, PairSlots())
        for entry in slots.entries():
            if target.wants(*entry.candidate.faces, entry.score):
                target = target.with_pair(entry.candidate, entry.score)
        result[new_key] = target
    return result


def keep_apart(cast: Cast, numbers: Collection[int]) -> Cast:
    """Persons confirmed in one frame are different people for good."""
    together = frozenset(numbers)
    for number in sorted(together):
        rider = cast.riders[number]
        met = rider.person.met | (together - {number})
        if met != rider.person.met:
            cast = cast.with_rider(replace(rider, person=replace(rider.person, met=met)))
    return cast


def forget_least_seen(cast: Cast, active: Collection[int], limit: int) -> tuple[Cast, list[Person]]:
    """At most `limit` persons: those out of view go first, then those least seen. Also returns who went."""
    order = sorted(cast.people(), key=lambda p: (p.number in active, p.frames, -p.first_t_ns))
    gone = order[: max(0, len(order) - limit)]
    if not gone:
        return cast, []
    names = {person.number for person in gone}
    riders = {
        number: replace(rider, person=replace(rider.person, met=rider.person.met - names))
        for number, rider in cast.riders.items()
        if number not in names
    }
    return Cast(riders, {key: slots for key, slots in cast.pairs.items() if not key & names}), gone
