"""Who is who on real faces with exact truth: two-person rides recombined from the test videos.

    python benchmarks/identity.py [PART OF A CASE'S NAME]

Per case: persons published; purity (published images, anchors, coverage, challenge and pairs, that show their person
and nobody else); completeness (buckets filled, against those filled when the builder gets that rider's faces alone);
share of each rider's strict frames taken for the right person once everything is settled; identity switches from one
sighting to the next. Exit 1 where a target is missed.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from unittest.mock import patch

import numpy as np
from identity_cases import Case, Material, Scene, all_cases
from real_faces import available

from vpx_identity_builder import builder as builder_module
from vpx_identity_builder.builder import Encoder, IdentitySetBuilder
from vpx_identity_builder.core import cast, geometry
from vpx_identity_builder.core import settle as settle_module
from vpx_identity_builder.core.config import Config, StopConfig
from vpx_identity_builder.core.gates import strict_gate
from vpx_identity_builder.core.results import PersonSet, RunResult, StopReason
from vpx_identity_builder.core.types import Box

CONFIG = Config(stop=StopConfig(stop_when_covered=False))
ATTRIBUTED = 0.95
TOUCHED = 0.25
"""A crop that holds more than this share of another face shows two people."""

ORDER_CASES = ("alternating order, shuffled ids", "a stranger passes")

Key = tuple[int, Box]


@dataclass(frozen=True, slots=True)
class Fate:
    """For which person one face was taken, and after how many joins that was said."""

    key: Key
    person: int
    joins: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run and what it made of every face; `truth` tells whom each face shows."""

    result: RunResult
    truth: dict[Key, int]
    person_of: dict[Key, int]
    seconds: float

    def owner(self, person: PersonSet) -> int | None:
        """Whom most of a published person's images show."""
        shown = Counter(self.shown(image.candidate.sample) for image in person.images)
        return shown.most_common(1)[0][0] if shown else None

    def shown(self, face) -> int:
        return self.truth[(face.t_ns, face.bbox)]


@contextmanager
def recorded_joins() -> Iterator[list[dict[int, int]]]:
    """Which person number came to stand for which, in order."""
    log: list[dict[int, int]] = []

    def join_all(*args, **kwargs):
        joined, renamed = cast.join_all(*args, **kwargs)
        log.append(renamed)
        return joined, renamed

    with patch.object(builder_module, "join_all", join_all), patch.object(settle_module, "join_all", join_all):
        yield log


def tag(scene: Scene) -> Encoder:
    """Encodes a crop as JSON: who lies in it by more than a quarter."""

    def encode(crop: geometry.IntBox) -> bytes:
        shares = [(s.who, geometry.intersection(crop, s.face.bbox) / geometry.area(s.face.bbox)) for s in scene.seen]
        return json.dumps(sorted(who for who, share in shares if share > TOUCHED)).encode()

    return encode


def drive(material: Material, scenes: Sequence[Scene]) -> Outcome:
    """Give all scenes to a builder. What it says of the last frame, which waits for `finish`, is not heard."""
    novelty = material.riders.face_novelty, material.riders.body_novelty
    builder = IdentitySetBuilder(CONFIG, face_novelty=novelty[0], body_novelty=novelty[1])
    fates: list[Fate] = []
    start = time.perf_counter()
    with recorded_joins() as joins:
        for scene in scenes:
            builder.add(scene.t_ns, [s.face for s in scene.seen], tag(scene))
            faces = ((fate.assignment.sample, fate.person) for fate in builder.last_fates)
            fates += [Fate((face.t_ns, face.bbox), person, len(joins)) for face, person in faces]
        result = builder.finish(StopReason.END_OF_VIDEO)
    truth = {(scene.t_ns, s.face.bbox): s.who for scene in scenes for s in scene.seen}
    person_of = {}
    for fate in fates:
        number = fate.person
        for renamed in joins[fate.joins :]:
            number = renamed.get(number, number)
        person_of[fate.key] = number
    return Outcome(result, truth, person_of, time.perf_counter() - start)


def purity(outcome: Outcome) -> tuple[int, int]:
    """Published images that show their person and nobody else, and all published images."""
    good = total = 0
    owners = {person.person_id: outcome.owner(person) for person in outcome.result.persons}
    for person in outcome.result.persons:
        for image in person.images:
            who = outcome.shown(image.candidate.sample)
            total += 1
            good += who == owners[person.person_id] and json.loads(image.candidate.image) == [who]
    for pair in outcome.result.pair:
        shown = [outcome.shown(face.sample) for face in (pair.candidate.first, pair.candidate.second)]
        total += 1
        good += shown == [owners[k] for k in pair.person_ids] and json.loads(pair.candidate.image) == sorted(shown)
    return good, total


def completeness(material: Material, scenes: Sequence[Scene], outcome: Outcome) -> float:
    """The least covered published person's buckets, against those of a run with that person's faces alone."""
    shares = []
    for person in outcome.result.persons:
        who = outcome.owner(person)
        lone = [replace(scene, seen=tuple(s for s in scene.seen if s.who == who)) for scene in scenes]
        best = max((len(_buckets(p)) for p in drive(material, lone).result.persons), default=0)
        shares.append(len(_buckets(person)) / best if best else 1.0)
    return min(shares, default=0.0)


def _buckets(person: PersonSet) -> set[tuple[str, str, str]]:
    kept = (*person.anchors, *person.coverage_images)
    return {(b.yaw, b.pitch, b.expression) for b in (image.candidate.buckets for image in kept)}


@dataclass(frozen=True, slots=True)
class Attribution:
    """Share of the strict frames of the worst-off person taken for the right person; switches between sightings."""

    right: float
    switches: int


def attribution(scenes: Sequence[Scene], outcome: Outcome, people: frozenset[int]) -> Attribution:
    numbers = _numbers(outcome)
    strict: Counter[int] = Counter()
    right: Counter[int] = Counter()
    last: dict[int, int] = {}
    switches = 0
    for scene in scenes:
        for seen in scene.seen:
            number = outcome.person_of.get((scene.t_ns, seen.face.bbox))
            if number is None or seen.who not in people:
                continue
            switches += last.setdefault(seen.who, number) != number
            last[seen.who] = number
            if strict_gate(seen.face, None, CONFIG.gates).passed:
                strict[seen.who] += 1
                right[seen.who] += number == numbers.get(seen.who)
    return Attribution(min((right[who] / strict[who] for who in people if strict[who]), default=0.0), switches)


def _numbers(outcome: Outcome) -> dict[int, int]:
    """Who → the builder's number of the person that is published as this one."""
    numbers = {}
    for person in outcome.result.persons:
        keys = [(image.candidate.sample.t_ns, image.candidate.sample.bbox) for image in person.images]
        found = Counter(outcome.person_of[key] for key in keys if key in outcome.person_of)
        owner = outcome.owner(person)
        if found and owner is not None:
            numbers[owner] = found.most_common(1)[0][0]
    return numbers


def report(material: Material, case: Case) -> bool:
    """Print the row of one case; False where a target is missed."""
    outcome = drive(material, case.scenes)
    found = sorted(str(outcome.owner(person)) for person in outcome.result.persons)
    good, total = purity(outcome)
    share = attribution(case.scenes, outcome, case.people)
    filled = completeness(material, case.scenes, outcome)
    ok = found == sorted(map(str, case.people)) and good == total > 0 and share.right >= ATTRIBUTED
    others = ", ".join(person.reason.split(":")[0] for person in outcome.result.unpublished)
    print(
        f"{case.name:36} {len(found)}/{len(case.people)} {good:4}/{total:<4} {good / max(1, total):6.3f} "
        f"{filled:12.2f} {share.right:8.1%} {share.switches:8} {outcome.seconds:6.1f}  {'ok' if ok else 'MISSED'}"
        f"{'  (' + others + ')' if others else ''}",
        flush=True,
    )
    return ok


def published(result: RunResult) -> list[tuple[object, ...]]:
    """What a result consists of, comparable with ==."""
    images = [
        (person.person_id, person.frames_seen, round(person.track_score, 9), image.name, image.candidate.key)
        for person in result.persons
        for image in person.images
    ]
    return [*images, *((pair.name, pair.person_ids, pair.candidate.first.key) for pair in result.pair)]


def order_matters(material: Material, case: Case) -> bool:
    """Print whether another order of faces, or frames one place out of order, changes anything."""
    expected = published(drive(material, case.scenes).result)
    rng = np.random.default_rng(5)
    shuffled = [
        replace(scene, seen=tuple(scene.seen[k] for k in rng.permutation(len(scene.seen)))) for scene in case.scenes
    ]
    jittered = list(case.scenes)
    for i in range(0, len(jittered) - 1, 3):
        jittered[i], jittered[i + 1] = jittered[i + 1], jittered[i]
    changed = False
    for what, scenes in (("faces in another order", shuffled), ("frames one place out of order", jittered)):
        same = published(drive(material, scenes).result) == expected
        changed = changed or not same
        print(f"{case.name}: {what} {'change nothing' if same else 'CHANGE THE RESULT'}", flush=True)
    return changed


def main() -> int:
    if not available():
        return 0
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    material = Material()
    cases = [case for case in all_cases(material) if wanted in case.name]
    print(f"{'case':36} who {'pure images':>9} purity completeness   right switches      s")
    missed = [case.name for case in cases if not report(material, case)]
    changed = [case.name for case in cases if case.name in ORDER_CASES and order_matters(material, case)]
    print(f"{len(cases) - len(missed)} of {len(cases)} cases reach their targets")
    return 1 if missed or changed else 0


if __name__ == "__main__":
    sys.exit(main())
