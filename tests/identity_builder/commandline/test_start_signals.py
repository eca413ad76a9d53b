"""A signal before the command has begun, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import vpx_identity_builder_start as start
import vpx.command
start.vpx = vpx.command.main

class Strike:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            os.kill(os.getpid(), int(sys.argv.pop()))

sys.meta_path.insert(0, Strike())
assert "numpy" not in sys.modules
getattr(start, sys.argv[1])()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("identity_builder", "error: interrupted\n"),
        ("vision_embed", "vision-embed: interrupted\n"),
        ("vpx", "vpx: interrupted\n"),
    ],
)
def test_a_signal_during_the_imports_is_one_line_and_130(number: signal.Signals, script: str, line: str) -> None:
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, script, str(int(number))],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("script", ["identity_builder", "vision_embed", "vpx"])
def test_a_signal_ends_a_command_whose_messages_nobody_reads(number: signal.Signals, script: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, script, str(int(number))],
            stdout=subprocess.PIPE,
            stderr=writing,
            timeout=60,
            env={**os.environ, "PYTHONPATH": paths},
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stdout) == (130, b"")


ENDING = """
import atexit, gc, os
import vpx_identity_builder_start as start

def told():
    print(gc.get_freeze_count() > 0, os.environ[start.NUMPY_THREADS])

atexit.register(told)
start.identity_builder()
"""


@pytest.mark.parametrize(("wanted", "threads"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")])
def test_the_end_waits_for_no_search_for_cycles_and_small_products_take_one_thread(
    wanted: dict[str, str], threads: str
) -> None:
    kept = {key: value for key, value in os.environ.items() if key != "OPENBLAS_NUM_THREADS"}
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", ENDING, "plugins"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**kept, "PYTHONPATH": paths, **wanted},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"True {threads}"
