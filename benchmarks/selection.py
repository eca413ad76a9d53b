"""Which images the builder chooses from a stream, against all frames at once and against a simple way of choosing.

For each video and published person: buckets reached of those reachable, the mean over buckets of the best quality in
the set against the best in the video, the anchors' mean quality against the best possible, redundancy (mean of each
image's highest cosine to another image of the set) against a baseline of the same size (sort by quality, two per
bucket, 2 s apart, nearer where the video is too short for so many), and the share of the objective's upper bound.
Run: `python benchmarks/selection.py [NAME ...] [--builds OUT]`; exit 1 where a target is missed. With `--builds`, the
share in `meta.json` of what `identity-builder build VIDEO --no-stop -o OUT` made must be the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import real_faces
from whole_video import Held, baseline, everything_held, redundancy, streamed

from vpx_identity_builder.core.buckets import bucket_key
from vpx_identity_builder.core.choice import Choice
from vpx_identity_builder.core.config import Config
from vpx_identity_builder.core.eligible import places
from vpx_identity_builder.core.results import PersonSet
from vpx_identity_builder.core.selection import choose_anchors

RECALL, QUALITY, SHARE = 0.98, 0.98, 0.9
SAME_SHARE = 0.001
GAPS_S = (2.0, 1.0, 0.5, 0.25, 0.0)
"""The baseline's distances in time, the first that gives as many images as ours holds."""


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one person; `size` images compared, the baseline's `gap_s` apart; `built_share` is a build's."""

    name: str
    reached: int
    reachable: int
    quality: float
    anchors: float
    ours: float
    baselines: float
    size: int
    gap_s: float
    share: float
    built_share: float

    def missed(self) -> list[str]:
        """Names of the targets that are missed."""
        checks = {
            "recall": self.reached >= RECALL * self.reachable,
            "quality": self.quality >= QUALITY,
            "anchors": self.anchors >= QUALITY,
            "redundancy": self.ours < self.baselines,
            "share": self.share >= SHARE,
            "build": abs(self.built_share - self.share) <= SAME_SHARE,
        }
        return [name for name, ok in checks.items() if not ok]


def ratio_of_qualities(person: PersonSet, held: Held) -> tuple[int, float]:
    """Buckets reached, and over the reachable ones the mean of best quality in the set / best in the video."""
    ours: dict[str, float] = {}
    for image in (*person.anchors, *person.coverage_images):
        key = bucket_key(image.candidate.buckets)
        ours[key] = max(ours.get(key, 0.0), held.quality(image))
    best = held.best()
    ratios = [ours[key] / quality for key, quality in best.items() if key in ours]
    return len(ratios), sum(ratios) / max(1, len(ratios))


def ratio_of_anchors(person: PersonSet, held: Held, clip: real_faces.Footage) -> float:
    """Mean quality of the anchors / the same of as many chosen with all frames at hand; 0 where needlessly under 3."""
    choice = Choice(held.frontal, clip.face_novelty, clip.body_novelty)
    possible = [choice.items[index] for index in choose_anchors(choice, places(choice.items, Config()), Config())]
    if not possible:
        return 1.0
    if len(person.anchors) < min(len(possible), Config().selection.anchors_min):
        return 0.0
    ours = sorted((held.quality(image) for image in person.anchors), reverse=True)
    best = sorted((item.quality for item in possible), reverse=True)
    count = min(len(ours), len(best))
    return sum(ours[:count]) / sum(best[:count])


def built_share(builds: Path | None, clip: str, person: PersonSet) -> float:
    """The share in the person's `meta.json`, 0 where there is none; without builds the benchmark's own."""
    if builds is None:
        return person.objective.share
    meta = builds / clip / "identity_builder" / f"person_{person.person_id}" / "meta.json"
    return float(json.loads(meta.read_text())["details"]["objective"]["share"]) if meta.is_file() else 0.0


def row(person: PersonSet, held: Held, clip: real_faces.Footage, builds: Path | None) -> Row:
    reached, quality = ratio_of_qualities(person, held)
    size = len(person.images)
    for gap_s in GAPS_S:
        simple = baseline(held, gap_s * 1e9, size)
        if len(simple) == size:
            break
    ours = sorted(person.images, key=lambda image: (-image.quality, image.candidate.sample.t_ns))[: len(simple)]
    return Row(
        f"{clip.name} {person.person_id}",
        reached,
        len(held.best()),
        quality,
        ratio_of_anchors(person, held, clip),
        redundancy([image.candidate.sample for image in ours]),
        redundancy([face.sample for face in simple]),
        len(simple),
        gap_s,
        person.objective.share,
        built_share(builds, clip.name, person),
    )


def rows_of(clip: real_faces.Footage, builds: Path | None) -> list[Row]:
    run = streamed(clip)
    every = everything_held(clip, run) if run.result.persons else []
    return [row(person, held, clip, builds) for person, held in zip(run.result.persons, every, strict=True)]


def main() -> int:
    if not real_faces.available():
        return 0
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=[Path(video).stem for video in real_faces.VIDEOS])
    parser.add_argument("--builds", type=Path)
    asked = parser.parse_args()
    print(
        f"targets: recall >= {RECALL}, quality and anchors >= {QUALITY} of the best possible, redundancy < baseline's"
    )
    print(f"{'video, person':20} buckets  recall quality anchors  redundancy  baseline  share  (images, gap)")
    failed = False
    for name in asked.names:
        for one in rows_of(real_faces.footage(name), asked.builds):
            missed = one.missed()
            failed |= bool(missed)
            recall = one.reached / max(1, one.reachable)
            print(
                f"{one.name:20} {one.reached:3}/{one.reachable:<3} {recall:7.3f} {one.quality:7.3f} {one.anchors:7.3f} "
                f"{one.ours:11.3f} {one.baselines:9.3f}  {one.share:5.3f}  ({one.size}, {one.gap_s:g} s)  "
                f"{'missed: ' + ', '.join(missed) if missed else 'ok'}"
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
