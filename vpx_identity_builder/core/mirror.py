"""Turning the pitch of everything kept round, for a source that turned out to give it with the opposite sign.

The pitch bins lie symmetric about 0 and nothing in the pool prefers up to down, so the pool of a mirrored video is the
mirrored pool: correcting it at the end gives what a run with the right sign from the start would have kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from .buckets import bucket_key, fills_bucket, pitch_bin
from .cast import Cast, Rider
from .pair import PairSlots
from .pool import Pool, Scored, TimeSlots
from .results import PairCandidate
from .types import Candidate

SWAPPED = {"pitch_up": "pitch_down", "pitch_down": "pitch_up"}


def with_pitch_reversed(cast: Cast, sources: Collection[str]) -> Cast:
    """The cast with the pitch of every candidate turned round whose pitch came from one of these sources."""
    if not sources:
        return cast
    riders = {number: _rider(rider, sources) for number, rider in cast.riders.items()}
    return Cast(riders, {key: _pairs(slots, sources) for key, slots in cast.pairs.items()})


def _rider(rider: Rider, sources: Collection[str]) -> Rider:
    """All moments of a gallery take their pitch from one source, the same as the candidates with an appearance."""
    shown = [c.sample for c in rider.pool.candidates() if c.sample.appearance is not None]
    if any(sample.pose.pitch_source in sources for sample in shown):
        rider = replace(rider, gallery=rider.gallery.with_pitch_reversed())
    rider = replace(rider, extremes=rider.extremes.with_pitch_reversed(sources))
    return rider.with_pool(_pool(rider.pool, sources))


def _candidate(candidate: Candidate, sources: Collection[str]) -> Candidate:
    pose = candidate.sample.pose
    if pose.pitch_deg is None or pose.pitch_source not in sources:
        return candidate
    turned = replace(pose, pitch_deg=-pose.pitch_deg)
    buckets = replace(candidate.buckets, pitch=pitch_bin(turned.pitch_deg))
    return replace(candidate, sample=replace(candidate.sample, pose=turned), buckets=buckets)


def _pool(pool: Pool, sources: Collection[str]) -> Pool:
    def bucket_of(_name: str, turned: Candidate, _changed: bool) -> str | None:
        return bucket_key(turned.buckets) if fills_bucket(turned.buckets) else None

    def condition_of(name: str, _turned: Candidate, changed: bool) -> str | None:
        return SWAPPED.get(name, name) if changed else name

    extras = {name: Scored(held.score, _candidate(held.candidate, sources)) for name, held in pool.extras.items()}
    return replace(
        pool,
        buckets=_regrouped(pool.buckets, sources, bucket_of),
        anchors=_slots(pool.anchors, sources),
        conditions=_regrouped(pool.conditions, sources, condition_of),
        extras=extras,
    )


def _regrouped(
    groups: Mapping[str, TimeSlots], sources: Collection[str], group_of: Callable[[str, Candidate, bool], str | None]
) -> dict[str, TimeSlots]:
    """The groups with every candidate turned round and put where `group_of` (old group, candidate, was it turned) says;
    None = nowhere any more."""
    result: dict[str, TimeSlots] = {}
    for name, slots in sorted(groups.items()):
        for entry in slots.entries.values():
            turned = _candidate(entry.candidate, sources)
            target = group_of(name, turned, turned is not entry.candidate)
            if target is not None:
                held = result.get(target, TimeSlots(slots.capacity, slots.slot_ns))
                result[target] = held.merged(_one(Scored(entry.score, turned), slots))
    return result


def _one(entry: Scored, like: TimeSlots) -> TimeSlots:
    return TimeSlots(like.capacity, like.slot_ns, {entry.candidate.sample.t_ns // like.slot_ns: entry})


def _slots(slots: TimeSlots, sources: Collection[str]) -> TimeSlots:
    turned = {key: Scored(entry.score, _candidate(entry.candidate, sources)) for key, entry in slots.entries.items()}
    return replace(slots, entries=turned)


def _pairs(slots: PairSlots, sources: Collection[str]) -> PairSlots:
    turned: Mapping[int, PairCandidate] = {
        t_ns: replace(pair, first=_candidate(pair.first, sources), second=_candidate(pair.second, sources))
        for t_ns, pair in slots.pairs.items()
    }
    return replace(slots, pairs=turned)
