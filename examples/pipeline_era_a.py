"""A momentscan-style pipeline of era A: both plugins by name; settings come from the environment.

python examples/pipeline_era_a.py ride.mp4 out/
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stand_in import run

ANALYZERS = ["face.detect", "face.expression", "body.pose", "vision.embed", "identity_builder"]


def main(video: Path, output_dir: Path) -> None:
    # No host passes settings to a module, so the environment (or identity_builder.toml) does.
    os.environ["VPX_IDENTITY_BUILDER__OUTPUT_DIR"] = str(output_dir)
    os.environ["VPX_IDENTITY_BUILDER__VIDEO_ID"] = video.stem
    builder = run(video, analyzers=ANALYZERS)["identity_builder"]
    for person in builder.result.persons:
        print(f"person {person.person_id}: {', '.join(image.name for image in person.images)}")
    print(builder.output_path)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/pipeline_era_a.py VIDEO OUTPUT_DIR")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
