"""A momentscan-style app of era B: a subclass with its own modules, which stops when all is covered.

python examples/pipeline_era_b.py ride.mp4 out/
"""

from __future__ import annotations

import sys
from pathlib import Path

from stand_in import App
from visualbase import Frame
from vpx.body_pose import PoseAnalyzer
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.face_expression import ExpressionAnalyzer
from vpx.sdk import Observation

from vpx_identity_builder import IdentityBuilder
from vpx_vision_embed import VisionEmbedAnalyzer


class RideApp(App):
    def __init__(self, video: Path, output_dir: Path) -> None:
        self.builder = IdentityBuilder({"output_dir": output_dir, "video_id": video.stem})
        self.modules = [
            FaceDetectionAnalyzer(),
            ExpressionAnalyzer(),
            PoseAnalyzer(),
            VisionEmbedAnalyzer(),
            self.builder,
        ]

    def on_frame(self, frame: Frame, results: dict[str, Observation]) -> bool:  # noqa: ARG002 - the hook's signature
        return not results["identity_builder"].signals["should_stop"]

    def after_run(self) -> None:
        # The modules have been released by now; the result is still there.
        for person in self.builder.result.persons:
            print(f"person {person.person_id}: {', '.join(image.name for image in person.images)}")
        print(self.builder.output_path)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/pipeline_era_b.py VIDEO OUTPUT_DIR")
    RideApp(Path(sys.argv[1]), Path(sys.argv[2])).run(Path(sys.argv[1]))
