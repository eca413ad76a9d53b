import importlib
import sys

import av
import numpy as np
import pytest

PLUGIN = '''
import os, signal, time
from pathlib import Path
from vpx.sdk import BBoxMark, LabelMark, Module, Observation


class Base(Module):
    def process(self, frame, deps=None):
        signals = {"deps": ",".join(sorted(deps or {})), "score": 0.5}
        return Observation(self.name, frame.frame_id, frame.t_src_ns, signals)

    def annotate(self, obs):
        return [BBoxMark(0.25, 0.25, 0.5, 0.5, "box"), LabelMark("x", 0.1, 0.9)]


class First(Base):
    """Finds things."""
    name = "run.first"

    def __init__(self, size: int = 4, mode: str = "fast"):
        if not isinstance(size, int):
            raise ValueError(f"size must be a whole number, got {size!r}")
        self.size, self.mode = size, mode


class Extra(Base):
    name = "run.extra"


class Second(Base):
    name = "run.second"
    depends = ["run.first"]
    optional_depends = ["run.extra", "run.absent"]


class Texts(Base):
    name = "run.texts"

    def __init__(self):
        self.values = {}

    @classmethod
    def from_settings(cls, values):
        if "good" not in values:
            raise ValueError(f"unknown key {sorted(values)}")
        module = cls()
        module.values = values
        return module


class Nobody(Base):
    name = "run.nobody"
    exit_code = 0

    def cleanup(self):
        self.exit_code = 4
        self.output_path = Path("out") / "nobody"


class Failing(Base):
    name = "run.failing"

    def process(self, frame, deps=None):
        if frame.frame_id == 2:
            raise ZeroDivisionError("bad frame")
        return None


class Untidy(Base):
    name = "run.untidy"

    def cleanup(self):
        raise OSError("disk is full")


class Unstartable(Base):
    name = "run.unstartable"

    def initialize(self):
        raise FileNotFoundError("model.onnx is missing; run the pull command")


class Slow(Base):
    name = "run.slow"

    def process(self, frame, deps=None):
        print("working", flush=True)
        time.sleep(0.05)

    def end_run(self, reason):
        print("ended", reason, flush=True)

    def cleanup(self):
        print("cleaned", flush=True)
'''
NAMES = ("first", "extra", "second", "texts", "nobody", "failing", "untidy", "unstartable", "slow")


@pytest.fixture
def plugin_path(tmp_path):
    """A folder that holds an installed distribution with the modules of PLUGIN."""
    folder = tmp_path / "site"
    info = folder / "runner_test_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "runner_test_plugin.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: runner_test_plugin\nVersion: 1.0\n")
    points = [f"run.{name} = runner_test_plugin:{name.capitalize()}" for name in NAMES]
    points += ["run.broken = runner_test_plugin:Missing"]
    (info / "entry_points.txt").write_text("[visualpath.modules]\n" + "\n".join(points) + "\n")
    return folder


@pytest.fixture
def plugins(plugin_path, monkeypatch):
    """The modules of PLUGIN, installed in this process."""
    monkeypatch.syspath_prepend(str(plugin_path))
    importlib.invalidate_caches()
    yield plugin_path
    sys.modules.pop("runner_test_plugin", None)


@pytest.fixture
def video(tmp_path):
    """A video of 20 frames at 10 per second."""
    path = tmp_path / "clip.mp4"
    container = av.open(str(path), "w")
    stream = container.add_stream("mpeg4", rate=10)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for i in range(20):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), i * 10, np.uint8), format="bgr24")
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
    container.close()
    return path
