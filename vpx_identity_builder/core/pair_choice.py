"""The pair images of two published persons (§12): both judged again at the end, the kinds in turn, nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .buckets import EYES_CLOSED
from .cast import Rider
from .config import Config, SelectionConfig
from .eligible import Judged
from .novelty import NOTHING_SAVED, dual_novelty
from .offer import Scales, judged_again
from .pair import PairEntry, cell_of, lids_down, pair_score, together
from .pool import preference
from .results import PairCandidate, PairImage
from .types import FaceSample, Vector

PAIR_IMAGE = "pair image"
"""What every note on pairs names."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPair:
    """A pair candidate with its two faces judged by the final persons; `ids` are those of the left and right face."""

    candidate: PairCandidate
    ids: tuple[int, int]
    faces: tuple[Judged, Judged]
    score: float

    @property
    def cell(self) -> str:
        """Kind of the image: who sits left, relative position, joint expression."""
        return f"{self.ids[0]} {cell_of(*self.candidate.faces)}"

    @property
    def lids_down(self) -> bool:
        """True where either face's lids are down."""
        return lids_down(self.faces[0].sample, self.faces[1].sample)

    def of(self, person_id: int) -> FaceSample:
        """This person's face."""
        return self.faces[self.ids.index(person_id)].sample


def pair_images(
    entries: Sequence[PairEntry],
    riders: tuple[Rider, Rider],
    prototypes: tuple[Vector, Vector],
    scales: Scales,
    cfg: Config,
) -> tuple[PairImage, ...]:
    """The published pair images of persons 0 and 1, given as their riders and final prototypes, best kinds first."""
    judged = [_judged(entry.candidate, riders, prototypes, scales, cfg) for entry in entries]
    chosen = choose_pairs([pair for pair in judged if pair is not None], scales, cfg)
    return tuple(
        PairImage(
            name=f"pair_{index + 1:03d}",
            candidate=pair.candidate,
            person_ids=pair.ids,
            qualities=(pair.faces[0].quality, pair.faces[1].quality),
            stability=(pair.faces[0].stability, pair.faces[1].stability),
            novelty=novelty(pair, chosen[:index], scales),
            strict=(pair.faces[0].strict, pair.faces[1].strict),
            loose=(pair.faces[0].loose, pair.faces[1].loose),
        )
        for index, pair in enumerate(chosen)
    )


def pair_notes(persons: int, images: int, selection: SelectionConfig) -> tuple[str, ...]:
    """A sentence where two persons have fewer pair images than wanted."""
    wanted = min(selection.pair_min, selection.pair_max)
    if persons < 2 or images >= wanted:
        return ()
    if not images:
        return (f"No {PAIR_IMAGE}: the two were never together in one frame, both good enough and apart.",)
    return (f"{images} of at least {wanted} {PAIR_IMAGE}s: no further moment shows both good enough, apart and new.",)


def notes_of_fewer(notes: Sequence[str], persons: int) -> tuple[str, ...]:
    """The notes of a result from which somebody left: of fewer than two persons nothing is said of pairs."""
    return tuple(note for note in notes if persons >= 2 or PAIR_IMAGE not in note)


def choose_pairs(judged: Sequence[JudgedPair], scales: Scales, cfg: Config) -> list[JudgedPair]:
    """One of every kind in turn, the best kind first; apart in time and new, which matters less where too few are.

    Faces whose lids are down only where too few are left without.
    """
    most, least, plateau = cfg.selection.pair_max, cfg.selection.pair_min, scales.face.plateau
    chosen: list[JudgedPair] = []
    for down, steps in ((False, ((plateau, most), (0.0, least))), (True, ((plateau, least), (0.0, least)))):
        queues: dict[str, list[JudgedPair]] = {}
        for pair in sorted((pair for pair in judged if pair.lids_down == down), key=_order):
            queues.setdefault(pair.cell, []).append(pair)
        for wanted, limit in steps:
            while _one_of_each(queues, chosen, wanted, min(limit, most), scales, cfg):
                continue
    return chosen


def _one_of_each(
    queues: dict[str, list[JudgedPair]],
    chosen: list[JudgedPair],
    wanted: float,
    limit: int,
    scales: Scales,
    cfg: Config,
) -> bool:
    """Move the first that fits of every kind to `chosen`, up to `limit` in all; False when none did."""
    before = len(chosen)
    gap_ns = cfg.selection.anchor_gap_ms * 1e6
    for queue in queues.values():
        for pair in queue if len(chosen) < limit else ():
            if _far_in_time(pair, chosen, gap_ns) and novelty(pair, chosen, scales) >= wanted:
                queue.remove(pair)
                chosen.append(pair)
                break
    return len(chosen) > before


def _far_in_time(pair: JudgedPair, chosen: Sequence[JudgedPair], gap_ns: float) -> bool:
    t_ns = pair.candidate.first.sample.t_ns
    return all(abs(t_ns - other.candidate.first.sample.t_ns) >= gap_ns for other in chosen)


def novelty(pair: JudgedPair, chosen: Sequence[JudgedPair], scales: Scales) -> float:
    """Distance to the nearest chosen pair image; two are as far apart as the person who changed more (§7)."""

    def distance(other: JudgedPair) -> float:
        return max(_distance(pair.of(person), other.of(person), scales) for person in pair.ids)

    return min((distance(other) for other in chosen), default=NOTHING_SAVED)


def _distance(one: FaceSample, other: FaceSample, scales: Scales) -> float:
    faces = [] if other.e_vis_face is None else [other.e_vis_face]
    bodies = [] if other.e_vis_body is None else [other.e_vis_body]
    return dual_novelty(one.e_vis_face, one.e_vis_body, faces, bodies, scales.face, scales.body)


def _order(pair: JudgedPair) -> tuple[float, int]:
    sample = pair.candidate.first.sample
    return -pair.score - preference(sample), sample.t_ns


def _judged(
    pair: PairCandidate,
    riders: tuple[Rider, Rider],
    prototypes: tuple[Vector, Vector],
    scales: Scales,
    cfg: Config,
) -> JudgedPair | None:
    """None where the two are not surely these two, or one fails the strict gate or has closed eyes after all."""
    who = _who(pair, prototypes, scales)
    if who is None:
        return None
    ids, stability = who
    first = judged_again(pair.first, riders[ids[0]], stability[0], scales, cfg)
    second = judged_again(pair.second, riders[ids[1]], stability[1], scales, cfg)
    if not (first.strict.passed and second.strict.passed):
        return None
    if EYES_CLOSED in (first.buckets.expression, second.buckets.expression):
        return None
    candidate = replace(
        pair,
        first=replace(first.candidate, buckets=first.buckets),
        second=replace(second.candidate, buckets=second.buckets),
    )
    both = first.sample, second.sample
    score = pair_score((first.quality, second.quality), together(*both), pair.overlap, lids_down(*both))
    return JudgedPair(candidate, ids, (first, second), score)


def _who(
    pair: PairCandidate, prototypes: tuple[Vector, Vector], scales: Scales
) -> tuple[tuple[int, int], tuple[float, float]] | None:
    """Person ids of the left and right face with their stability, None where the two are not surely these two."""
    left, right = pair.first.sample.e_id, pair.second.sample.e_id
    found = []
    for ids in ((0, 1), (1, 0)):
        first, second = scales.stability(left, prototypes[ids[0]]), scales.stability(right, prototypes[ids[1]])
        if first is not None and second is not None:
            found.append((first.value + second.value, ids, (first.value, second.value)))
    if not found:
        return None
    _, best, stability = max(found)
    return (best, stability) if min(stability) >= scales.face_id.tau_id else None
