"""From the pool to the three sets (§8): anchors, coverage, challenge.

Greedy for the objective of `objective.py` under the rules of the document. Anchors are the best by quality, coverage
has the best of every bucket first, challenge the most extreme of every condition: among near-ties of these what looks
different, and nothing that looks like an image chosen before where there is a choice. The second images of buckets are
what adds most to the objective, as long as it looks different. Nothing is padded: where the video does not hold enough,
fewer images are published and a note says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from .buckets import PARTIAL_OCCLUSION_FROM, bucket_key, fills_bucket
from .choice import Choice, covered
from .config import Config, NoveltyScale
from .eligible import MOST_DOUBTS, Judged, Places, bucket_order, doubts, places
from .extra_bins import bins_missing
from .extremes import NOTHING_SEEN, Extremes
from .notes import set_notes
from .objective import achieved
from .pool import preference
from .results import Achieved, ChosenImage, SetName

NEAR_TIE = 0.01
"""Qualities that differ by no more are as good as equal: the pool does not tell them apart either."""
QUALITY_FOR_LOOK = 0.03
"""Quality that an image may give up to not repeat the look of another one, where only such are left."""
EXTREME_TIE = 0.05
"""The same as `NEAR_TIE` for challenge scores: 2 degrees or 3 grey levels."""


def choose_anchors(choice: Choice, where: Places, cfg: Config) -> list[int]:
    """Top anchors by score; doubtful faces only where fewer than `anchors_min` are left without, and after the others.

    Near-ties go to faces that are surely this person and uncovered: what looks different may be something else.
    """
    trusted = choice.surer_and_clearer(where.anchors)
    doubted = {index: doubts(choice.items[index].sample) for index in where.anchors}
    anchors: list[int] = []
    for most in range(MOST_DOUBTS + 1):
        if len(anchors) < cfg.selection.anchors_min:
            scores = {index: score for index, score in where.anchors.items() if doubted[index] <= most}
            _add_anchors(anchors, choice, scores, trusted, cfg)
    return sorted(anchors, key=lambda index: (doubted[index], -where.anchors[index], index))


def _add_anchors(
    anchors: list[int], choice: Choice, scores: Mapping[int, float], trusted: Mapping[int, int], cfg: Config
) -> None:
    """Add the best by score, apart in time and look; the look matters less where too few would be left without."""
    plateau = choice.scale.plateau
    most, least = cfg.selection.anchors_max, cfg.selection.anchors_min
    for wanted_novelty, limit in ((plateau, most), (plateau / 2, most), (0.0, least)):
        while len(anchors) < limit:
            able = [
                index
                for index in choice.free(scores)
                if choice.apart(index, anchors, cfg.selection.anchor_gap_ms)
                and choice.novelty(index, anchors) >= wanted_novelty
            ]
            if not able:
                break
            if wanted_novelty > 0:
                anchors.append(choice.best(able, scores, NEAR_TIE, trusted))
            else:
                favoured = {index: scores[index] + preference(choice.items[index].sample) for index in able}
                anchors.append(max(able, key=lambda index: (favoured[index], -index)))
            choice.add(anchors[-1])


def choose_firsts(choice: Choice, where: Places, anchors: Collection[int], wanted: Sequence[int]) -> list[int]:
    """The best of every bucket that no anchor fills, those with the least choice first.

    Among near-ties not what challenge wants, `wanted` in its order. Less good by `QUALITY_FOR_LOOK` at most where it
    would repeat a look.
    """
    anchored = {bucket_key(choice.items[index].buckets) for index in anchors}
    quality = {index: item.quality for index, item in enumerate(choice.items)}
    unwanted = {index: -len(wanted) + place for place, index in enumerate(wanted)}
    firsts = []
    for key in sorted(where.buckets, key=lambda key: (len(where.buckets[key]), bucket_order(key))):
        able = [] if key in anchored else choice.free(where.buckets[key])
        if not able:
            continue
        best = max(quality[index] for index in able)
        new = [index for index in able if choice.novelty(index) >= choice.scale.plateau / 2]
        if new and max(quality[index] for index in new) >= best - QUALITY_FOR_LOOK:
            able = new
        firsts.append(choice.best(able, quality, NEAR_TIE, unwanted))
        choice.add(firsts[-1])
    return firsts


def choose_seconds(choice: Choice, where: Places, firsts: Collection[int], cfg: Config) -> list[int]:
    """Further images of buckets, at most `bucket_images` in each: what adds most, the novelty plateau apart from all
    that is chosen, as anchors and challenge images are (nearer than that nothing new comes, §9).

    A covered face is no second image: what is new about it is what covers it.
    """
    room = dict.fromkeys(where.buckets, cfg.selection.bucket_images)
    for index in firsts:
        room[bucket_key(choice.items[index].buckets)] -= 1
    seconds: list[int] = []
    while True:
        able = [
            index
            for key, members in where.buckets.items()
            if room[key] > 0
            for index in choice.free(members)
            if choice.novelty(index) >= choice.scale.plateau and not _shown_clearer(choice, index)
        ]
        if not able:
            return seconds
        seconds.append(choice.most_telling(sorted(able)))
        choice.add(seconds[-1])
        room[bucket_key(choice.items[seconds[-1]].buckets)] -= 1


def _shown_clearer(choice: Choice, index: int) -> bool:
    """True for a face that is partly covered where its bucket has a clear image already."""
    key = bucket_key(choice.items[index].buckets)
    limit = PARTIAL_OCCLUSION_FROM
    return covered(choice.items[index]) > limit and any(
        covered(choice.items[other]) <= limit
        for other in choice.chosen
        if fills_bucket(choice.items[other].buckets) and bucket_key(choice.items[other].buckets) == key
    )


def choose_extras(choice: Choice, where: Places, coverage: Collection[int], cfg: Config) -> list[int]:
    """One more image for each bin of a plugin's axis that nothing shows yet, the best whose bucket has room."""
    held = Counter(bucket_key(choice.items[index].buckets) for index in coverage)
    every = sorted(index for members in where.buckets.values() for index in members)
    quality = {index: choice.items[index].quality for index in every}
    extras: list[int] = []
    for wanted in bins_missing(_items(choice, every), _items(choice, choice.chosen)):
        able = [
            index
            for index in choice.free(every)
            if wanted in choice.items[index].sample.extra_bins
            and held[bucket_key(choice.items[index].buckets)] < cfg.selection.bucket_images
        ]
        if able and wanted in bins_missing(_items(choice, every), _items(choice, choice.chosen)):
            extras.append(choice.best(able, quality, NEAR_TIE))
            choice.add(extras[-1])
            held[bucket_key(choice.items[extras[-1]].buckets)] += 1
    return extras


def _items(choice: Choice, indices: Sequence[int]) -> list[Judged]:
    return [choice.items[index] for index in indices]


def choose_challenge(choice: Choice, where: Places, cfg: Config) -> list[tuple[str, int]]:
    """(condition, image): the most extreme of each condition in turn, images of one condition apart in time.

    At least the novelty plateau apart in look, half of it where fewer than `challenge_min` would be left; never nearer
    than that half to any image of another set.
    """
    plateau, rules = choice.scale.plateau, cfg.selection
    named: list[tuple[str, int]] = []
    for wanted_novelty, limit in ((plateau, rules.challenge_max), (plateau / 2, rules.challenge_min)):
        found = True
        while found and len(named) < limit:
            found = False
            for name, scores in where.conditions.items():
                taken = [index for _, index in named]
                same = [index for condition, index in named if condition == name]
                able = [
                    index
                    for index in choice.free(scores)
                    if choice.apart(index, same, rules.challenge_gap_ms)
                    and choice.novelty(index, taken) >= wanted_novelty
                    and choice.novelty(index) >= plateau / 2
                ]
                if able and len(named) < limit:
                    named.append((name, choice.best(able, scores, EXTREME_TIE)))
                    choice.add(named[-1][1])
                    found = True
    return named


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """The three sets of one person, what is missing, and how near they come to the best possible."""

    anchors: tuple[ChosenImage, ...]
    coverage: tuple[ChosenImage, ...]
    challenge: tuple[ChosenImage, ...]
    notes: tuple[str, ...]
    objective: Achieved


def choose(
    items: Sequence[Judged], face: NoveltyScale, body: NoveltyScale, cfg: Config, extremes: Extremes = NOTHING_SEEN
) -> Sets:
    """All three sets from a person's judged candidates; `extremes` is for the notes only.

    Anchors first, then the best of every bucket, then challenge, then second images of buckets: an extreme pose inside
    the bins serves coverage and challenge, and what only one of them needs goes there.
    """
    choice = Choice(items, face, body)
    where = places(choice.items, cfg)
    anchors = choose_anchors(choice, where, cfg)
    wanted = [index for _, index in choose_challenge(choice.copy(), where, cfg)]
    firsts = choose_firsts(choice, where, anchors, wanted)
    challenge = choose_challenge(choice, where, cfg)
    seconds = choose_seconds(choice, where, firsts, cfg)
    coverage = [*firsts, *seconds]
    coverage += choose_extras(choice, where, coverage, cfg)
    images = _images(choice, anchors, coverage, challenge)
    return Sets(
        tuple(image for image in images if image.set_name is SetName.ANCHOR),
        tuple(image for image in images if image.set_name is SetName.COVERAGE),
        tuple(image for image in images if image.set_name is SetName.CHALLENGE),
        set_notes(choice.items, [choice.items[index] for index in anchors], len(challenge), extremes, cfg),
        achieved(choice.worths, choice.chosen, where.groups(cfg)),
    )


def _images(
    choice: Choice, anchors: Sequence[int], coverage: Sequence[int], challenge: Sequence[tuple[str, int]]
) -> list[ChosenImage]:
    """The images in order of publication, each with its name (§2) and its novelty against those before it."""
    plan: list[tuple[SetName, str, int, str | None]] = [
        (SetName.ANCHOR, f"anchor_{number:03d}", index, None) for number, index in enumerate(anchors, 1)
    ]
    counts: dict[str, int] = {}
    for index in sorted(coverage, key=lambda index: bucket_order(bucket_key(choice.items[index].buckets))):
        key = bucket_key(choice.items[index].buckets)
        counts[key] = counts.get(key, 0) + 1
        plan.append((SetName.COVERAGE, f"cov_{key}" if counts[key] == 1 else f"cov_{key}_{counts[key]}", index, None))
    for condition, index in challenge:
        counts[condition] = counts.get(condition, 0) + 1
        plan.append((SetName.CHALLENGE, f"chal_{condition}_{counts[condition]:03d}", index, condition))
    before: list[int] = []
    images = []
    for set_name, name, index, condition_name in plan:
        item = choice.items[index]
        images.append(
            ChosenImage(
                set_name,
                name,
                replace(item.candidate, buckets=item.buckets),
                item.quality,
                choice.novelty(index, before),
                item.stability,
                condition_name,
                item.strict,
                item.loose,
            )
        )
        before.append(index)
    return images
