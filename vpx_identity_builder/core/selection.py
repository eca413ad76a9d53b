"""From the pool to the three sets (§8): anchors, coverage, challenge.

All three take the best first and never two images of one moment or look. Nothing is padded: where the video does not
hold enough, fewer images are published and a note says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from .buckets import YAW_BINS, bucket_key, classify, fills_bucket
from .challenge import condition_scores
from .config import Config, NoveltyScale
from .extra_bins import bins_missing
from .gates import challenge_gate, loose_gate, strict_gate
from .novelty import NOTHING_SAVED, dual_novelty
from .policy import AS_DESIGNED, Policy
from .types import Buckets, Candidate, ChosenImage, FaceSample, GateResult, SetName, Vector

FRONTAL_WEIGHT = 0.15
"""How much of its quality an anchor loses from yaw 0 to the yaw limit: quality first, frontal breaks near-ties."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A candidate judged once more at the end, with the person's final medians and prototype."""

    candidate: Candidate
    buckets: Buckets
    quality: float
    stability: float
    strict: GateResult
    loose: GateResult

    @property
    def sample(self) -> FaceSample:
        """The face."""
        return self.candidate.sample


def judge(
    candidate: Candidate,
    stability: float,
    median_sharpness: float | None,
    median_brightness: float | None,
    cfg: Config,
    policy: Policy = AS_DESIGNED,
) -> Judged:
    """Gates, bins and quality with the final medians."""
    sample = candidate.sample
    return Judged(
        candidate,
        classify(sample, median_brightness, cfg.selection),
        policy.quality(sample, cfg.gates),
        stability,
        strict_gate(sample, median_sharpness, cfg.gates),
        loose_gate(sample, median_sharpness, cfg.gates),
    )


def is_anchor(sample: FaceSample, buckets: Buckets, strict: bool, cfg: Config) -> bool:
    """Strict gate, known and near-frontal pose, unoccluded, eyes not closed (§8)."""
    selection = cfg.selection
    pose = sample.pose
    if not strict or pose.yaw_deg is None or abs(pose.yaw_deg) > selection.anchor_yaw_deg:
        return False
    return (
        abs(pose.pitch_deg or 0.0) <= selection.anchor_pitch_deg
        and abs(pose.roll_deg or 0.0) <= selection.anchor_roll_deg
        and (sample.occlusion_ratio or 0.0) < selection.anchor_occlusion
        and buckets.expression != "eyes_closed"
    )


def anchor_score(sample: FaceSample, quality: float, cfg: Config) -> float:
    """Quality, less a little for yaw and pitch off the front."""
    yaw = abs(sample.pose.yaw_deg or 0.0) / cfg.selection.anchor_yaw_deg
    pitch = abs(sample.pose.pitch_deg or 0.0) / cfg.selection.anchor_pitch_deg
    return quality * (1.0 - FRONTAL_WEIGHT * min(1.0, math.hypot(yaw, pitch)))


class _Chosen:
    """Images chosen so far: what the next one must differ from."""

    def __init__(self, face_scale: NoveltyScale, body_scale: NoveltyScale) -> None:
        self._faces: list[Vector] = []
        self._bodies: list[Vector] = []
        self._scales = (face_scale, body_scale)
        self.items: list[Judged] = []

    def novelty(self, item: Judged) -> float:
        """Distance to the nearest chosen image (§7)."""
        sample = item.sample
        return dual_novelty(sample.e_vis_face, sample.e_vis_body, self._faces, self._bodies, *self._scales)

    def add(self, item: Judged) -> None:
        """Take one."""
        self.items.append(item)
        if item.sample.e_vis_face is not None:
            self._faces.append(item.sample.e_vis_face)
        if item.sample.e_vis_body is not None:
            self._bodies.append(item.sample.e_vis_body)

    def far_in_time(self, item: Judged, gap_ms: float) -> bool:
        """True when no chosen image lies within `gap_ms`."""
        return all(abs(item.sample.t_ns - other.sample.t_ns) >= gap_ms * 1e6 for other in self.items)


def _best_first(items: Sequence[Judged], score: Callable[[Judged], float]) -> list[Judged]:
    return sorted(items, key=lambda item: (-score(item), item.sample.t_ns, item.sample.bbox))


def choose_anchors(items: Sequence[Judged], face: NoveltyScale, body: NoveltyScale, cfg: Config) -> list[Judged]:
    """Top anchors by score, apart in time and look; the look matters less where too few would be left without."""
    able = [item for item in items if is_anchor(item.sample, item.buckets, item.strict.passed, cfg)]
    ordered = _best_first(able, lambda item: anchor_score(item.sample, item.quality, cfg))
    chosen = _Chosen(face, body)
    most, least = cfg.selection.anchors_max, cfg.selection.anchors_min
    for wanted_novelty, limit in ((face.plateau, most), (face.plateau / 2, most), (0.0, least)):
        for item in ordered:
            if len(chosen.items) >= limit:
                break
            if chosen.far_in_time(item, cfg.selection.anchor_gap_ms) and chosen.novelty(item) >= wanted_novelty:
                chosen.add(item)
    return _best_first(chosen.items, lambda item: anchor_score(item.sample, item.quality, cfg))


def choose_coverage(
    items: Sequence[Judged], anchors: Sequence[Judged], face: NoveltyScale, body: NoveltyScale, cfg: Config
) -> list[tuple[str, Judged]]:
    """(file stem, image): best of every bucket, and a second one where it is new; anchors are not repeated."""
    taken = {item.candidate.key for item in anchors}
    buckets: dict[str, list[Judged]] = {}
    for item in items:
        if item.loose.passed and fills_bucket(item.buckets) and item.candidate.key not in taken:
            buckets.setdefault(bucket_key(item.buckets), []).append(item)
    chosen = _Chosen(face, body)
    for anchor in anchors:
        chosen.add(anchor)
    anchored = {bucket_key(item.buckets) for item in anchors}
    named: list[tuple[str, Judged]] = []
    for key in sorted(buckets, key=_bucket_order):
        kept = 0
        for item in _best_first(buckets[key], lambda item: item.quality):
            if kept >= cfg.selection.bucket_images:
                break
            must_be_new = kept > 0 or key in anchored
            if must_be_new and chosen.novelty(item) < face.threshold:
                continue
            chosen.add(item)
            kept += 1
            named.append((f"cov_{key}" if kept == 1 else f"cov_{key}_{kept}", item))
    return [*named, *_showing_extra_bins(buckets, anchors, named, cfg)]


def _showing_extra_bins(
    buckets: Mapping[str, Sequence[Judged]], anchors: Sequence[Judged], named: Sequence[tuple[str, Judged]], cfg: Config
) -> list[tuple[str, Judged]]:
    """One more image for each extra bin that nothing shows yet, the best whose bucket still has room."""
    held: dict[str, int] = {}
    for _, item in named:
        held[bucket_key(item.buckets)] = held.get(bucket_key(item.buckets), 0) + 1
    every = [item for items in buckets.values() for item in items]
    chosen = [*anchors, *(item for _, item in named)]
    added: list[tuple[str, Judged]] = []
    for wanted in bins_missing(every, chosen):
        if wanted not in bins_missing(every, chosen):
            continue
        room = [item for item in every if held.get(bucket_key(item.buckets), 0) < cfg.selection.bucket_images]
        showing = [item for item in room if wanted in item.sample.extra_bins]
        for item in _best_first(showing, lambda item: item.quality)[:1]:
            key = bucket_key(item.buckets)
            held[key] = held.get(key, 0) + 1
            chosen.append(item)
            added.append((f"cov_{key}" if held[key] == 1 else f"cov_{key}_{held[key]}", item))
    return added


def _bucket_order(key: str) -> tuple[int, int, str]:
    yaw, pitch, expression = key.split("_", 2)
    return int(yaw.removeprefix("yaw")), int(pitch.removeprefix("pitch")), expression


def choose_challenge(
    items: Sequence[Judged], taken: Sequence[Judged], face: NoveltyScale, body: NoveltyScale, cfg: Config
) -> list[tuple[str, Judged]]:
    """(condition, image): most extreme first, different conditions in turn, no near-duplicates, none used already."""
    used = {item.candidate.key for item in taken}
    queues: dict[str, list[tuple[float, Judged]]] = {}
    for item in items:
        if item.candidate.key in used or not challenge_gate(item.sample, cfg.gates).passed:
            continue
        for name, score in condition_scores(item.sample, item.buckets, cfg.selection).items():
            queues.setdefault(name, []).append((score + item.quality, item))
    for queue in queues.values():
        queue.sort(key=lambda entry: (-entry[0], entry[1].sample.t_ns))
    chosen = _Chosen(face, body)
    named: list[tuple[str, Judged]] = []
    while queues and len(named) < cfg.selection.challenge_max:
        for name in sorted(queues):
            found = _next_apart(queues[name], chosen, face.plateau, cfg)
            if found is None:
                del queues[name]
            elif len(named) < cfg.selection.challenge_max:
                chosen.add(found)
                named.append((name, found))
    return named


def _next_apart(queue: list[tuple[float, Judged]], chosen: _Chosen, apart: float, cfg: Config) -> Judged | None:
    while queue:
        _, item = queue.pop(0)
        known = any(item.candidate.key == other.candidate.key for other in chosen.items)
        if not known and chosen.far_in_time(item, cfg.selection.challenge_gap_ms) and chosen.novelty(item) >= apart:
            return item
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """The three sets of one person and what is missing."""

    anchors: tuple[ChosenImage, ...]
    coverage: tuple[ChosenImage, ...]
    challenge: tuple[ChosenImage, ...]
    notes: tuple[str, ...]


def choose(items: Sequence[Judged], face: NoveltyScale, body: NoveltyScale, cfg: Config) -> Sets:
    """All three sets from a person's judged candidates.

    Extreme poses inside the yaw bins serve both coverage and challenge; challenge takes what coverage left.
    """
    anchors = choose_anchors(items, face, body, cfg)
    coverage = choose_coverage(items, anchors, face, body, cfg)
    challenge = choose_challenge(items, [*anchors, *(item for _, item in coverage)], face, body, cfg)
    saved = _Chosen(face, body)
    images: list[ChosenImage] = []
    counters: dict[str, int] = {}
    plan: list[tuple[SetName, str, Judged, str | None]] = [
        (SetName.ANCHOR, f"anchor_{number:03d}", item, None) for number, item in enumerate(anchors, 1)
    ]
    plan += [(SetName.COVERAGE, name, item, None) for name, item in coverage]
    for condition, item in challenge:
        counters[condition] = counters.get(condition, 0) + 1
        plan.append((SetName.CHALLENGE, f"chal_{condition}_{counters[condition]:03d}", item, condition))
    for set_name, name, item, condition_name in plan:
        novelty = saved.novelty(item) if saved.items else NOTHING_SAVED
        saved.add(item)
        images.append(
            ChosenImage(
                set_name,
                name,
                replace(item.candidate, buckets=item.buckets),
                item.quality,
                novelty,
                item.stability,
                condition_name,
                item.strict,
                item.loose,
            )
        )
    return Sets(
        tuple(image for image in images if image.set_name is SetName.ANCHOR),
        tuple(image for image in images if image.set_name is SetName.COVERAGE),
        tuple(image for image in images if image.set_name is SetName.CHALLENGE),
        _notes(items, len(anchors), len(challenge), cfg),
    )


def _notes(items: Sequence[Judged], anchors: int, challenge: int, cfg: Config) -> tuple[str, ...]:
    notes = []
    selection = cfg.selection
    if anchors < selection.anchors_min:
        strict = [item for item in items if item.strict.passed]
        yaws = [item.sample.pose.yaw_deg for item in strict]
        frontal = [yaw for yaw in yaws if yaw is not None and abs(yaw) <= selection.anchor_yaw_deg]
        notes.append(
            f"{anchors} of at least {selection.anchors_min} anchors: of {len(items)} candidates {len(strict)} passed "
            f"the strict gate, {len(frontal)} of these within {selection.anchor_yaw_deg:g} degrees of yaw"
        )
    if challenge < selection.challenge_min:
        notes.append(
            f"{challenge} of at least {selection.challenge_min} challenge images: the frames seen hold no more "
            "distinct extreme poses, lights or heavy occlusions of this person"
        )
    missing = sum(1 for item in items if item.buckets.yaw not in YAW_BINS)
    if missing == len(items) and items:
        notes.append("no candidate has a known head pose inside the yaw bins")
    return tuple(notes)
