"""`identity-builder build` and signals, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.ecosystem.upstream import RIDER, picture

ROOT = Path(__file__).parents[3]
PHOTOS = 200
SCRIPT = """
import os, sys, time
from tests.ecosystem.upstream import FakeDetect, FakeExpression, FakeVision
from vpx.runner import LiteRunner
from vpx.sdk import Module
from vpx_identity_builder.cli import main
from vpx_identity_builder.commands import build

class Slow(Module):
    name = "slow"

    def initialize(self):
        if os.environ.get("STRUCK") == "early":
            print("starting", flush=True)
            time.sleep(1)

    def process(self, frame, deps=None):
        time.sleep(0.05)
        if frame.frame_id == 9:
            print("working", flush=True)

    def end_run(self, reason):
        if "stubborn" in sys.argv[-1]:
            print("ending", flush=True)
            time.sleep(20)

def runner(module, asked, on_frame):
    return LiteRunner([FakeDetect(), FakeExpression(), FakeVision(), Slow(), module], on_frame=on_frame)

build._runner = runner
main()
"""


def started(folder: Path, output: Path, struck: str = "") -> subprocess.Popen[str]:
    if not folder.exists():
        folder.mkdir()
        for index in range(PHOTOS):
            cv2.imwrite(str(folder / f"{index}.png"), picture((RIDER,), index * 10**9))
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "build", "-o", str(output), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "STRUCK": struck},
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def document(output: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / name / "identity_builder" / "result.json").read_text())
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_publishes_what_was_seen(tmp_path: Path, number: signal.Signals) -> None:
    process = started(tmp_path / "ride", tmp_path / "out")
    assert said(process) == "working\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    result = document(tmp_path / "out", "ride")
    assert result["stop_reason"] == "interrupted"
    assert len(result["persons"]) == 1
    assert 9 <= result["video"]["frames"] < PHOTOS
    assert f"error: {tmp_path / 'ride'}: interrupted; what was seen so far is published\n" in err
    assert str(tmp_path / "out" / "ride" / "identity_builder") in out
    assert "Traceback" not in err


def test_a_signal_leaves_an_interrupted_set_that_saw_more(tmp_path: Path) -> None:
    process = started(tmp_path / "ride", tmp_path / "out")
    assert said(process) == "working\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    kept = tmp_path / "out" / "ride" / "identity_builder" / "result.json"
    more = json.loads(kept.read_bytes())
    more["video"]["frames"] = PHOTOS
    kept.write_text(json.dumps(more))
    process = started(tmp_path / "ride", tmp_path / "out")
    assert said(process) == "working\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    said_of_it = [line for line in err.splitlines() if "interrupted" in line or "kept" in line]
    kept_words = f"the earlier set, which saw {PHOTOS} frames, is kept"
    assert said_of_it == [f"error: {tmp_path / 'ride'}: interrupted; {kept_words}"]
    assert document(tmp_path / "out", "ride") == more
    assert sorted(path.name for path in kept.parents[1].iterdir()) == ["identity_builder", "run.sqlite"]


def test_a_signal_before_the_first_frame_says_that_an_earlier_set_stays_and_where(tmp_path: Path) -> None:
    ride, kept = tmp_path / "ride", tmp_path / "out" / "ride" / "identity_builder"
    said_of_it = []
    for when in ("early", "", "early"):
        process = started(ride, tmp_path / "out", when)
        assert said(process) == ("starting\n" if when else "working\n")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        said_of_it.append(err.splitlines()[-1])
    assert said_of_it == [
        f"error: {ride}: interrupted; nothing is published",
        f"error: {ride}: interrupted; what was seen so far is published",
        f"error: {ride}: interrupted; nothing new is published, and the set in {kept} stays as it is",
    ]


def test_the_second_signal_ends_at_once(tmp_path: Path) -> None:
    process = started(tmp_path / "stubborn", tmp_path / "out")
    assert said(process) == "working\n"
    process.send_signal(signal.SIGTERM)
    assert said(process) == "ending\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 130, err
    assert "Traceback" not in err


def test_a_second_build_of_the_same_video_is_refused_and_the_first_keeps_its_log(tmp_path: Path) -> None:
    first = started(tmp_path / "ride", tmp_path / "out")
    assert said(first) == "working\n"
    first.send_signal(signal.SIGSTOP)
    second = started(tmp_path / "ride", tmp_path / "out")
    _, err = second.communicate(timeout=60)
    first.send_signal(signal.SIGCONT)
    first.send_signal(signal.SIGTERM)
    _, own = first.communicate(timeout=60)
    assert second.returncode == 1, err
    video = tmp_path / "out" / "ride"
    expected = f"another build of this video is running in {video}; nothing is written"
    assert err == f"error: {tmp_path / 'ride'}: {expected}\n"
    assert first.returncode == 130, own
    assert "run_log_lost" not in document(tmp_path / "out", "ride")["faults"]
    assert (video / "run.sqlite").is_file()
