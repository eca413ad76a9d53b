from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpx_identity_builder.core.buckets import EXPRESSION_BINS, PITCH_LABELS, YAW_LABELS, bucket_key, fills_bucket
from vpx_identity_builder.core.challenge import CUES
from vpx_identity_builder.core.choice import Choice
from vpx_identity_builder.core.config import Config
from vpx_identity_builder.core.eligible import Judged, judge, places
from vpx_identity_builder.core.extremes import Extremes
from vpx_identity_builder.core.novelty import distance_to_nearest
from vpx_identity_builder.core.results import ChosenImage
from vpx_identity_builder.core.selection import NEAR_TIE, QUALITY_FOR_LOOK, Sets, choose, choose_anchors
from vpx_identity_builder.core.types import Buckets

from .strategies import candidate, sample, unit_rows
from .world import ARCFACE, VISION, Look, World, drive

CONFIG = Config()
RULES = CONFIG.selection
WORLD = World(ARCFACE)
NAMES = re.compile(
    rf"anchor_\d{{3}}|cov_yaw({'|'.join(YAW_LABELS)})_pitch({'|'.join(PITCH_LABELS)})"
    rf"_({'|'.join((*EXPRESSION_BINS, 'unknown'))})(_[2-9])?|chal_({'|'.join(CUES)})_\d{{3}}"
)


def judged(index: int, look: Look | None = None, vision_of: int | None = None, **changes: float) -> Judged:
    """A candidate of frame `index` as the end of a run sees it."""
    look = look or WORLD.look(0, index)
    face = WORLD.face(0, index, look=look).face
    if vision_of is not None:
        face = replace(face, e_vis_face=WORLD.face(0, vision_of, look=look).face.e_vis_face)
    if changes:
        face = replace(face, pose=replace(face.pose, **changes))
    held = candidate(face, Buckets(*["unknown"] * 5), image=str(index).encode())
    return judge(held, 0.9, 200.0, 120.0, CONFIG)


def sets_of(items: Sequence[Judged]) -> Sets:
    return choose(items, VISION, VISION, CONFIG)


def lively(seed: int, count: int) -> list[Judged]:
    """Candidates of a ride in which light and occlusion change too."""
    items = []
    for k in range(count):
        look = WORLD.look(0, seed + 6 * k)
        if k % 9 == 4:
            look = replace(look, brightness=35.0)
        if k % 11 == 5:
            look = replace(look, occlusion=0.6)
        items.append(judged(seed + 6 * k, look))
    return items


def images(sets: Sets) -> tuple[ChosenImage, ...]:
    return (*sets.anchors, *sets.coverage, *sets.challenge)


rides = st.builds(lively, st.integers(0, 2000), st.integers(0, 120))


@settings(max_examples=25)
@given(rides)
def test_limits_names_and_no_image_twice(items: list[Judged]) -> None:
    sets = sets_of(items)
    assert len(sets.anchors) <= RULES.anchors_max
    assert len(sets.challenge) <= RULES.challenge_max
    per_bucket = Counter(bucket_key(image.candidate.buckets) for image in sets.coverage)
    assert max(per_bucket.values(), default=0) <= RULES.bucket_images
    names = [image.name for image in images(sets)]
    assert len(set(names)) == len(names)
    assert [name for name in names if not NAMES.fullmatch(name)] == []
    keys = [image.candidate.key for image in images(sets)]
    assert len(set(keys)) == len(keys)


@settings(max_examples=25)
@given(rides)
def test_anchors_are_strict_frontal_clear_and_open_eyed(items: list[Judged]) -> None:
    for image in sets_of(items).anchors:
        face = image.candidate.sample
        assert image.strict.passed
        assert abs(face.pose.yaw_deg or 99) <= RULES.anchor_yaw_deg
        assert abs(face.pose.pitch_deg or 0) <= RULES.anchor_pitch_deg
        assert (face.occlusion_ratio or 0) < RULES.anchor_occlusion
        assert image.candidate.buckets.expression != "eyes_closed"


def frontal(index: int, occlusion: float | None, eyes: float, sharpness: float) -> Judged:
    """A face to the camera, a second and another look after the one before."""
    face = sample(
        t_ns=index * 10**9, yaw=0, occlusion=occlusion, eyes=eyes, sharpness=sharpness, vis=unit_rows(7, 30, 48)[index]
    )
    return judge(candidate(face, Buckets(*["unknown"] * 5)), 0.9, 200.0, 120.0, CONFIG)


@pytest.mark.parametrize(("occlusion", "eyes"), [(None, 1.0), (0.0, 0.35), (None, 0.35)])
@pytest.mark.parametrize(("sure", "expected"), [(3, 3), (6, 5), (2, 5), (0, 5)])
def test_doubtful_faces_are_anchors_only_where_too_few_others_are(
    occlusion: float | None, eyes: float, sure: int, expected: int
) -> None:
    """However much sharper they are; then they come after those beyond doubt."""
    clear = [frontal(k, 0.0, 1.0, 150.0) for k in range(sure)]
    doubtful = [frontal(10 + k, occlusion, eyes, 3000.0) for k in range(8)]
    chosen = [image.candidate.sample.t_ns // 10**9 for image in sets_of([*clear, *doubtful]).anchors]
    assert len(chosen) == expected
    assert [t for t in chosen if t < 10] == chosen[: min(sure, 5)]


def test_an_open_eyed_face_goes_before_a_blink_where_nobody_says_what_is_covered() -> None:
    items = [frontal(k, None, 1.0, 150.0) for k in range(3)] + [frontal(10 + k, None, 0.35, 3000.0) for k in range(3)]
    assert [image.candidate.sample.t_ns // 10**9 < 10 for image in sets_of(items).anchors] == [True] * 3


@settings(max_examples=25)
@given(rides)
def test_coverage_takes_the_best_of_each_bucket_that_no_anchor_took(items: list[Judged]) -> None:
    sets = sets_of(items)
    anchors = {image.candidate.key for image in sets.anchors}
    anchored = {bucket_key(image.candidate.buckets) for image in sets.anchors}
    able = [item for item in items if item.loose.passed and fills_bucket(item.buckets)]
    taken = {bucket_key(image.candidate.buckets): image for image in reversed(sets.coverage)}
    assert set(taken) | anchored >= {bucket_key(item.buckets) for item in able}
    for key, image in taken.items():
        assert image.loose.passed
        if key not in anchored:
            rest = [i for i in able if bucket_key(i.buckets) == key and i.candidate.key not in anchors]
            better = [item for item in rest if item.quality > image.quality + NEAR_TIE]
            assert max(item.quality for item in rest) <= image.quality + QUALITY_FOR_LOOK
            assert [item for item in better if not looks_like_one(item, (*sets.anchors, *sets.coverage))] == []


def looks_like_one(item: Judged, chosen: Sequence[ChosenImage]) -> bool:
    looks = [image.candidate.sample.e_vis_face for image in chosen]
    return distance_to_nearest(item.sample.e_vis_face, looks) < VISION.plateau / 2


@settings(max_examples=25)
@given(rides)
def test_challenge_is_extreme_apart_and_named_after_its_condition(items: list[Judged]) -> None:
    sets = sets_of(items)
    chosen = sets.challenge
    for image in chosen:
        assert image.condition in CUES
        assert image.name.startswith(f"chal_{image.condition}_")
        others = [other for other in images(sets) if other is not image]
        assert distance_of(image, others) >= VISION.plateau / 4 - 1e-6
    least = VISION.plateau if len(chosen) > RULES.challenge_min else VISION.plateau / 2
    for one, two in itertools.combinations(chosen, 2):
        first, second = one.candidate.sample, two.candidate.sample
        if one.condition == two.condition:
            assert abs(first.t_ns - second.t_ns) >= RULES.challenge_gap_ms * 1e6
        assert distance_of(one, [two]) >= least - 1e-6


def distance_of(image: ChosenImage, others: Sequence[ChosenImage]) -> float:
    looks = [other.candidate.sample.e_vis_face for other in others]
    return 2.0 if not looks else distance_to_nearest(image.candidate.sample.e_vis_face, looks)


def test_what_only_challenge_needs_is_left_to_it() -> None:
    """One bucket holds two images as good; the more extreme one is the only one of its kind: challenge gets it."""
    less = judged(300, Look(yaw=33.0))
    more = judged(900, Look(yaw=44.0))
    face = replace(more.sample, e_vis_face=unit_rows(5, 1, 48)[0])
    more = replace(more, candidate=replace(more.candidate, sample=face), quality=less.quality)
    sets = sets_of([less, more])
    assert [image.candidate.sample.pose.yaw_deg for image in sets.challenge] == [more.sample.pose.yaw_deg]
    assert [image.candidate.sample.pose.yaw_deg for image in sets.coverage] == [less.sample.pose.yaw_deg]


def test_the_share_of_the_bound_is_reported() -> None:
    sets = sets_of(lively(3, 80))
    assert 0.8 < sets.objective.share <= 1.0
    assert sets.objective.value <= sets.objective.bound


@settings(max_examples=15)
@given(rides, st.randoms(use_true_random=False))
def test_the_order_of_candidates_changes_nothing(items: list[Judged], random: object) -> None:
    mixed = list(items)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    names = lambda sets: [(image.name, image.candidate.key) for image in images(sets)]  # noqa: E731
    assert names(sets_of(mixed)) == names(sets_of(items))


def test_different_conditions_come_before_more_of_one() -> None:
    sides = [judged(40 * k, Look(yaw=55.0 + k % 3, smile=k / 20)) for k in range(20)]
    dark = judged(1000, Look(brightness=30.0))
    up = judged(1100, Look(pitch=40.0))
    covered = judged(1200, Look(occlusion=0.7))
    found = Counter(image.condition for image in sets_of([*sides, dark, up, covered]).challenge)
    assert {"yaw_right", "occluded"} <= set(found)
    assert found["yaw_right"] <= RULES.challenge_max - 1


def test_near_duplicates_are_not_chosen() -> None:
    same = [judged(30 * k, Look(yaw=60.0), vision_of=7) for k in range(10)]
    assert len(sets_of(same).challenge) == 1


def test_anchors_of_one_moment_are_one_anchor() -> None:
    burst = [judged(k, Look(smile=k / 10)) for k in range(int(RULES.anchor_gap_ms / 1000 * WORLD.fps))]
    assert len(sets_of(burst).anchors) == 1


def test_the_best_anchors_by_quality_win() -> None:
    items = []
    for k, row in enumerate(unit_rows(5, 30, 48)):
        item = judged(20 * k, Look(yaw=2.0, sharpness=50.0 + 9 * (k * 7 % 30)))
        face = replace(item.sample, e_vis_face=row)
        items.append(replace(item, candidate=replace(item.candidate, sample=face)))
    choice = Choice(items, VISION, VISION)
    chosen = [choice.items[index] for index in choose_anchors(choice, places(choice.items, CONFIG), CONFIG)]
    assert len(chosen) == RULES.anchors_max
    best = sorted((item.quality for item in items), reverse=True)
    assert sorted((item.quality for item in chosen), reverse=True) == best[: RULES.anchors_max]


def test_nothing_is_padded_and_the_notes_say_why() -> None:
    sets = sets_of([judged(30 * k, Look(yaw=25.0)) for k in range(3)])
    assert (sets.anchors, sets.challenge) == ((), ())
    assert [note.split(":")[0] for note in sets.notes] == [
        f"0 of at least {RULES.anchors_min} anchors",
        f"0 of at least {RULES.challenge_min} challenge images",
    ]
    assert sets_of([]).coverage == ()
    assert "the video" not in " ".join(sets.notes)
    assert (
        sets_of([judged(0, Look(yaw=0.0, pitch=0.0))]).notes[0] == "1 of at least 3 anchors: 1 face kept to choose from"
    )
    assert sets_of([]).notes[0] == "0 of at least 3 anchors: no face kept to choose from"


def test_the_note_on_challenge_images_says_why_extreme_faces_were_left_out() -> None:
    extremes = Extremes(yaw_deg=(-41.0, 12.0)).leaving_out("unstable", 3).leaving_out("blur").leaving_out("edge", 0)
    extremes = extremes.merged(Extremes().leaving_out("unstable").leaving_out("other_face_in_crop", 2))
    note = choose([], VISION, VISION, CONFIG, extremes).notes[1]
    assert "nothing else that was seen is extreme, surely this person and different from what was chosen" in note
    left_out = "4 not surely this person, 2 with somebody else's face in the picture, 1 too blurred"
    assert note.endswith(f"(seen: yaw -41 to 12 degrees, wanted 30 to either side; extreme, but left out: {left_out})")
    assert "left out" not in choose([], VISION, VISION, CONFIG, Extremes(yaw_deg=(-41.0, 12.0))).notes[1]


def test_extreme_faces_that_are_not_surely_the_person_are_counted_in_the_note() -> None:
    frontal, turned = Look(yaw=0.0, pitch=0.0), Look(yaw=45.0, pitch=0.0)
    faces = [
        WORLD.face(0, index, look=turned, spoilt=True) if index % 10 == 9 else WORLD.face(0, index, look=frontal)
        for index in range(60)
    ]
    shots = [WORLD.shot(index, face) for index, face in enumerate(faces)]
    (person,) = drive(shots).result.persons
    (note,) = (note for note in person.notes if "challenge" in note)
    assert note.startswith("0 of at least 5 challenge images: ")
    assert "extreme, but left out: 6 not surely this person)" in note


def test_the_note_on_anchors_accounts_for_every_face_that_was_kept() -> None:
    front = Look(yaw=0.0, pitch=0.0, smile=0.0, eyes=1.0)
    items = [judged(0, front), judged(1, front), judged(2, front), judged(300, front)]
    items += [judged(30 * k, replace(front, yaw=40.0)) for k in (20, 21, 22)]
    items += [judged(720, replace(front, eyes=0.1)), judged(780, replace(front, occlusion=0.2))]
    items += [judged(840, front, roll_deg=RULES.anchor_roll_deg + 1), judged(900, front, pitch_deg=60.0)]
    items += [judged(960, replace(front, sharpness=1.0))]
    sets = sets_of(items)
    note = sets.notes[0]
    assert len(sets.anchors) == 2
    assert note.startswith("2 of at least 3 anchors: 12 faces kept to choose from, of these 3 turned by more than 15")
    counts = [int(number) for number in re.findall(r", (?:of these )?(\d+) ", note)]
    assert sum(counts) == len(items) - len(sets.anchors)
    for words in (
        "2 good enough but less than",
        "1 below the strict gate (the face is too blurred)",
        "1 with closed eyes",
        "1 partly covered",
        "1 tilted by more than",
        "1 looking up or down",
    ):
        assert words in note


def test_anchors_of_which_nobody_knows_whether_they_are_covered_are_named() -> None:
    told, untold = (frontal(5 * k, occlusion, 1.0, 200.0) for k, occlusion in enumerate((0.0, None)))
    assert not any("covers" in note for note in sets_of([told]).notes)
    said = "whether something covers the face could not be told; look before you use them"
    assert f"1 of 1 anchor: {said}" in sets_of([untold]).notes
    assert f"1 of 2 anchors: {said}" in sets_of([told, untold]).notes


def test_names_of_the_design_page() -> None:
    items = [judged(60, Look(yaw=-20.0, smile=0.9)), judged(200, Look(yaw=-20.0, smile=0.9), vision_of=None)]
    items.append(judged(400, Look(brightness=30.0, yaw=70.0)))
    items.append(judged(500, Look(yaw=-20.0, smile=0.4, brightness=170.0)))
    names = {image.name for image in images(sets_of(items))}
    assert "cov_yaw-30_pitch0_smile" in names
    assert names & {"chal_dark_001", "chal_yaw_right_001"}
    assert all(NAMES.fullmatch(name) for name in names)


@pytest.mark.parametrize("roll", [RULES.anchor_roll_deg + 1, -(RULES.anchor_roll_deg + 1)])
def test_a_tilted_head_is_no_anchor(roll: float) -> None:
    assert sets_of([judged(30 * k, Look(), roll_deg=roll) for k in range(4)]).anchors == ()


def test_novelty_in_metadata_is_against_what_was_chosen_before() -> None:
    sets = sets_of(lively(0, 60))
    saved = []
    for image in images(sets):
        face = image.candidate.sample.e_vis_face
        if saved:
            assert image.novelty == pytest.approx(max(0.0, distance_to_nearest(face, saved)), abs=1e-6)
        saved.append(face)
    assert len(saved) > 10
