"""Hostile input on the command line: an exit code and one line, never a traceback or half a set."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner
from vpx.runner import LiteRunner

from tests.ecosystem.upstream import FakeDetect, FakeExpression, FakeVision
from tests.torture import media
from vpx_identity_builder.cli import app
from vpx_identity_builder.commands import build

pytestmark = pytest.mark.torture
READABLE = ("rotated", "ten_bit", "variable_size", "wrapping_times", "million_fps", "undecodable_name")
UNREADABLE = ("huge_jpeg_photo", "huge_raw_video", "fifo", "device", "http", "m3u8_of_http", "long_name")


@pytest.fixture(autouse=True)
def _small_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    def runner(module: object, asked: build.Request, on_frame: build.OnFrame) -> LiteRunner:
        modules = [FakeDetect(), FakeExpression(), FakeVision(), module]
        return LiteRunner(modules, on_frame=on_frame, settings={"decode.stall_s": "20"})

    monkeypatch.setattr(build, "_runner", runner)


def built(source: Path, output: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["build", "-o", str(output), "--", str(source)])
    assert "Traceback" not in result.stderr
    left = {path.name for path in output.rglob(".*")} if output.exists() else set()
    assert left == set()
    for folder in output.glob("*/identity_builder"):
        assert (folder / "result.json").is_file()
        assert (folder / "report.html").is_file()
    return result.exit_code, result.stderr


@pytest.mark.parametrize("kind", READABLE)
def test_odd_videos_give_an_ordinary_result(tmp_path: Path, kind: str) -> None:
    (tmp_path / "in").mkdir()
    code, said = built(media.SHOWN[kind](tmp_path / "in"), tmp_path / "out")
    assert code in (0, 4), said


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_one_line_and_code_3(tmp_path: Path, kind: str) -> None:
    (tmp_path / "in").mkdir()
    code, said = built(media.REFUSED[kind](tmp_path / "in"), tmp_path / "out")
    assert code == 3
    assert [line for line in said.splitlines() if line.startswith("error: ")] == said.splitlines()
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()
