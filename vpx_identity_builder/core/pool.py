"""The bounded pool of one person's candidate crops while the video runs (§4: save, replace, add).

A candidate may hold three kinds of slots at once: its bucket, its challenge conditions, and a time slot among the
anchor candidates; so a better-looking frame never evicts a dark or occluded one. The pool does not grow with the video.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from .buckets import bucket_key, fills_bucket
from .config import NoveltyScale
from .extra_bins import ExtraBin
from .novelty import distance_to_nearest
from .types import Candidate, FaceSample, Vector

K = TypeVar("K")

ANCHOR_SLOTS = 48
CONDITION_SLOTS = 24
FIRST_SLOT_NS = 250_000_000
BETTER_BY = 0.01
"""A replacement must be visibly better, or near-equal frames would be encoded over and over."""
QUALITY_FOR_LOOK = 0.03
"""Quality that an image may give up to not repeat the look of another one, where only such are left."""
MORE_EXTREME_BY = 0.05
"""The same for challenge conditions, whose score rises with every degree while a head turns."""


def preference(sample: FaceSample) -> float:
    """What a highlight adds to the score of a face: among near-ties it goes first (§15)."""
    return BETTER_BY if sample.in_highlight else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A candidate with the score it competes with for its slot."""

    score: float
    candidate: Candidate

    @property
    def rank(self) -> tuple[float, int]:
        """Orders entries, best last: near-ties go to a highlight, ties to the earlier one."""
        return self.score + preference(self.candidate.sample), -self.candidate.sample.t_ns

    def gives_way(self, score: float, in_highlight: bool, better_by: float = BETTER_BY) -> bool:
        """True where a newcomer with this score is visibly better, or as good and in a highlight as this one is not."""
        preferred = in_highlight and not self.candidate.sample.in_highlight
        return score > self.score - better_by if preferred else score > self.score + better_by


@dataclass(frozen=True, slots=True, eq=False)
class TimeSlots:
    """Best candidate per stretch of time; when there are too many stretches, neighbours fuse and stretches double."""

    capacity: int
    slot_ns: int = FIRST_SLOT_NS
    entries: Mapping[int, Scored] = field(default_factory=dict)

    def wants(self, sample: FaceSample, score: float, better_by: float = BETTER_BY) -> bool:
        """True when a candidate of this face and score would be kept."""
        held = self.entries.get(sample.t_ns // self.slot_ns)
        return held is None or held.gives_way(score, sample.in_highlight, better_by)

    def with_entry(self, entry: Scored) -> TimeSlots:
        """With this candidate in its slot."""
        slots = {**self.entries, entry.candidate.sample.t_ns // self.slot_ns: entry}
        slot_ns = self.slot_ns
        while len(slots) > self.capacity:
            slot_ns *= 2
            fused: dict[int, Scored] = {}
            for held in sorted(slots.values(), key=lambda e: e.rank):
                fused[held.candidate.sample.t_ns // slot_ns] = held
            slots = fused
        return TimeSlots(self.capacity, slot_ns, slots)

    def merged(self, other: TimeSlots) -> TimeSlots:
        """Both together, within the capacity."""
        result = self if self.slot_ns >= other.slot_ns else TimeSlots(self.capacity, other.slot_ns)
        giver = other if result is self else self
        leftovers = [*giver.entries.values()] if result is self else [*self.entries.values(), *other.entries.values()]
        for entry in sorted(leftovers, key=lambda e: e.rank):
            held = result.entries.get(entry.candidate.sample.t_ns // result.slot_ns)
            if held is None or entry.rank > held.rank:
                result = result.with_entry(entry)
        return result


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a candidate: a reason code, the slots it takes, and the time of the image it lost to."""

    code: str
    bucket: str | None = None
    replaces: tuple[int, tuple[float, float, float, float]] | None = None
    anchor: bool = False
    conditions: tuple[str, ...] = ()
    extras: tuple[ExtraBin, ...] = ()
    lost_to_t_ns: int | None = None
    spare: bool = False

    @property
    def keeps(self) -> bool:
        """True when the crop is kept."""
        return self.bucket is not None or self.spare or self.anchor or bool(self.conditions) or bool(self.extras)


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """All candidates kept of one person. `spares`: another look for buckets that hold only what others show as well."""

    bucket_capacity: int
    buckets: Mapping[str, tuple[Scored, ...]] = field(default_factory=dict)
    anchors: TimeSlots = field(default_factory=lambda: TimeSlots(ANCHOR_SLOTS))
    conditions: Mapping[str, TimeSlots] = field(default_factory=dict)
    extras: Mapping[ExtraBin, Scored] = field(default_factory=dict)
    spares: Mapping[str, Scored] = field(default_factory=dict)

    def candidates(self) -> list[Candidate]:
        """Every candidate once, in order of time."""
        held = {entry.candidate.key: entry.candidate for entries in self.buckets.values() for entry in entries}
        for slots in (self.anchors, *self.conditions.values()):
            held |= {entry.candidate.key: entry.candidate for entry in slots.entries.values()}
        for single in (*self.extras.values(), *self.spares.values()):
            held[single.candidate.key] = single.candidate
        return [held[key] for key in sorted(held)]

    def saved_vectors(self) -> tuple[list[Vector], list[Vector]]:
        """Face and body embeddings of what the buckets hold."""
        samples = [entry.candidate.sample for entries in self.buckets.values() for entry in entries]
        return (
            [s.e_vis_face for s in samples if s.e_vis_face is not None],
            [s.e_vis_body for s in samples if s.e_vis_body is not None],
        )


@dataclass(frozen=True, slots=True)
class Offer:
    """How a candidate competes: its quality, its anchor score (None = no anchor), its condition scores."""

    quality: float
    loose: bool
    anchor_score: float | None
    condition_scores: Mapping[str, float]


def always(_candidate: Candidate) -> bool:
    """What was kept stays what it was kept as."""
    return True


def decide(
    pool: Pool,
    candidate: Candidate,
    offer: Offer,
    scale: NoveltyScale,
    still_fills: Callable[[Candidate], bool] = always,
) -> Decision:
    """What the pool would do with a candidate; the crop need not be encoded yet.

    `still_fills` says whether a kept candidate belongs into its bucket by what is known now. A bucket that holds none
    that does is empty.
    """
    sample = candidate.sample
    code, bucket, replaces, lost_to, spare = "outside_buckets", None, None, None, False
    if offer.loose and fills_bucket(candidate.buckets):
        code, bucket, replaces, lost_to = _decide_bucket(pool, candidate, offer.quality, scale.threshold, still_fills)
        spare = bucket is None and _is_spare(pool, candidate, offer.quality, scale.plateau / 2)
    anchor = offer.anchor_score is not None and pool.anchors.wants(sample, offer.anchor_score)
    empty = TimeSlots(CONDITION_SLOTS)
    conditions = tuple(
        name
        for name, score in sorted(offer.condition_scores.items())
        if pool.conditions.get(name, empty).wants(sample, score, MORE_EXTREME_BY)
    )
    if bucket is None and anchor:
        code = "anchor_candidate"
    elif bucket is None and conditions:
        code = "challenge_candidate"
    extras = _wanted_extras(pool, candidate, offer)
    if extras and bucket is None and not anchor and not conditions:
        code = "extra_bin_candidate"
    elif spare and not anchor and not conditions:
        code = "spare_look"
    return Decision(code, bucket, replaces, anchor, conditions, extras, lost_to, spare)


def _is_spare(pool: Pool, candidate: Candidate, quality: float, other_look: float) -> bool:
    """True for the best that repeats no look, and is nearly as good, where all that its bucket holds repeats one."""
    key = bucket_key(candidate.buckets)
    held, rival = pool.buckets[key], pool.spares.get(key)
    repeating = all(entry.candidate.novelty < other_look for entry in held)
    if not repeating or candidate.novelty < other_look:
        return False
    good = quality >= max(entry.score for entry in held) - QUALITY_FOR_LOOK
    return good and (rival is None or rival.gives_way(quality, candidate.sample.in_highlight))


def _wanted_extras(pool: Pool, candidate: Candidate, offer: Offer) -> tuple[ExtraBin, ...]:
    """Extra bins of which this would be the best image that coverage can show."""
    if not (offer.loose and fills_bucket(candidate.buckets)):
        return ()
    inside = candidate.sample.in_highlight
    held = ((extra, pool.extras.get(extra)) for extra in candidate.sample.extra_bins)
    return tuple(extra for extra, rival in held if rival is None or rival.gives_way(offer.quality, inside))


def _decide_bucket(
    pool: Pool,
    candidate: Candidate,
    quality: float,
    novelty_threshold: float,
    still_fills: Callable[[Candidate], bool],
) -> tuple[str, str | None, tuple[int, tuple[float, float, float, float]] | None, int | None]:
    key = bucket_key(candidate.buckets)
    held = pool.buckets.get(key, ())
    if not held:
        return "saved", key, None, None
    if candidate.novelty >= novelty_threshold and len(held) < pool.bucket_capacity:
        return "added", key, None, None
    rival = _rival(held, candidate)
    if rival.gives_way(quality, candidate.sample.in_highlight):
        return "replaced", key, rival.candidate.key, None
    if not any(still_fills(entry.candidate) for entry in held):
        full = len(held) >= pool.bucket_capacity
        return "saved", key, min(held, key=lambda e: e.rank).candidate.key if full else None, None
    code = "not_novel" if len(held) < pool.bucket_capacity else "worse_than_kept"
    return code, None, None, rival.candidate.sample.t_ns


def _rival(held: tuple[Scored, ...], candidate: Candidate) -> Scored:
    """The kept image a newcomer competes with: the most similar one, or the worst where nothing can be compared."""
    vector = candidate.sample.e_vis_face
    distances = []
    for entry in held:
        other = entry.candidate.sample.e_vis_face
        distance = None if vector is None or other is None else distance_to_nearest(vector, [other])
        distances.append(2.0 if distance is None else distance)
    if all(distance >= 2.0 for distance in distances):
        return min(held, key=lambda e: (e.score, e.candidate.sample.t_ns))
    return min(zip(distances, held, strict=True), key=lambda item: (item[0], item[1].score))[1]


def place(pool: Pool, candidate: Candidate, offer: Offer, decision: Decision) -> Pool:
    """The pool with the candidate in the slots decided for it."""
    buckets, anchors, conditions = dict(pool.buckets), pool.anchors, dict(pool.conditions)
    if decision.bucket is not None:
        kept = tuple(e for e in buckets.get(decision.bucket, ()) if e.candidate.key != decision.replaces)
        buckets[decision.bucket] = (*kept, Scored(offer.quality, candidate))
    if decision.anchor and offer.anchor_score is not None:
        anchors = anchors.with_entry(Scored(offer.anchor_score, candidate))
    for name in decision.conditions:
        slots = conditions.get(name, TimeSlots(CONDITION_SLOTS))
        conditions[name] = slots.with_entry(Scored(offer.condition_scores[name], candidate))
    extras = {**pool.extras, **{extra: Scored(offer.quality, candidate) for extra in decision.extras}}
    spares = dict(pool.spares)
    if decision.spare:
        spares[bucket_key(candidate.buckets)] = Scored(offer.quality, candidate)
    return replace(pool, buckets=buckets, anchors=anchors, conditions=conditions, extras=extras, spares=spares)


def merged(a: Pool, b: Pool) -> Pool:
    """The pools of two persons that turned out to be one; each slot keeps its best."""
    buckets = dict(a.buckets)
    for key, entries in b.buckets.items():
        together = sorted((*buckets.get(key, ()), *entries), key=lambda e: e.rank, reverse=True)
        buckets[key] = tuple(together[: a.bucket_capacity])
    conditions = dict(a.conditions)
    for name, slots in b.conditions.items():
        conditions[name] = conditions[name].merged(slots) if name in conditions else slots
    extras, spares = best_of(a.extras, b.extras), best_of(a.spares, b.spares)
    anchors = a.anchors.merged(b.anchors)
    return replace(a, buckets=buckets, anchors=anchors, conditions=conditions, extras=extras, spares=spares)


def best_of(one: Mapping[K, Scored], other: Mapping[K, Scored]) -> dict[K, Scored]:
    """For every key the best of the entries under it."""
    best = dict(one)
    for key, entry in other.items():
        if key not in best or entry.rank > best[key].rank:
            best[key] = entry
    return best
