import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

MS = Fraction(1, 1000)


def coded_picture(number, width, height):
    """A picture that tells its number by brightness and its orientation by one bright quarter (top left)."""
    picture = np.full((height, width, 3), 20 + number * 3 % 200, np.uint8)
    picture[: height // 2, : width // 2] = 255
    return picture


@pytest.fixture
def make_video(tmp_path):
    """Write a small video; ``times_ms`` gives every frame a timestamp of its own, else ``rate`` does."""

    def make(name="video.mp4", count=20, rate=25, size=(64, 48), times_ms=None, rotation=None, options=None, **codec):
        path = tmp_path / name
        container = av.open(str(path), "w", options=options or {})
        stream = container.add_stream(codec.get("codec", "libx264"), rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if codec.get("codec", "libx264") == "libx264":
            stream.options = {"g": "5", "preset": "ultrafast", "bf": codec.get("b_frames", "0")}
        if times_ms is not None:
            stream.codec_context.time_base = MS
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for i in range(count if times_ms is None else len(times_ms)):
            frame = av.VideoFrame.from_ndarray(coded_picture(i, *size), format="bgr24")
            if times_ms is not None:
                frame.time_base, frame.pts = MS, times_ms[i]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        container.close()
        return path

    return make


@pytest.fixture
def make_sound(tmp_path):
    """Write a file that holds only sound."""

    def make(name="sound.mp4"):
        path = tmp_path / name
        container = av.open(str(path), "w")
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        for _ in range(10):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        container.close()
        return path

    return make


@pytest.fixture(scope="session")
def real_videos():
    """The folder of real test videos, beside the project or named by the environment."""
    root = Path(os.environ.get("IDENTITY_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
    if not (root / "videos").is_dir():
        pytest.skip("the real test videos are not on this machine (IDENTITY_TEST_DATA)")
    return root / "videos"
