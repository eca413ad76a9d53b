"""Cost of the identity builder per frame over a long video: it must not depend on how much was seen before.

Feeds synthetic records of one face per frame (128-D Face-ID, 384-D vision embeddings, no pixels) and reports the
mean time per frame of the first and the last thousand, the time of tracklets, persons and prototypes alone, and the
number of crops held. Run: `python benchmarks/identity_cost.py [FRAMES]`; exit 1 where 36,000 records of one person take
longer than 2 s in tracklets, persons and prototypes.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator

import numpy as np

from vpx_identity_builder.builder import IdentitySetBuilder
from vpx_identity_builder.core.config import FACE_ID_MODELS, Config, StopConfig
from vpx_identity_builder.core.persons import new_person, observed
from vpx_identity_builder.core.results import StopReason
from vpx_identity_builder.core.tracks import Step, is_trusted, step
from vpx_identity_builder.core.types import ExpressionSignals, FaceMeasures, FaceSample, IntBox, Pose

FPS = 10
LIMIT_S, LIMIT_RECORDS = 2.0, 36_000
SIZE = (1280, 720)
MODEL = next(model for model in FACE_ID_MODELS if model.dim == 128)
CONFIG = Config(stop=StopConfig(stop_when_covered=False))


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values)).astype(np.float32)


def records(count: int, seed: int = 1) -> Iterator[FaceSample]:
    """One lively rider, another one for each seed: pose and expression cycle, every embedding is new."""
    rng = np.random.default_rng(seed)
    who, axes = unit(rng.normal(size=128)), rng.normal(size=(4, 384)) / 384**0.5
    for index in range(count):
        t = index / FPS
        yaw, pitch = 50 * math.sin(t / 2.7), 28 * math.sin(t / 1.7)
        smile = max(0.0, math.sin(t / 5))
        x, y = 600 + 20 * math.sin(t), 320 + 9 * math.sin(2 * t)
        vision = axes[0] + yaw / 40 * axes[1] + pitch / 25 * axes[2] + smile * axes[3]
        yield FaceSample(
            t_ns=round(t * 1e9),
            frame_idx=index,
            frame_size_px=SIZE,
            bbox=(x, y, x + 130, y + 160),
            confidence=0.95,
            measures=FaceMeasures(130, 130 * 160 / (SIZE[0] * SIZE[1]), 200 + 50 * math.sin(3 * t), 120, 0.0, 0.02),
            pose=Pose(yaw, pitch, 0.0),
            expression=ExpressionSignals(max(0.0, math.sin(t / 3)), 0.9, smile),
            occlusion_ratio=0.0,
            e_id=unit(0.98 * who + 0.19 * unit(rng.normal(size=128))),
            e_vis_face=unit(vision + 0.2 * rng.normal(size=384) / 384**0.5),
        )


def tiny_image(_crop: IntBox) -> bytes:
    return b"image"


def whole_builder(samples: list[FaceSample]) -> None:
    builder = IdentitySetBuilder(CONFIG)
    times, held = [], []
    for sample in samples:
        start = time.perf_counter()
        builder.add(sample.t_ns, [sample], tiny_image)
        times.append(time.perf_counter() - start)
        if len(times) % max(1, len(samples) // 10) == 0:
            held.append(builder.progress().saved_total)
    start = time.perf_counter()
    result = builder.finish(StopReason.END_OF_VIDEO)
    finish_s = time.perf_counter() - start
    first, last = np.mean(times[500:1500]) * 1e3, np.mean(times[-1000:]) * 1e3
    print(f"builder, {len(samples)} frames: {sum(times):.1f} s, finish {finish_s:.2f} s")
    print(f"  per frame: frames 500-1500 {first:.3f} ms, last 1000 {last:.3f} ms, ratio {last / first:.2f}")
    print(f"  crops held in buckets, at each tenth of the video: {held}")
    print(f"  published: {[len(person.images) for person in result.persons]} images")


def identity_only(samples: list[FaceSample]) -> float:
    """Seconds spent in tracklets, persons and prototypes alone."""
    state = Step((), (), (), 0)
    person = new_person(0, 0, CONFIG.tracks.reservoir_size)
    start = time.perf_counter()
    for sample in samples:
        state = step(state.active, [(sample, True)], sample.t_ns, state.next_number, CONFIG.tracks, MODEL)
        trusted = is_trusted(sample, CONFIG.tracks, strict=True)
        person = observed(person, sample, sample.t_ns, trusted=trusted, loose=True, config=CONFIG.persons)
    return time.perf_counter() - start


def identity_report(samples: list[FaceSample]) -> bool:
    """Best of three passes, as others use the machine too; False where the limit is missed."""
    passes = [identity_only(samples) for _ in range(3)]
    shown = ", ".join(f"{spent:.2f}" for spent in passes)
    print(f"tracklets, persons and prototypes alone, {len(samples)} records of one person: {shown} s")
    return min(passes) < LIMIT_S * len(samples) / LIMIT_RECORDS


def main() -> int:
    samples = list(records(int(sys.argv[1]) if len(sys.argv) > 1 else LIMIT_RECORDS))
    fast_enough = identity_report(samples)
    whole_builder(samples)
    return 0 if fast_enough else 1


if __name__ == "__main__":
    sys.exit(main())
