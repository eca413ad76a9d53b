from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from vpx_identity_builder.core.cast import Cast, Rider, forget_least_seen, join_all, keep_apart
from vpx_identity_builder.core.config import Config, PersonConfig, TrackConfig
from vpx_identity_builder.core.coverage import coverage_of
from vpx_identity_builder.core.persons import (
    Evidence,
    Person,
    center_proximity,
    may_join,
    new_person,
    observed,
    prototype_of,
    rank,
    track_score,
)
from vpx_identity_builder.core.pool import Pool
from vpx_identity_builder.core.thinned import MEDIAN_SAMPLES, Spread

from .strategies import FRAME, sample
from .test_core_tracks import model_of
from .world import ARCFACE, DLIB, SCALES, Look, Scale, World

CONFIG = Config()
PERSONS = PersonConfig()


def person(world: World, number: int, who: int, start: int = 0, frames: int = 12, **flags: bool) -> Person:
    """Somebody after some frontal frames."""
    t_ns = world.time(start)
    found = new_person(number, t_ns, TrackConfig().reservoir_size)
    for i in range(start, start + frames):
        face = world.face(who, i, look=Look()).face
        found = observed(
            found, face, face.t_ns, trusted=flags.get("trusted", True), loose=flags.get("loose", True), config=PERSONS
        )
    return found


def cast_of(*people: Person) -> Cast:
    return Cast({p.number: Rider(p, Pool(4), coverage_of(())) for p in people})


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.name)
def test_the_order_of_tracklets_does_not_matter(scale: Scale) -> None:
    world = World(scale)
    pieces = [person(world, k, who, 40 * k) for k, who in enumerate((0, 1, 0, 1, 0))]
    outcomes = []
    for order in itertools.permutations(pieces):
        cast, renamed = join_all(cast_of(*order), model_of(scale), CONFIG)
        outcomes.append(
            (renamed, sorted((p.number, p.frames, p.first_t_ns, p.prototype.tobytes()) for p in cast.people()))
        )
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert outcomes[0][0] == {2: 0, 4: 0, 3: 1}


def test_persons_met_in_one_frame_never_join_not_even_through_a_third() -> None:
    world = World(DLIB)
    twins = [person(world, k, 0, 40 * k) for k in range(3)]
    cast = keep_apart(cast_of(*twins), {0, 1})
    joined, _ = join_all(cast, model_of(DLIB), CONFIG)
    assert len(joined.people()) == 2
    assert {0, 1} <= {p.number for p in joined.people()}
    zero, one = joined.riders[0].person, joined.riders[1].person
    assert may_join(zero, one, model_of(DLIB)) is None


def test_a_late_reappearance_joins_and_adds_up() -> None:
    world = World(ARCFACE)
    early, late = person(world, 0, 0, 0), person(world, 9, 0, 10_000, 20)
    cast, renamed = join_all(cast_of(late, early), model_of(ARCFACE), CONFIG)
    (one,) = cast.people()
    assert renamed == {9: 0}
    assert (one.number, one.frames) == (0, 32)
    assert (one.first_t_ns, one.last_t_ns) == (early.first_t_ns, late.last_t_ns)
    assert one.size_sum == pytest.approx(early.size_sum + late.size_sum)


def test_the_latest_novelty_of_either_is_recent_after_a_join() -> None:
    world, window = World(ARCFACE), CONFIG.stop.novelty_window
    early, late = cast_of(person(world, 0, 0, 0), person(world, 9, 0, 100)).riders.values()
    cast = Cast({0: replace(early, recent_novelty=(0.9,) * window), 9: replace(late, recent_novelty=(0.1,) * window)})
    (one,) = join_all(cast, model_of(ARCFACE), CONFIG)[0].riders.values()
    assert one.recent_novelty == (0.1,) * window


def test_while_a_video_runs_only_strict_prototypes_join() -> None:
    world = World(DLIB)
    loose = person(world, 1, 0, 50, trusted=False)
    cast = cast_of(person(world, 0, 0), loose)
    assert len(join_all(cast, model_of(DLIB), CONFIG, Evidence.BOTH_KNOWN)[0].people()) == 2
    assert len(join_all(cast, model_of(DLIB), CONFIG)[0].people()) == 1


def test_a_prototype_falls_back_to_loose_frames_and_says_so() -> None:
    world = World(DLIB)
    enough = PERSONS.prototype_min_strict
    assert prototype_of(person(world, 0, 0, frames=enough), PERSONS)[1:] == ("strict", enough)
    loose = person(world, 0, 0, frames=8, trusted=False)
    assert prototype_of(loose, PERSONS)[1:] == ("loose", 8)
    nothing = person(world, 0, 0, frames=8, trusted=False, loose=False)
    assert prototype_of(nothing, PERSONS) == (None, "none", 0)


def test_frames_that_fail_the_gates_do_not_touch_the_prototype() -> None:
    world = World(DLIB)
    good = person(world, 0, 0)
    spoilt = world.face(0, 99, look=Look(), spoilt=True).face
    after = observed(good, spoilt, spoilt.t_ns, trusted=False, loose=False, config=PERSONS)
    assert after.prototype is good.prototype
    assert after.frames == good.frames + 1


def test_track_score_is_the_formula_of_the_document() -> None:
    width, height = FRAME
    side = PERSONS.face_size_full * (width * height) ** 0.5 / 2
    middle = (width / 2 - side / 2, height / 2 - side / 2, width / 2 + side / 2, height / 2 + side / 2)
    seen = new_person(0, 0, 8)
    for i in range(30):
        seen = observed(seen, sample(bbox=middle), i, trusted=False, loose=False, config=PERSONS)
    assert track_score(seen, 60) == pytest.approx(0.4 * 0.5 + 0.3 * 1.0 + 0.3 * 0.5)
    assert track_score(seen, 0) == 0.0
    assert track_score(new_person(0, 0, 8), 60) == 0.0
    assert center_proximity(sample(bbox=(-10.0, -10.0, 10.0, 10.0))) == pytest.approx(0.0)


def test_faces_settled_later_count_like_the_one_that_settles_them() -> None:
    once = observed(new_person(0, 0, 8), sample(), 0, trusted=False, loose=False, config=PERSONS, settled=4)
    five = new_person(0, 0, 8)
    for _ in range(5):
        five = observed(five, sample(), 0, trusted=False, loose=False, config=PERSONS)
    assert once.frames == five.frames == 5
    assert track_score(once, 10) == pytest.approx(track_score(five, 10))


def test_rank_publishes_the_best_and_gives_each_other_a_reason() -> None:
    world = World(DLIB, people=6)
    most = 100
    few = person(world, 1, 1, frames=PERSONS.min_frames - 1)
    passing = person(world, 2, 2, frames=int(PERSONS.min_presence * most) - 1)
    faceless = person(world, 3, 3, frames=most, trusted=False, loose=False)
    far = replace(person(world, 4, 4, frames=most), size_sum=0.0, proximity_sum=0.0)
    riders = [person(world, 10 + k, 0, frames=most - k) for k in range(PERSONS.max_persons + 1)]
    chosen, others = rank([few, passing, faceless, far, *riders], 1000, PERSONS)
    assert [p.number for p, _ in chosen] == [10 + k for k in range(PERSONS.max_persons)]
    reasons = {p.number: why.split(":")[0] for p, _, why in others}
    assert reasons == {
        1: "too_few_frames",
        2: "passer_by",
        3: "no_identity",
        4: "low_track_score",
        10 + PERSONS.max_persons: "max_persons",
    }


def test_who_is_never_fit_for_an_anchor_must_be_as_present_as_who_is_known_loosely() -> None:
    world, most = World(DLIB, people=3), 100
    between = int((PERSONS.min_presence + PERSONS.min_presence_loose) / 2 * most)
    people = [person(world, 0, 0, frames=most), person(world, 1, 1, frames=between)]
    chosen, _ = rank(people, 1000, PERSONS, frontal={0, 1})
    assert [p.number for p, _ in chosen] == [0, 1]
    chosen, others = rank(people, 1000, PERSONS, frontal={0})
    assert [p.number for p, _ in chosen] == [0]
    assert [why for _, _, why in others] == [
        f"passer_by: recognised in {between} frames, needed {int(100 * PERSONS.min_presence_loose)} "
        f"({PERSONS.min_presence_loose:.0%} of those of the most present person), and never fit for an anchor"
    ]
    loosely = person(world, 1, 1, frames=int(PERSONS.min_presence_loose * most) + 1, trusted=False)
    assert [p.number for p, _ in rank([people[0], loosely], 1000, PERSONS, frontal={0, 1})[0]] == [0, 1]
    assert [p.number for p, _ in rank([people[0], loosely], 1000, PERSONS, frontal={0})[0]] == [0]
    always = person(world, 1, 1, frames=most, trusted=False)
    assert [p.number for p, _ in rank([people[0], always], 1000, PERSONS, frontal={0})[0]] == [0, 1]
    present = [people[0], person(world, 1, 1, frames=int(PERSONS.min_presence_loose * most) + 1)]
    chosen, _ = rank(present, 1000, PERSONS, frontal={0})
    assert [p.number for p, _ in chosen] == [0, 1]


def test_medians_are_exact_while_short_and_bounded_when_long() -> None:
    values = [float(v) for v in np.random.default_rng(1).normal(100, 10, 5000)]
    spread = Spread()
    for count, value in enumerate(values, 1):
        spread = spread.add(value, count)
        if count in (1, 2, 7, MEDIAN_SAMPLES):
            assert spread.median == pytest.approx(float(np.median(values[:count])))
    assert len(spread.values) <= MEDIAN_SAMPLES
    assert spread.median == pytest.approx(float(np.median(values)), abs=3)
    assert Spread().median is None
    assert len(spread.merged(spread).values) <= MEDIAN_SAMPLES


def test_short_blurred_sightings_do_not_move_the_median_of_a_long_one() -> None:
    """A sixth of all frames, joined in forty pieces."""
    spread = spread_of([200.0 + i % 7 for i in range(2000)], 0)
    for k in range(40):
        spread = spread.merged(spread_of([60.0] * 10, 2000 + 10 * k))
    assert spread.offered == 2400
    assert spread.median == pytest.approx(202.5, abs=1.0)
    assert 0.5 * 400 / 2400 <= np.mean(np.array(spread.values) == 60.0) <= 2 * 400 / 2400


def spread_of(values: list[float], start: int) -> Spread:
    spread = Spread()
    for index, value in enumerate(values):
        spread = spread.add(value, start + index)
    return spread


def test_the_least_seen_are_forgotten_and_leave_no_trace() -> None:
    world = World(DLIB, people=6)
    people = [person(world, k, k, frames=4 + k) for k in range(5)]
    cast = keep_apart(cast_of(*people), {0, 1, 4})
    kept, gone = forget_least_seen(cast, {0}, 3)
    assert [p.number for p in gone] == [1, 2]
    assert sorted(kept.riders) == [0, 3, 4]
    assert kept.riders[4].person.met == {0}
    assert kept.riders[0].person.met == {4}


def test_the_limit_holds_even_when_everybody_is_in_view() -> None:
    world = World(DLIB, people=6)
    people = [person(world, k, k, frames=4 + k) for k in range(5)]
    kept, _ = forget_least_seen(cast_of(*people), {0, 1, 2, 3, 4}, 3)
    assert sorted(kept.riders) == [2, 3, 4]
