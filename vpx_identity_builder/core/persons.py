"""Persons: the long-term layer of §6. Tracklets become persons, persons join when their prototypes agree.

Two persons that were confirmed in one frame never join. Joining looks at all pairs and takes the most similar first, so
the order in which tracklets appeared does not matter.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from math import ceil

from . import eyes
from .config import FaceIdModel, PersonConfig
from .geometry import centre
from .prototype import Reservoir, medoid_index
from .thinned import Spread
from .types import FaceSample, Vector
from .words import counted


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """What is known of one person while the video runs. `met`: the numbers of persons confirmed beside it in one frame.

    `recognised` counts the frames in which Face-ID does not contradict: motion alone makes nobody present.
    `strict` holds trusted embeddings (strict gate, mild pose), `loose` all others that passed the loose gate.
    """

    number: int
    strict: Reservoir
    loose: Reservoir
    first_t_ns: int
    last_t_ns: int
    frames: int = 0
    recognised: int = 0
    size_sum: float = 0.0
    proximity_sum: float = 0.0
    sharpness: Spread = field(default_factory=Spread)
    brightness: Spread = field(default_factory=Spread)
    eyes: Spread = field(default_factory=Spread)
    met: frozenset[int] = frozenset()
    prototype: Vector | None = None


def new_person(number: int, t_ns: int, reservoir_size: int) -> Person:
    """Somebody nothing is known of yet."""
    return Person(number, Reservoir(reservoir_size), Reservoir(reservoir_size), t_ns, t_ns)


def center_proximity(sample: FaceSample) -> float:
    """1 at the middle of the frame, 0 in its corners (§4)."""
    width, height = sample.frame_size_px
    x, y = centre(sample.bbox)
    offset = ((x - width / 2) ** 2 + (y - height / 2) ** 2) ** 0.5
    half_diagonal = (width**2 + height**2) ** 0.5 / 2
    return max(0.0, 1.0 - offset / half_diagonal) if half_diagonal else 0.0


def prototype_of(person: Person, config: PersonConfig) -> tuple[Vector | None, str, int]:
    """Prototype, its source (`strict`, or `loose` where too few strict frames exist) and the number of embeddings."""
    if len(person.strict) >= config.prototype_min_strict:
        source, reservoir = "strict", person.strict
    else:
        source, reservoir = "loose", person.strict.merged(person.loose)
    if not len(reservoir):
        return None, "none", 0
    matrix = reservoir.matrix()
    return matrix[medoid_index(matrix)], source, len(reservoir)


def observed(
    person: Person,
    sample: FaceSample,
    t_ns: int,
    *,
    trusted: bool,
    loose: bool,
    config: PersonConfig,
    settled: int = 0,
    recognised: bool = True,
) -> Person:
    """The person after one more sighting. Only gated embeddings reach the prototype.

    `settled`: earlier sightings, doubted until now, that count with this one. `recognised`: Face-ID does not
    contradict.
    """
    measures, sightings, level = sample.measures, 1 + settled, sample.measures.lighting_level
    opening = eyes.reading(sample)
    size = min(1.0, max(0.0, measures.area_share) ** 0.5 / config.face_size_full)
    strict, others = person.strict, person.loose
    if sample.e_id is not None and trusted:
        strict = strict.add(sample.e_id, t_ns)
    elif sample.e_id is not None and loose:
        others = others.add(sample.e_id, t_ns)
    changed = strict.values is not person.strict.values or (
        others.values is not person.loose.values and len(strict) < config.prototype_min_strict
    )
    grown = Person(
        number=person.number,
        strict=strict,
        loose=others,
        first_t_ns=person.first_t_ns,
        last_t_ns=max(person.last_t_ns, t_ns),
        frames=person.frames + sightings,
        recognised=person.recognised + sightings * recognised,
        size_sum=person.size_sum + sightings * size,
        proximity_sum=person.proximity_sum + sightings * center_proximity(sample),
        sharpness=person.sharpness if measures.sharpness is None else person.sharpness.add(measures.sharpness, t_ns),
        brightness=person.brightness if level is None else person.brightness.add(level, t_ns),
        eyes=person.eyes if opening is None else person.eyes.add(opening, t_ns),
        met=person.met,
        prototype=person.prototype,
    )
    return replace(grown, prototype=prototype_of(grown, config)[0]) if changed else grown


def merged(a: Person, b: Person, config: PersonConfig) -> Person:
    """Two persons that turned out to be one; the one seen first gives the number."""
    first, second = sorted((a, b), key=lambda p: (p.first_t_ns, p.number))
    joined = replace(
        first,
        strict=first.strict.merged(second.strict),
        loose=first.loose.merged(second.loose),
        last_t_ns=max(first.last_t_ns, second.last_t_ns),
        frames=first.frames + second.frames,
        recognised=first.recognised + second.recognised,
        size_sum=first.size_sum + second.size_sum,
        proximity_sum=first.proximity_sum + second.proximity_sum,
        sharpness=first.sharpness.merged(second.sharpness),
        brightness=first.brightness.merged(second.brightness),
        eyes=first.eyes.merged(second.eyes),
        met=(first.met | second.met) - {first.number, second.number},
    )
    return replace(joined, prototype=prototype_of(joined, config)[0])


def may_join(a: Person, b: Person, model: FaceIdModel) -> float | None:
    """Similarity of two persons that may be one, None where they may not."""
    if a.prototype is None or b.prototype is None or b.number in a.met or a.number in b.met:
        return None
    similarity = float(a.prototype @ b.prototype)
    return similarity if similarity >= model.tau_merge else None


def joined(persons: Sequence[Person], a: Person, b: Person, config: PersonConfig) -> tuple[list[Person], Person, int]:
    """Everybody after `a` and `b` became one, that person, and the number that is gone."""
    one = merged(a, b, config)
    gone = b.number if one.number == a.number else a.number
    others = [
        replace(p, met=(p.met - {gone}) | {one.number}) if gone in p.met else p
        for p in persons
        if p.number not in (a.number, b.number)
    ]
    return [*others, one], one, gone


class Evidence(Enum):
    """How well two persons must be known to join: poor frames make different people look alike.

    `BOTH_KNOWN`, while a video runs: each by a strict prototype. `ONE_KNOWN`, when there are too many: each by a strict
    frame, or one by a strict prototype. `ANY`, at the end.
    """

    BOTH_KNOWN = auto()
    ONE_KNOWN = auto()
    ANY = auto()

    def suffices(self, a: Person, b: Person, min_strict: int) -> bool:
        """True where so much is known of the two; `min_strict` embeddings make a strict prototype."""
        less, more = sorted((len(a.strict), len(b.strict)))
        if self is Evidence.BOTH_KNOWN:
            return less >= min_strict
        return self is Evidence.ANY or less > 0 or more >= min_strict


def join_next(
    persons: Sequence[Person], model: FaceIdModel, evidence: Evidence, min_strict: int
) -> tuple[Person, Person] | None:
    """The two most similar persons that may join; None when nobody may."""
    known = sorted(persons, key=lambda p: (p.first_t_ns, p.number))
    best: tuple[float, Person, Person] | None = None
    for index, a in enumerate(known):
        for b in known[index + 1 :]:
            similarity = may_join(a, b, model) if evidence.suffices(a, b, min_strict) else None
            if similarity is not None and (best is None or similarity > best[0]):
                best = (similarity, a, b)
    return None if best is None else (best[1], best[2])


def track_score(person: Person, frames_total: int) -> float:
    """`0.4*avg_face_size + 0.3*center_proximity + 0.3*track_length` (§4), each 0..1.

    Face size: square root of the face's share of the frame over `face_size_full`, at most 1. Proximity: 1 in the middle
    of the frame, 0 in a corner. Length: frames seen over frames of the video.
    """
    if not person.frames or not frames_total:
        return 0.0
    size, proximity = person.size_sum / person.frames, person.proximity_sum / person.frames
    return 0.4 * size + 0.3 * proximity + 0.3 * min(1.0, person.frames / frames_total)


Ranking = tuple[list[tuple[Person, float]], list[tuple[Person, float, str]]]
"""Persons to publish with their track_score, and the others with it and the reason why not."""


def rank(
    persons: Sequence[Person], frames_total: int, config: PersonConfig, frontal: Collection[int] | None = None
) -> Ranking:
    """Persons to publish in order of track_score, and the others with the reason why not.

    `frontal`: numbers of the persons seen well enough from the front for an anchor; None = all. A rider faces the
    camera sooner or later: who never does must be as present as somebody known by loose-gate frames only, and who is
    both as much more again.
    """
    most = max((p.recognised for p in persons), default=0)
    scored = sorted(
        ((p, track_score(p, frames_total)) for p in persons), key=lambda item: (-item[1], item[0].first_t_ns)
    )
    chosen: list[tuple[Person, float]] = []
    others: list[tuple[Person, float, str]] = []
    for person, score in scored:
        fronts = frontal is None or person.number in frontal
        reason = _why_not(person, score, most, len(chosen), config, fronts)
        if reason is None:
            chosen.append((person, score))
        else:
            others.append((person, score, reason))
    return chosen, others


def _why_not(person: Person, score: float, most: int, chosen: int, config: PersonConfig, frontal: bool) -> str | None:
    if person.prototype is None:
        return "no_identity: no face of this person passed the gates with a Face-ID embedding"
    if person.recognised < config.min_frames:
        return f"too_few_frames: recognised in {person.recognised}, needed {config.min_frames}"
    doubts = (len(person.strict) < config.prototype_min_strict) + (not frontal)
    needed = config.min_presence + doubts * (config.min_presence_loose - config.min_presence)
    if person.recognised < min(1.0, needed) * most:
        unseen = "" if frontal else ", and never fit for an anchor"
        here = counted(person.recognised, "frame")
        share = f"{min(1.0, needed):.0%} of those of the most present person"
        return f"passer_by: recognised in {here}, needed {ceil(min(1.0, needed) * most)} ({share}){unseen}"
    if score < config.min_track_score:
        return f"low_track_score: {score:.3f}, needed {config.min_track_score:g}"
    if chosen >= config.max_persons:
        return f"max_persons: {config.max_persons} with a higher track_score published already"
    return None
