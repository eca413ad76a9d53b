"""Run in a process whose `vpx.sdk` and `visualbase` are an era's: both plugins, one short ride, the files on stdout."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import vpx.sdk
from visualbase import Frame
from vpx.sdk import Observation

from vpx_identity_builder import IdentityBuilder
from vpx_vision_embed import VisionEmbedAnalyzer

rng = np.random.default_rng(1)
picture = np.kron(rng.integers(60, 200, (30, 40, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
e_id = np.zeros(512, np.float32)
e_id[3] = 1.0

builder = IdentityBuilder({"output_dir": sys.argv[1], "video_id": "ride"})
builder.initialize()
for index in range(12):
    frame = Frame.from_array(picture, index, index * 100_000_000)
    face = SimpleNamespace(
        bbox=(0.3, 0.3, 0.25, 0.4), confidence=0.9, face_id=0, yaw=4.0 * index - 20, pitch=0.0, roll=0.0, embedding=e_id
    )
    found = Observation("face.detect", index, frame.t_src_ns, {}, SimpleNamespace(faces=[face], detected_faces=[]))
    obs = builder.process(frame, {"face.detect": found})
    builder.annotate(obs)
builder.cleanup()
embed = VisionEmbedAnalyzer()
embed.cleanup()
files = sorted(str(path.relative_to(sys.argv[1])) for path in Path(sys.argv[1]).rglob("*") if path.is_file())
said = {"sdk": vpx.sdk.__file__, "persons": len(builder.result.persons), "files": files, "name": embed.name}
sys.stdout.write(json.dumps(said))
