"""What a run learns of its source along the way."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from visualbase import FileSource, sample

from vpx_identity_builder.place import SourceInfo
from vpx_identity_builder.run import Run
from vpx_identity_builder.settings import resolve


def variable_rate_video(path: Path) -> Path:
    """60 frames 33 ms apart, then 60 frames 66 ms apart: phones do that in the dark."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        t_ms = 0
        for index in range(120):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), index, np.uint8), format="bgr24")
            frame.pts, frame.time_base = t_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
            t_ms += 33 if index < 60 else 66
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("fps", [None, 10.0, 17.0, 60.0])
def test_frame_numbers_of_a_video_of_varying_rate_are_kept(tmp_path: Path, fps: float | None) -> None:
    with FileSource(variable_rate_video(tmp_path / "phone.mp4")) as source:
        run = Run(resolve({}), SourceInfo(fps=fps, source_fps=source.fps))
        frames = list(sample(source, fps))
        assert [run.frame_idx(f.frame_id, f.t_src_ns) for f in frames] == [f.frame_id for f in frames]
    assert len(frames) > 50


def test_a_host_that_counts_sampled_frames_gets_source_frame_numbers() -> None:
    run = Run(resolve({}), SourceInfo(fps=10.0, source_fps=30.0))
    assert [run.frame_idx(k, k * 100_000_000) for k in range(20)] == [3 * k for k in range(20)]


def test_frame_numbers_are_kept_where_the_rates_are_unknown() -> None:
    run = Run(resolve({}))
    assert [run.frame_idx(k, k * 100_000_000) for k in range(20)] == list(range(20))
