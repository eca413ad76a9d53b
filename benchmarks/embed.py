"""vision.embed: overhead, int8, ONNX Runtime against torch, and what the prefilter and noise change.

All figures are ratios of things measured in turns within one run, in CPU time where one thread works. The prefilter is
measured on real footage (skipped where it is absent), torch where it is installed (`.venv-timm`).
Run: `python benchmarks/embed.py [overhead | int8 | torch | prefilter | noise | novelty ...]`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import real_faces
from embed_novelty import report_novelty
from embed_replay import kept, noisy, published, replayed, same
from targets import Targets

from vpx_vision_embed import MODELS, VisionEmbedder, get_spec, weights
from vpx_vision_embed.backends.export import export, parity_images
from vpx_vision_embed.bench import face_crops
from vpx_vision_embed.calibration import calibration_of
from vpx_vision_embed.embedder import raw_inference
from vpx_vision_embed.models import BUNDLED

OVERHEAD, TORCH, INT8, FEWER, SAME = 1.15, 1.2, 0.99, 5.0, 0.95
NOISES, NOISE_SEEDS = (0.00001, 0.0003, 0.001, 0.003, 0.01), 5
ROUNDS = 400
CLIPS = ("two_riders_120s", "cap12", "franck")
SAMPLE = real_faces.ROOT / ".venv" / "sample" / "astronaut.png"


def in_turns(stages: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Least CPU seconds of each stage, which take turns."""
    times: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(rounds):
        for name, run in stages.items():
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    return {name: min(taken[1:]) for name, taken in times.items()}


def overhead(targets: Targets) -> None:
    with VisionEmbedder("bundled", threads=1) as embedder:
        several = face_crops(8)
        for crops in ([min(several, key=len)], [max(several, key=len)], several):
            stages = {"raw": raw_inference(embedder, crops), "whole": partial(embedder.embed, crops)}
            times = in_turns(stages, ROUNDS // len(crops) + 10)
            name = "8 at once" if len(crops) == 8 else f"one of {len(crops[0])} px"
            targets.at_most(f"overhead, {name}", times["whole"] / times["raw"], OVERHEAD)


@contextmanager
def own_models_dir():
    """A models folder of its own with the bundled model in it, so that no export of the user's is touched."""
    source = weights.locate(BUNDLED).parent
    before = os.environ.get("VPX_MODELS_DIR")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(source, Path(folder) / "vision" / BUNDLED.key)
        os.environ["VPX_MODELS_DIR"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["VPX_MODELS_DIR"]
            else:
                os.environ["VPX_MODELS_DIR"] = before


def photographs() -> list[np.ndarray]:
    """Press photos and their faces: whole, and the middle 60 %."""
    found = []
    for path in sorted((real_faces.DATA / "photos" / "identity").glob("*/*.jpg")):
        picture = cv2.imread(str(path))
        margin = round(0.2 * min(picture.shape[:2]))
        found += [picture, picture[margin:-margin, margin:-margin]]
    return found


def int8(targets: Targets) -> None:
    if not SAMPLE.exists() or not real_faces.available():
        print(f"skipped int8: needs {SAMPLE.name} (`make .venv/sample/astronaut.png`) and the test material")
        return
    with own_models_dir():
        done = export(BUNDLED, "int8", calibration_of([cv2.imread(str(SAMPLE))]))
        with (
            VisionEmbedder("bundled", threads=1) as whole,
            VisionEmbedder("bundled", threads=1, precision="int8") as small,
        ):
            crops = photographs()
            cosines = (whole.embed(crops) * small.embed(crops)).sum(axis=1)
            few = crops[:8]
            times = in_turns({"fp32": raw_inference(whole, few), "int8": raw_inference(small, few)}, 30)
        size = sum(path.stat().st_size for path in weights.locate(BUNDLED).parent.iterdir()) / done.path.stat().st_size
    print(f"  int8: least cosine {cosines.min():.4f}, fp32 layers besides: {', '.join(done.kept_fp32)}")
    print(f"  int8: {times['fp32'] / times['int8']:.2f} times as fast, {size:.2f} times as small")
    targets.at_least("int8, mean cosine", float(cosines.mean()), INT8)


def torch(targets: Targets) -> None:
    """DINOv2 S/14 at random weights, one thread, one image."""
    if importlib.util.find_spec("torch") is None:
        print("skipped ONNX Runtime against torch: torch is not installed (run it with .venv-timm/bin/python)")
        return
    sys.path.insert(0, str(real_faces.ROOT))
    from tests.vision_embed.timm_import import timm_or_skip

    timm_or_skip()
    import torch as library

    from vpx_vision_embed.backends.onnx import OnnxBackend
    from vpx_vision_embed.backends.timm import build_model, write_onnx

    spec = get_spec("dinov2-vits14")
    batch = parity_images(spec)[:1]
    library.set_num_threads(1)
    model, images = build_model(spec, None), library.from_numpy(batch)
    with tempfile.TemporaryDirectory() as folder, library.inference_mode():
        write_onnx(model, spec, Path(folder) / "model.onnx", batch, 17)
        exported = OnnxBackend(Path(folder) / "model.onnx", spec.dim, "cpu", 1)
        times = in_turns({"torch": lambda: model(images), "onnx": lambda: exported.infer(batch)}, 20)
    targets.at_least("ONNX Runtime over eager torch", times["torch"] / times["onnx"], TORCH)


def prefilter(targets: Targets) -> None:
    if not real_faces.available():
        return
    for name in CLIPS:
        run = replayed(name)
        found = kept(run)
        print(
            f"  {name}: images {found.images[0]} and {found.images[1]}, within half a second {found.near:.3f}, "
            f"quality {found.quality[0]:.4f} and {found.quality[1]:.4f}, "
            f"{run.asked_for} of {run.computed} crops embedded at once, {found.late} late"
        )
        targets.at_least(f"{name}: times fewer", run.computed / (run.asked_for + found.late), FEWER)
        targets.at_least(f"{name}: same images", found.same, SAME)
        targets.at_least(f"{name}: buckets", found.buckets, 1.0)


def noise(_targets: Targets) -> None:
    """Which share of the images stays the same where every vector differs a little, as on another machine."""
    if not real_faces.available():
        return
    for name in CLIPS:
        clip = replayed(name).own
        images = published(clip)
        for distance in NOISES:
            shares = [same(images, published(noisy(clip, distance, seed))) for seed in range(NOISE_SEEDS)]
            print(f"  {name}: noise of {distance:g}: {np.mean(shares):.3f} of {len(images)} images the same")


def novelty(_targets: Targets) -> None:
    if real_faces.available():
        report_novelty(("two_riders_120s", "cap12", "cap13", "franck", "foreman", "turns", "hand_over_mouth"))


PARTS: dict[str, Callable[[Targets], None]] = {
    "overhead": overhead,
    "int8": int8,
    "torch": torch,
    "prefilter": prefilter,
    "noise": noise,
    "novelty": novelty,
}


def main(names: Sequence[str]) -> int:
    print(f"models: {', '.join(spec.key for spec in MODELS if weights.is_present(spec))} are local")
    targets = Targets()
    for name in names or PARTS:
        PARTS[name](targets)
    targets.print()
    return 0 if all(ok for *_, ok in targets.rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
