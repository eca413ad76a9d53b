"""Hostile input: whatever a file holds, decoding ends in frames or in one clear error, in bounded time and memory.

`make test` takes a sample; `make torture` (with IDENTITY_TORTURE_SECONDS set) takes all of it.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from visualbase import DecodeLimits, IsolatedSource, SourceError

from tests.torture import media

pytestmark = [pytest.mark.torture, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
WHOLE = bool(os.environ.get("IDENTITY_TORTURE_SECONDS"))
PER_CENT = range(0, 100) if WHOLE else range(1, 100, 14)
FLIPS = 2000 if WHOLE else 24
SEED = 20_261_122
LIMITS = DecodeLimits(stall_s=30, cpu_s=20, memory_mb=1024)
MOST_SECONDS = 60.0
"""One small file; a bound against hanging, far above what a loaded machine needs."""


def outcome(path: Path) -> tuple[str, int]:
    """What decoding a file comes to, and how many frames came; raises for everything that must not happen."""
    start, frames, last = time.monotonic(), 0, (-1, -1)
    failure: SourceError | None = None
    try:
        with IsolatedSource(path, LIMITS) as source:
            for frame in source:
                assert frame.frame_id > last[0]
                assert frame.t_src_ns > last[1]
                assert frame.data.shape == (frame.height, frame.width, 3)
                last = (frame.frame_id, frame.t_src_ns)
                frames += 1
    except SourceError as error:
        failure = error
    assert time.monotonic() - start < MOST_SECONDS
    if failure is None:
        assert frames
        return "shown", frames
    assert failure.reason
    assert "\n" not in str(failure)
    return ("after frames" if frames else "refused"), frames


@pytest.mark.parametrize("kind", media.SHOWN)
def test_odd_files_show_their_frames(tmp_path: Path, kind: str) -> None:
    assert outcome(media.SHOWN[kind](tmp_path))[0] == "shown"


@pytest.mark.parametrize("kind", media.REFUSED)
def test_what_holds_no_pictures_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    assert outcome(media.REFUSED[kind](tmp_path)) == ("refused", 0)


@pytest.mark.parametrize("kind", media.EITHER)
def test_what_may_be_read_or_not_is_one_of_the_two(tmp_path: Path, kind: str) -> None:
    assert outcome(media.EITHER[kind](tmp_path))[0] in ("shown", "refused")


def test_truncated_files(tmp_path: Path) -> None:
    found = Counter[str]()
    for index, content in enumerate(media.truncated(media.wholes(tmp_path), PER_CENT)):
        found[outcome(media.written(tmp_path / f"cut{index}.bin", content))[0]] += 1
    sys.stdout.write(f"truncated: {dict(found)}\n")
    assert found["shown"] > 0
    assert found["refused"] > 0


def test_flipped_bits(tmp_path: Path) -> None:
    found = Counter[str]()
    for content in media.flipped(media.wholes(tmp_path), FLIPS, SEED):
        found[outcome(media.written(tmp_path / "flipped.bin", content))[0]] += 1
    sys.stdout.write(f"flipped: {dict(found)}\n")
    assert found["shown"] > FLIPS // 2
    assert sum(found.values()) == FLIPS
