"""Exact truth against what the analyzers and the builder say: rides rendered from one photograph.

    python benchmarks/rendered.py [--seconds 60] [--fps 6] [--seed 0]

Renders (once, into benchmarks/.cache) a ride with one rider and one with two, runs the real modules over them and
prints: head pose error within ±45° and share of right bins, expression confusion, error of `occlusion_ratio`, coverage
reached and how much of it is true, and for two riders the purity of their sets. The truth's zero is a matter of
geometry: the canonical face fits the first head unrotated, and the second head, reshaped from it, keeps its skull.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from targets import Targets
from visualbase import FileSource, Frame
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.face_expression import ExpressionAnalyzer

from vpx_identity_builder import IdentityBuilder
from vpx_identity_builder.core.buckets import (
    EXPRESSION_BINS,
    PITCH_EDGES,
    YAW_EDGES,
    expression_bin,
    pitch_bin,
    yaw_bin,
)
from vpx_identity_builder.core.gallery import Gallery
from vpx_identity_builder.core.occlusion import PARTIAL
from vpx_identity_builder.core.occlusion import judged as with_occlusion
from vpx_identity_builder.core.results import PersonSet, RunResult
from vpx_identity_builder.core.types import FaceSample
from vpx_identity_builder.observations import to_samples
from vpx_vision_embed import VisionEmbedAnalyzer

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "benchmarks" / ".cache"
sys.path.insert(0, str(ROOT / "examples"))

from render_ride import render  # noqa: E402
from rendering.photograph import DEFAULT_PATH  # noqa: E402

Truth = dict[str, Any]
LEAST_OVERLAP = 0.3
BESIDE_EDGE_DEG = 2.0
POSE_DEG, BINS_RIGHT, RATIO_MAE, FALSE_ALARMS = 3.5, 0.85, 0.12, 0.05
"""What is wanted."""


@dataclass(frozen=True)
class Seen:
    """One rider in one frame: the truth, and the sample of the face that was found there, if any."""

    truth: Truth
    sample: FaceSample | None

    @property
    def clear(self) -> bool:
        return self.sample is not None and self.truth["occluded_share"] == 0 and self.truth["blur_px"] < 0.5


def overlap(a: Any, b: Any) -> float:
    across, down = (max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in range(2))
    area = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return across * down / max(1e-9, area - across * down)


def rendered(riders: int, given: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    code = b"".join(path.read_bytes() for path in sorted((ROOT / "examples" / "rendering").glob("*.py")))
    key = hashlib.sha256(code).hexdigest()[:10]
    stem = f"ride{riders}_{given.seconds:g}s_{given.fps}fps_{given.seed}_{key}"
    video, truth = CACHE / f"{stem}.mp4", CACHE / f"{stem}.json"
    if not (video.is_file() and truth.is_file()):
        CACHE.mkdir(exist_ok=True)
        render(video, truth, seconds=given.seconds, riders=riders, seed=given.seed, fps=given.fps)
    return video, json.loads(truth.read_text())


def run(video: Path, truth: dict[str, Any], out: str) -> tuple[RunResult, list[Seen], int, dict[int, list[Truth]]]:
    """The builder's result, every rider of every frame, how many faces were no rider, and the truth by time."""
    analyzers = (FaceDetectionAnalyzer(), ExpressionAnalyzer(), VisionEmbedAnalyzer())
    builder = IdentityBuilder({"output_dir": out, "stop_when_covered": "false"})
    for module in analyzers:
        module.initialize()
    source = FileSource(video)
    source.open()
    seen, strangers, by_time = [], 0, {}
    for index, known in enumerate(truth["frames"]):
        t_ns = source.grab()
        frame = Frame.from_array(source.retrieve().data, frame_id=index, t_src_ns=t_ns)
        deps: dict[str, Any] = {}
        for module in analyzers:
            deps[module.name] = module.process(frame, deps)
        samples = list(to_samples(frame, deps, frame_idx=index, t_ns=t_ns).samples)
        builder.process(frame, deps)
        by_time[t_ns] = known["riders"]
        for rider in known["riders"]:
            found = max(samples, key=lambda s, box=rider["face_box_px"]: overlap(s.bbox, box), default=None)
            if found is None or overlap(found.bbox, rider["face_box_px"]) < LEAST_OVERLAP:
                seen.append(Seen(rider, None))
                continue
            samples.remove(found)
            seen.append(Seen(rider, found))
        strangers += len(samples)
    source.close()
    builder.end_run("end_of_video")
    return builder.finish(), seen, strangers, by_time


def report_pose(seen: list[Seen], targets: Targets, title: str) -> None:
    rows = [s for s in seen if s.clear and abs(s.truth["yaw_deg"]) <= 45 and abs(s.truth["pitch_deg"]) <= 45]
    known = np.array([[s.truth[f"{axis}_deg"] for axis in ("yaw", "pitch", "roll")] for s in rows])
    read = np.array([[s.sample.pose.yaw_deg, s.sample.pose.pitch_deg, s.sample.pose.roll_deg] for s in rows])
    error = read - known
    bands = [("all", np.ones(len(rows), bool))]
    bands += [
        (f"|yaw| {low}-{high}", (abs(known[:, 0]) >= low) & (abs(known[:, 0]) < high))
        for low, high in ((0, 10), (10, 30), (30, 45))
    ]
    names = sorted({s.truth["identity"] for s in rows})
    owned = {name: np.array([s.truth["identity"] == name for s in rows]) for name in names}
    bands += list(owned.items()) if len(names) > 1 else []
    for name, chosen in bands:
        mae, bias = abs(error[chosen]).mean(axis=0), error[chosen].mean(axis=0)
        parts = [f"{axis} {mae[i]:4.1f} (bias {bias[i]:+5.1f})" for i, axis in enumerate(("yaw", "pitch", "roll"))]
        print(f"  pose MAE, degrees  {name:11} {chosen.sum():4} faces  " + "  ".join(parts))
    for i, axis in enumerate(("yaw", "pitch", "roll")):
        targets.at_most(f"{title}: {axis} MAE, degrees", abs(error[:, i]).mean(), POSE_DEG)
    zero = np.zeros(len(rows))
    for own in owned.values():
        zero[own] = np.median(error[own & (abs(known[:, :2]) < 10).all(axis=1), 1])
    print(f"  pitch MAE with each rider's own zero (median of the straight faces) {abs(error[:, 1] - zero).mean():.1f}")
    for axis, column, bins, edges in (("yaw", 0, yaw_bin, YAW_EDGES), ("pitch", 1, pitch_bin, PITCH_EDGES)):
        right = np.array([bins(a) == bins(b) for a, b in zip(known[:, column], read[:, column], strict=True)])
        away = np.array([min(abs(a - edge) for edge in edges) >= BESIDE_EDGE_DEG for a in known[:, column]])
        targets.at_least(f"{title}: {axis} bin right", right.mean(), BINS_RIGHT)
        slope = np.polyfit(known[:, column], read[:, column], 1)[0]
        print(
            f"  {axis:5} bin right {right.mean():.3f}, {right[away].mean():.3f} where the truth is "
            f"{BESIDE_EDGE_DEG:g} degrees off an edge; read degrees per true degree {slope:.2f}"
        )


def report_expression(seen: list[Seen]) -> None:
    rows = [s for s in seen if s.clear and s.truth["expression"] in EXPRESSION_BINS and abs(s.truth["yaw_deg"]) <= 45]
    table = Counter((s.truth["expression"], expression_bin(s.sample.expression)) for s in rows)
    heads = (*EXPRESSION_BINS, "unknown")
    print("  expression, rows truth  " + "".join(f"{name:>12}" for name in heads) + "      right")
    for name in EXPRESSION_BINS:
        total = sum(table[name, other] for other in heads)
        cells = "".join(f"{table[name, other]:12}" for other in heads)
        print(f"  {name:23} {cells}      {table[name, name] / max(1, total):.3f}")


def report_occlusion(seen: list[Seen], targets: Targets, title: str) -> None:
    rows = []
    for name in sorted({s.truth["identity"] for s in seen}):
        own = [s for s in seen if s.truth["identity"] == name]
        gallery = Gallery()
        for s in own:
            gallery = gallery if s.sample is None else gallery.add(s.sample)
        rows += [
            (s.truth["occluded_share"], None if s.sample is None else with_occlusion(s.sample, gallery).occlusion_ratio)
            for s in own
        ]
    for kind, chosen in (
        ("covered", [r for r in rows if r[0] > 0.02]),
        ("clear", [r for r in rows if r[0] == 0]),
    ):
        judged = np.array([r for r in chosen if r[1] is not None])
        if not len(judged):
            print(f"  occlusion {kind:8} none judged of {len(chosen)}")
            continue
        alarm = (judged[:, 1] >= PARTIAL).mean()
        mae, bias = abs(judged[:, 1] - judged[:, 0]).mean(), (judged[:, 1] - judged[:, 0]).mean()
        if kind == "covered":
            targets.at_most(f"{title}: occlusion_ratio MAE, covered faces", mae, RATIO_MAE)
        else:
            targets.at_most(f"{title}: clear faces said to be covered", alarm, FALSE_ALARMS)
        print(
            f"  occlusion_ratio {kind:8} judged {len(judged)} of {len(chosen)}  true share {judged[:, 0].min():.2f}.."
            f"{judged[:, 0].max():.2f}  MAE {mae:.3f}  bias {bias:+.3f}  said to be partial or more {alarm:.3f}"
        )


def rider_of(sample: FaceSample, by_time: dict[int, list[Truth]]) -> Truth:
    return max(by_time[sample.t_ns], key=lambda rider: overlap(sample.bbox, rider["face_box_px"]))


def report_person(person: PersonSet, by_time: dict[int, list[Truth]]) -> None:
    axes = ("yaw", "pitch", "expression")
    reached = "  ".join(
        f"{axis} {len(getattr(person.coverage, axis).filled)}/{getattr(person.coverage, axis).total}" for axis in axes
    )
    shown = Counter(rider_of(image.candidate.sample, by_time)["identity"] for image in person.images)
    name, good = shown.most_common(1)[0]
    true_bins: dict[str, set[str]] = {axis: set() for axis in axes}
    for image in person.images:
        truth = rider_of(image.candidate.sample, by_time)
        said = image.candidate.buckets
        real = {
            "yaw": yaw_bin(truth["yaw_deg"]),
            "pitch": pitch_bin(truth["pitch_deg"]),
            "expression": truth["expression"],
        }
        for axis in axes:
            if getattr(said, axis) == real[axis]:
                true_bins[axis].add(real[axis])
    confirmed = "  ".join(
        f"{axis} {len(true_bins[axis] & set(getattr(person.coverage, axis).filled))}" for axis in axes
    )
    print(
        f"  person {person.person_id} is {name}: purity {good}/{sum(shown.values())}  anchors {len(person.anchors)}  "
        f"coverage images {len(person.coverage_images)}  challenge {[i.condition for i in person.challenge]}"
    )
    print(f"    coverage {reached}; bins with an image whose truth is that bin: {confirmed}")


def report_identity(seen: list[Seen]) -> None:
    faces = [(s.truth["identity"], s.sample.e_id) for s in seen if s.clear and s.sample.e_id is not None]
    names = sorted({name for name, _ in faces})
    vectors = [np.array([e for n, e in faces if n == name]) for name in names]
    medoids = [rows[(rows @ rows.T).sum(axis=1).argmax()] for rows in vectors]
    for name, rows, medoid in zip(names, vectors, medoids, strict=True):
        print(f"  Face-ID {name}: cosine to the own medoid, 1 % quantile {np.quantile(rows @ medoid, 0.01):.3f}")
    if len(names) == 2:
        print(
            f"  Face-ID between the two: medoids {medoids[0] @ medoids[1]:.3f}, "
            f"highest of any two faces {(vectors[0] @ vectors[1].T).max():.3f}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--fps", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--riders", type=int, choices=(1, 2), action="append")
    given = parser.parse_args()
    if not DEFAULT_PATH.is_file():
        print(f"skipped: no photograph at {DEFAULT_PATH}; run: make .venv/sample/astronaut.png")
        return 0
    cv2.setNumThreads(1)
    targets = Targets()
    for riders in given.riders or (1, 2):
        title = f"{riders} rider{'s' * (riders > 1)}"
        video, truth = rendered(riders, given)
        with tempfile.TemporaryDirectory() as out:
            result, seen, strangers, by_time = run(video, truth, out)
        found = sum(s.sample is not None for s in seen)
        print(
            f"{riders} rider(s), {len(by_time)} frames: {found} of {len(seen)} faces found, {strangers} that are none"
        )
        report_identity(seen)
        report_pose(seen, targets, title)
        report_expression(seen)
        report_occlusion(seen, targets, title)
        for person in result.persons:
            report_person(person, by_time)
    targets.print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
