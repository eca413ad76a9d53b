"""The bounded pool of one person's candidate crops while the video runs (§4: save, replace, add).

A candidate may hold three kinds of slots at once: a moment of its bucket, of its challenge conditions, and among the
anchor candidates; so a better-looking frame never evicts a dark or occluded one. The pool does not grow with the video.

What is kept depends on quality, time and bins, never on vision embeddings: these differ a little from machine to
machine, and one face more or less would make all later choices others. What is new beside what, `selection` asks at the
end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from .buckets import bucket_key, fills_bucket
from .extra_bins import ExtraBin
from .types import Candidate, FaceSample, Vector

K = TypeVar("K")

ANCHOR_SLOTS = 16
CONDITION_SLOTS = 12
SPARE_MOMENTS = 1
"""Moments kept of a bucket beyond the images that it may publish: which of them look different shows at the end."""
FIRST_SLOT_NS = 500_000_000
"""Images nearer than this are one moment."""
BETTER_BY = 0.01
"""A replacement must be visibly better, or near-equal frames would be encoded over and over."""
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
        return score + BETTER_BY > self.score if preferred else score > self.score + better_by


@dataclass(frozen=True, slots=True, eq=False)
class TimeSlots:
    """Best candidate per stretch of time; when there are too many stretches, neighbours fuse and stretches double."""

    capacity: int
    slot_ns: int = FIRST_SLOT_NS
    entries: Mapping[int, Scored] = field(default_factory=dict)

    def rival(self, sample: FaceSample) -> Scored | None:
        """Whom a face competes with: who holds its stretch of time, once there is room for it; None = nobody."""
        slots = self
        while True:
            held = slots.entries.get(sample.t_ns // slots.slot_ns)
            if held is not None or len(slots.entries) < self.capacity:
                return held
            slots = slots.coarser()

    def wants(self, sample: FaceSample, score: float, better_by: float = BETTER_BY) -> bool:
        """True when a candidate of this face and score would be kept."""
        held = self.rival(sample)
        return held is None or held.gives_way(score, sample.in_highlight, better_by)

    def with_entry(self, entry: Scored) -> TimeSlots:
        """With this candidate in its slot."""
        slots = replace(self, entries={**self.entries, entry.candidate.sample.t_ns // self.slot_ns: entry})
        while len(slots.entries) > self.capacity:
            slots = slots.coarser()
        return slots

    def with_rival_gone(self, sample: FaceSample) -> TimeSlots:
        """Without whom a face competes with, so that there is room for it."""
        rival = self.rival(sample)
        return replace(self, entries={slot: held for slot, held in self.entries.items() if held is not rival})

    def coarser(self) -> TimeSlots:
        """With stretches twice as long, each of which keeps its best."""
        fused: dict[int, Scored] = {}
        for held in sorted(self.entries.values(), key=lambda e: e.rank):
            fused[held.candidate.sample.t_ns // (2 * self.slot_ns)] = held
        return TimeSlots(self.capacity, 2 * self.slot_ns, fused)

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
    """What becomes of a candidate: a reason code, the slots it takes, and the time of the image it lost to.

    `anew`: nothing that its bucket holds belongs there by what is known now.
    """

    code: str
    bucket: str | None = None
    anchor: bool = False
    conditions: tuple[str, ...] = ()
    extras: tuple[ExtraBin, ...] = ()
    lost_to_t_ns: int | None = None
    anew: bool = False

    @property
    def keeps(self) -> bool:
        """True when the crop is kept."""
        return self.bucket is not None or self.anchor or bool(self.conditions) or bool(self.extras)

    def code_of(self, is_new: bool) -> str:
        """The reason code for a face that looks new beside what is kept, or does not."""
        if self.code == "other_moment" and is_new:
            return "added"
        return "not_novel" if self.code == "worse_than_kept" and not is_new else self.code


OUTSIDE = Decision("outside_buckets")
"""There is no bucket for the face, or it does not pass the gate of coverage images."""
NO_CONDITION = TimeSlots(CONDITION_SLOTS)


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """All candidates kept of one person; of each bucket the best of `bucket_moments` moments."""

    bucket_moments: int
    buckets: Mapping[str, TimeSlots] = field(default_factory=dict)
    anchors: TimeSlots = field(default_factory=lambda: TimeSlots(ANCHOR_SLOTS))
    conditions: Mapping[str, TimeSlots] = field(default_factory=dict)
    extras: Mapping[ExtraBin, Scored] = field(default_factory=dict)

    def candidates(self) -> list[Candidate]:
        """Every candidate once, in order of time."""
        held = {entry.candidate.key: entry.candidate for entry in self.extras.values()}
        for slots in (*self.buckets.values(), self.anchors, *self.conditions.values()):
            held |= {entry.candidate.key: entry.candidate for entry in slots.entries.values()}
        return [held[key] for key in sorted(held)]

    def in_buckets(self) -> list[Candidate]:
        """What the buckets hold, each of them from its first moment to its last."""
        return [slots.entries[key].candidate for slots in self.buckets.values() for key in sorted(slots.entries)]

    def saved_vectors(self) -> tuple[list[Vector], list[Vector]]:
        """Face and body embeddings of what the buckets hold."""
        samples = [candidate.sample for candidate in self.in_buckets()]
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
    pool: Pool, candidate: Candidate, offer: Offer, still_fills: Callable[[Candidate], bool] = always
) -> Decision:
    """What the pool would do with a candidate; the crop need not be encoded yet.

    `still_fills` says whether a kept candidate belongs into its bucket by what is known now. A bucket that holds none
    that does is empty.
    """
    sample = candidate.sample
    found = OUTSIDE
    if offer.loose and fills_bucket(candidate.buckets):
        found = _decide_bucket(pool, candidate, offer.quality, still_fills)
    code, bucket = found.code, found.bucket
    anchor = offer.anchor_score is not None and pool.anchors.wants(sample, offer.anchor_score)
    conditions = tuple(
        name
        for name, score in sorted(offer.condition_scores.items())
        if pool.conditions.get(name, NO_CONDITION).wants(sample, score, MORE_EXTREME_BY)
    )
    extras = _wanted_extras(pool, candidate, offer)
    if bucket is None and anchor:
        code = "anchor_candidate"
    elif bucket is None and conditions:
        code = "challenge_candidate"
    elif bucket is None and extras:
        code = "extra_bin_candidate"
    if not (anchor or conditions or extras):
        return found
    return replace(found, code=code, anchor=anchor, conditions=conditions, extras=extras)


def _wanted_extras(pool: Pool, candidate: Candidate, offer: Offer) -> tuple[ExtraBin, ...]:
    """Extra bins of which this would be the best image that coverage can show."""
    if not (offer.loose and fills_bucket(candidate.buckets)):
        return ()
    inside = candidate.sample.in_highlight
    held = ((extra, pool.extras.get(extra)) for extra in candidate.sample.extra_bins)
    return tuple(extra for extra, rival in held if rival is None or rival.gives_way(offer.quality, inside))


def _decide_bucket(
    pool: Pool, candidate: Candidate, quality: float, still_fills: Callable[[Candidate], bool]
) -> Decision:
    """What the bucket of a candidate would do with it."""
    key = bucket_key(candidate.buckets)
    slots = pool.buckets.get(key)
    if slots is None:
        return Decision("saved", key)
    rival = slots.rival(candidate.sample)
    if rival is None:
        return Decision("other_moment", key)
    if rival.gives_way(quality, candidate.sample.in_highlight):
        return Decision("replaced", key)
    if not any(still_fills(entry.candidate) for entry in slots.entries.values()):
        return Decision("saved", key, anew=True)
    return Decision("worse_than_kept", lost_to_t_ns=rival.candidate.sample.t_ns)


def place(pool: Pool, candidate: Candidate, offer: Offer, decision: Decision) -> Pool:
    """The pool with the candidate in the slots decided for it."""
    buckets, anchors, conditions = dict(pool.buckets), pool.anchors, dict(pool.conditions)
    if decision.bucket is not None:
        moments = buckets.get(decision.bucket, TimeSlots(pool.bucket_moments))
        moments = moments.with_rival_gone(candidate.sample) if decision.anew else moments
        buckets[decision.bucket] = moments.with_entry(Scored(offer.quality, candidate))
    if decision.anchor and offer.anchor_score is not None:
        anchors = anchors.with_entry(Scored(offer.anchor_score, candidate))
    for name in decision.conditions:
        slots = conditions.get(name, TimeSlots(CONDITION_SLOTS))
        conditions[name] = slots.with_entry(Scored(offer.condition_scores[name], candidate))
    extras = {**pool.extras, **{extra: Scored(offer.quality, candidate) for extra in decision.extras}}
    return replace(pool, buckets=buckets, anchors=anchors, conditions=conditions, extras=extras)


def merged(a: Pool, b: Pool) -> Pool:
    """The pools of two persons that turned out to be one; each slot keeps its best."""
    return replace(
        a,
        buckets=_merged_slots(a.buckets, b.buckets),
        anchors=a.anchors.merged(b.anchors),
        conditions=_merged_slots(a.conditions, b.conditions),
        extras=best_of(a.extras, b.extras),
    )


def _merged_slots(one: Mapping[str, TimeSlots], other: Mapping[str, TimeSlots]) -> dict[str, TimeSlots]:
    both = dict(one)
    for key, slots in other.items():
        both[key] = both[key].merged(slots) if key in both else slots
    return both


def best_of(one: Mapping[K, Scored], other: Mapping[K, Scored]) -> dict[K, Scored]:
    """For every key the best of the entries under it."""
    best = dict(one)
    for key, entry in other.items():
        if key not in best or entry.rank > best[key].rank:
            best[key] = entry
    return best
