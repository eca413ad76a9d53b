"""Two builds of one video at the same time: the second leaves the first one's log and set alone."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.ecosystem.behaviours import pipeline
from tests.ecosystem.upstream import Script, clip
from vpx_identity_builder.errors import BusyError

from .rides import BOTH, builder_of, feed, published, ride, started


def test_the_second_is_refused_and_the_first_is_untouched(tmp_path: Path) -> None:
    ride(tmp_path / "alone", 2.0)
    first = started(tmp_path / "out")
    frames = clip(2.0, BOTH)
    feed(first, frames[:10])
    second = started(tmp_path / "out")
    with pytest.raises(BusyError, match=f"another build of this video is running in {tmp_path / 'out' / 'ride'}"):
        feed(second, frames)
    assert builder_of(second).finish() is None
    assert builder_of(second).output_path is None
    feed(first, frames[10:])
    builder_of(first).finish()
    assert (tmp_path / "out" / "ride" / "run.sqlite").is_file()
    assert published(tmp_path / "out") == published(tmp_path / "alone")


def test_in_a_host_that_says_nothing_the_second_goes_on_without_a_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = started(tmp_path)
    frames = clip(2.0, BOTH)
    feed(first, frames)
    second = pipeline(tmp_path, Script(BOTH), video_id="ride")
    with caplog.at_level(logging.WARNING):
        feed(second, frames)
    assert "no run log is kept" in caplog.text
    builder_of(first).finish()
    log = (tmp_path / "ride" / "run.sqlite").read_bytes()
    result = builder_of(second).finish()
    assert result is not None
    assert result.faults["run_log_lost"] == 1
    assert (tmp_path / "ride" / "run.sqlite").read_bytes() == log
