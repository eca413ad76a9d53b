"""What stopping by coverage (§9) saves in time and costs in quality, against reading the same ride to its end.

No shared video covers 6 of 7 yaw, 4 of 5 pitch and 3 of 4 expression bins and goes on. So the ride is a rendered one
of a minute (`rendered.py`), which turns through all poses; and foreman's faces, which come nearest, are played there
and back for a minute. Run: `python benchmarks/stop.py`; exit 1 where a ride that can be covered is not stopped early,
or the stopped set keeps under .98 of the best quality in its buckets.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle

import real_faces
from real_faces import Footage, Shot
from rendered import DEFAULT_PATH, rendered
from selection import ratio_of_anchors, ratio_of_qualities
from whole_video import READ_ON, everything_held, streamed

from vpx_identity_builder.builder import IdentitySetBuilder
from vpx_identity_builder.core.config import Config
from vpx_identity_builder.core.results import Coverage, PersonSet, StopReason

SECONDS = 60
QUALITY = 0.98
GAP_NS = 10**9 // real_faces.FPS


def there_and_back(clip: Footage, seconds: float) -> Footage:
    """The frames with a face forwards and backwards until so many seconds are full."""
    faces = [shot for shot in clip.shots if shot.faces]
    turns = cycle([*faces, *reversed(faces)])
    shots = []
    for index in range(round(seconds * real_faces.FPS)):
        shot, t_ns = next(turns), index * GAP_NS
        shots.append(Shot(t_ns, tuple(replace(face, t_ns=t_ns, frame_idx=index) for face in shot.faces)))
    return Footage(f"{clip.name} there and back", clip.size_px, tuple(shots), clip.face_novelty, clip.body_novelty)


def rides() -> Iterator[Footage]:
    if DEFAULT_PATH.is_file():
        video, _ = rendered(1, argparse.Namespace(seconds=float(SECONDS), fps=6, seed=0))
        yield replace(real_faces.analysed(video), name="rendered ride")
    yield there_and_back(real_faces.footage("foreman"), SECONDS)


def stopped(clip: Footage) -> tuple[PersonSet | None, int]:
    """The first person when the run stops by coverage, and the frames read."""
    read = 0

    def satisfied(builder: IdentitySetBuilder) -> bool:
        nonlocal read
        read += 1
        return builder.progress().should_stop

    result = streamed(clip, Config(), satisfied).result
    early = result.stop_reason is StopReason.COVERAGE_SATISFIED
    return (result.persons[0] if early else None), read


def satisfiable(coverage: Coverage) -> bool:
    """True when the axes of §9 are covered."""
    stop = Config().stop
    counts = (len(coverage.yaw.filled), len(coverage.pitch.filled), len(coverage.expression.filled))
    return all(
        count >= wanted
        for count, wanted in zip(counts, (stop.stop_yaw, stop.stop_pitch, stop.stop_expression), strict=True)
    )


def report(clip: Footage) -> bool:
    """Print one ride's figures; False where it was not stopped early or lost too much."""
    early, read = stopped(clip)
    run = streamed(clip, READ_ON)
    whole, held = run.result.persons[0], everything_held(clip, run)[0]
    if early is None:
        covered = whole.coverage
        print(
            f"{clip.name}: read to its end, {covered.yaw} yaw, {covered.pitch} pitch, {covered.expression} expression"
        )
        return not satisfiable(covered)
    saved = 1 - read / len(clip.shots)
    seconds = (clip.shots[read - 1].t_ns - clip.shots[0].t_ns) / 1e9
    print(f"{clip.name}: stopped after {seconds:.1f} s; {saved:.0%} of {len(clip.shots)} frames saved")
    for name, person in (("stopped", early), ("read to the end", whole)):
        reached, quality = ratio_of_qualities(person, held)
        shares = f"yaw {person.coverage.yaw}, pitch {person.coverage.pitch}, expression {person.coverage.expression}"
        print(
            f"  {name:15} {shares}; {len(person.anchors)} anchors, {len(person.coverage_images)} coverage, "
            f"{len(person.challenge)} challenge; {reached} of {len(held.best())} buckets of the ride, quality "
            f"{quality:.3f} and anchors {ratio_of_anchors(person, held, clip):.3f} of the best in the whole ride"
        )
    return saved > 0 and ratio_of_qualities(early, held)[1] >= QUALITY


def main() -> int:
    if not real_faces.available():
        return 0
    reports = [report(clip) for clip in rides()]
    return 0 if all(reports) else 1


if __name__ == "__main__":
    sys.exit(main())
