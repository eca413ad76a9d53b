"""Render a ride video with exact truth from one public-domain photograph.

    python examples/render_ride.py --out ride.mp4 --truth ride.json --seconds 60 --riders 2 --seed 0

The truth tells per frame and rider: pose, expression, occluder and its share, light, blur, identity and face box.
The photograph (NASA, public domain) comes with `make .venv/sample/astronaut.png`.
"""

from __future__ import annotations

import argparse
import json
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
from rendering.people import make_riders
from rendering.photograph import DEFAULT_PATH, PhotographError, load_photograph
from rendering.plan import moments
from rendering.scene import SCALE, Stage

CRF = "20"


def render(
    out: Path, truth: Path, *, seconds: float, riders: int, seed: int, fps: int = 10, photograph: Path = DEFAULT_PATH
) -> None:
    """Write the video (H.264) and its truth (JSON). Raises PhotographError where the photograph is absent."""
    stage = Stage(make_riders(load_photograph(photograph), riders), seed)
    frames = []
    with av.open(str(out), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height = stage.size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": CRF, "preset": "veryfast", "threads": "1"}
        stream.time_base = Fraction(1, fps)
        for index, now in enumerate(moments(seconds, fps, riders, seed)):
            picture, seen = stage.frame(index / fps, now)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            frames.append({"frame": index, "t_s": round(index / fps, 4), "riders": seen})
        container.mux(stream.encode())
    about = {"fps": fps, "seed": seed, "size_px": stage.size, "scale": SCALE, "photograph": photograph.name}
    truth.write_text(json.dumps({**about, "frames": frames}) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--riders", type=int, choices=(1, 2), default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fps", type=int, default=10)
    parser.add_argument("--photograph", type=Path, default=DEFAULT_PATH)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        render(
            given.out,
            given.truth,
            seconds=given.seconds,
            riders=given.riders,
            seed=given.seed,
            fps=given.fps,
            photograph=given.photograph,
        )
    except PhotographError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{given.out} and {given.truth}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
