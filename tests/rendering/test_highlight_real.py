"""A rendered ride whose only smile falls between two looks: a highlight window finds it, with the real models."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest
from rendering.people import make_riders
from rendering.photograph import DEFAULT_PATH, load_photograph
from rendering.plan import Moment
from rendering.scene import Stage

FPS, SECONDS = 30, 3
EVENT = range(34, 43)
"""Frames of the smile, 1.13 to 1.40 s: a run at 2 frames per second looks at 1.0 and at 1.5 s."""


def render_short_smile(path):
    stage = Stage(make_riders(load_photograph(), 1), 0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = stage.size
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, FPS)
        stream.options = {"crf": "20", "preset": "veryfast", "threads": "1"}
        for index in range(FPS * SECONDS):
            picture, _ = stage.frame(index / FPS, [Moment(smile=1.0) if index in EVENT else Moment()])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())


def build(video, out, *words):
    command = [Path(sys.executable).parent / "identity-builder", "build", video, "-o", out, "--fps", "2", *words]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    folder = out / "ride" / "identity_builder"
    return json.loads((folder / "result.json").read_text()), [
        json.loads(path.read_text()) for path in folder.rglob("*_meta.json")
    ]


@pytest.mark.real
def test_a_smile_of_a_quarter_of_a_second_is_found_in_its_window_only(tmp_path):
    if not DEFAULT_PATH.is_file():
        pytest.skip(f"no photograph at {DEFAULT_PATH}: make .venv/sample/astronaut.png")
    video, windows = tmp_path / "ride.mp4", tmp_path / "windows.json"
    render_short_smile(video)
    windows.write_text('[{"window_id": 0, "start_ms": 1000, "end_ms": 1500, "peak_ms": 1250}]')
    plain, images = build(video, tmp_path / "plain")
    assert plain["video"]["frames"] == 6
    assert "smile" not in {image["expression_bin"] for image in images}
    dense, images = build(video, tmp_path / "dense", "--windows", windows)
    assert dense["video"]["frames"] == 4 + 16
    smiles = [image for image in images if image["expression_bin"] == "smile"]
    assert smiles
    assert all(image["frame_idx"] in EVENT and image["details"]["in_highlight"] for image in smiles)
