"""What the run log costs, and what it gives back: time, size, and whether a rebuild is the same.

    python benchmarks/runlog.py cost [NAME]     CPU time of builder and log over a clip (default two_riders_120s)
    python benchmarks/runlog.py pruned          cases with strangers: is a rebuild after they left the log the same?

Faces come from `benchmarks/.cache` (see `real_faces`); pictures are decoded anew, nothing is inferred. `cost` compares
with the time that the analyzers took for the same clip, given in seconds as `IDENTITY_BENCH_ANALYSIS_S` (CPU time).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from identity_cases import Material, all_cases
from real_faces import DATA, FPS, VIDEOS, Footage, available, footage
from visualbase import FileSource, sample

from vpx_identity_builder import pixels
from vpx_identity_builder.core.results import StopReason
from vpx_identity_builder.core.types import FaceSample, IntBox
from vpx_identity_builder.place import SourceInfo
from vpx_identity_builder.rebuilding import Rebuilt, rebuilt
from vpx_identity_builder.replay import replay
from vpx_identity_builder.run import Run
from vpx_identity_builder.runlog.reader import RunLog
from vpx_identity_builder.settings import resolve
from vpx_identity_builder.translation import Translation, VisionModel

CHANGES: tuple[dict[str, object], ...] = ({}, {"anchors_max": 4}, {"strict_confidence": 0.8}, {"max_persons": 1})
Frames = list[tuple[int, tuple[FaceSample, ...], np.ndarray]]


def settings(out: Path, *, log: bool, **others: object):
    return resolve({"output_dir": out, "video_id": "ride", "run_log": log, "checkpoint_s": 0, **others}, {}, out)


def ride(out: Path, clip: Footage, frames: Frames, *, log: bool, **others: object) -> tuple[Run, float]:
    """A run over faces that are known already; the CPU time of builder, crops, log and publishing."""
    start = time.process_time()
    run = Run(settings(out, log=log, **others), SourceInfo(video_id="ride", fps=FPS, announced=True))
    model = VisionModel("bench", clip.face_novelty), VisionModel("bench", clip.body_novelty)
    for t_ns, faces, image in frames:
        samples = run.learn(image, t_ns, Translation(faces, None, *model))

        def encode(box: IntBox, image: np.ndarray = image) -> bytes:
            return pixels.encode(image, box, "jpeg", 95)

        run.builder.add(t_ns, samples, run.logged(encode))
    run.publish(run.finish(StopReason.END_OF_VIDEO))
    return run, time.process_time() - start


def pictures(name: str) -> dict[int, np.ndarray]:
    path = next(DATA / "videos" / video for video in VIDEOS if Path(video).stem == name)
    with FileSource(path) as source:
        return {frame.t_src_ns: frame.data for frame in sample(source, FPS)}


def timed(log: RunLog, changes: dict[str, object]) -> tuple[Rebuilt, float]:
    """A rebuild, and the least CPU time of three."""
    times = []
    for _ in range(3):
        start = time.process_time()
        made = rebuilt(log, changes)
        times.append(time.process_time() - start)
    return made, min(times)


def cost(name: str) -> int:
    clip, images = footage(name), pictures(name)
    frames = [(shot.t_ns, shot.faces, images[shot.t_ns]) for shot in clip.shots]
    folder = Path(tempfile.mkdtemp())
    times: dict[bool, list[float]] = {False: [], True: []}
    for number in range(3):
        for log in (False, True):
            out = folder / f"{number}-{log}"
            times[log].append(ride(out, clip, frames, log=log)[1])
    path = folder / "2-True" / "ride" / "run.sqlite"
    without, with_log = min(times[False]), min(times[True])
    print(f"{name}: {len(frames)} frames, {sum(len(f) for _, f, _ in frames)} faces")
    print(f"  builder and publishing, CPU: {without:.2f} s without a log, {with_log:.2f} s with, best of three")
    analysis = float(os.environ.get("IDENTITY_BENCH_ANALYSIS_S", "0"))
    if analysis:
        print(f"  the log is {100 * (with_log - without) / (analysis + without):.2f} % of the run's CPU time")
    print(f"  size: {path.stat().st_size / 1e6:.1f} MB for {frames[-1][0] / 1e9:.0f} s")
    with RunLog(path) as log:
        for changes in CHANGES:
            made, spent = timed(log, changes)
            how = "taken as recorded" if not made.fates else f"chosen again, {made.lost} pictures lost"
            print(
                f"  rebuilt with {changes or 'the same settings'}: {spent:.2f} s CPU, {spent / without:.2f} of "
                f"the run's builder and publishing ({how})"
            )
        _, known = timed(log, CHANGES[1])
        log.header = replace(log.header, told_by=None)
        _, anew = timed(log, CHANGES[1])
        print(f"  what was told of occlusion taken from the log: {known / anew:.2f} of telling it anew")
    shutil.rmtree(folder)
    return 0


def outcome(result) -> list[tuple[object, ...]]:
    """The images of a result, comparable."""
    found = [
        (p.person_id, i.name, i.candidate.sample.t_ns, i.candidate.crop_box, round(i.quality, 6), round(i.stability, 6))
        for p in result.persons
        for i in p.images
    ]
    return [*found, *((pair.name, pair.candidate.first.sample.t_ns, pair.candidate.crop_box) for pair in result.pair)]


def pruned() -> int:
    """Replay each case from its pruned log, without the recorded result, and compare."""
    material = Material()
    clip, blank = material.riders, np.zeros((720, 1280, 3), np.uint8)
    same = chosen = 0
    cases = [(case, {}) for case in all_cases(material)]
    cases += [(case, {"max_persons": 1}) for case in all_cases(material) if len(case.people) > 1]
    for case, others in cases:
        out = Path(tempfile.mkdtemp())
        frames = [(scene.t_ns, tuple(seen.face for seen in scene.seen), blank) for scene in case.scenes]
        run, _ = ride(out, clip, frames, log=True, stop_when_covered=False, **others)
        before = run.builder.finish(StopReason.END_OF_VIDEO)
        with RunLog(out / "ride" / "run.sqlite") as log:
            gone, faces = log.anonymous_count(), sum(len(f) for _, f, _ in frames)
            after = replay(log, run.settings).result
            recorded = outcome(rebuilt(log, {}).result) == outcome(before)
        ours, theirs = outcome(before), outcome(after)
        chosen += ours == theirs
        same += recorded
        kept = len(set(ours) & set(theirs))
        print(
            f"{case.name}, {len(before.persons)} published: {gone} of {faces} faces left; rebuilt "
            f"{'the same' if recorded else 'NOT THE SAME'}; replayed with stand-ins {kept} of {len(ours)} images alike"
        )
        shutil.rmtree(out)
    print(f"{same} of {len(cases)} rebuilt the same, {chosen} also by replay alone")
    return 0 if same == len(cases) else 1


def main() -> int:
    if not available():
        return 0
    wanted = sys.argv[1:] or ["cost"]
    return pruned() if wanted[0] == "pruned" else cost((wanted[1:] or ["two_riders_120s"])[0])


if __name__ == "__main__":
    import real_faces  # pickled classes must carry this module's real name

    assert real_faces
    sys.exit(main())
