"""Highlight windows as files: what is read, and what is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vpx_identity_builder.cli import app
from vpx_identity_builder.errors import InputError
from vpx_identity_builder.windows import read_windows, total_seconds

WHOLE = {
    "window_id": 1,
    "start_ms": 2000.0,
    "end_ms": 4500.0,
    "peak_ms": 3100.0,
    "score_rule": 0.8,
    "score_model": None,
    "key_features": {"smile": 0.9},
    "selected_frames": [61, 75],
    "added_later": "ignored",
}


def written(folder: Path, content: object) -> Path:
    path = folder / "windows.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_windows_are_read_in_order_of_time_whatever_else_they_say(tmp_path: Path) -> None:
    path = written(tmp_path, [{"start_ms": 9000, "end_ms": 9500}, WHOLE, {"start_ms": 4000, "end_ms": 5000}])
    windows = read_windows(path)
    assert [(w.start_ms, w.end_ms) for w in windows] == [(2000, 4500), (4000, 5000), (9000, 9500)]
    assert [w.holds(4_500_000_000) for w in windows] == [True, True, False]
    assert [windows[0].holds(t) for t in (1_999_999_999, 2_000_000_000, 4_500_000_001)] == [False, True, False]
    assert total_seconds(windows) == 3.5
    assert read_windows(written(tmp_path, [])) == ()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("[{", "must be a list of windows with start_ms and end_ms: Invalid JSON"),
        ({"windows": [WHOLE]}, "must be a list of windows with start_ms and end_ms"),
        ([WHOLE, {"start_ms": 5}], "window 2: end_ms: Field required"),
        ([{**WHOLE, "start_ms": -1}], "window 1: start_ms: Input should be greater than or equal to 0"),
        ([{**WHOLE, "end_ms": 2000}], "window 1: end_ms 2000 must be after start_ms 2000"),
        ([{"start_ms": 1234567, "end_ms": 1234567}], "window 1: end_ms 1234567 must be after start_ms 1234567"),
        ([{**WHOLE, "end_ms": "late"}], "window 1: end_ms: Input should be a valid number"),
        ([7], "window 1: Input should be an object"),
        ('[{"start_ms": 1, "end_ms": NaN}]', "window 1: end_ms: Input should be a finite number"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: object, text: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_windows(path)
    assert str(caught.value).startswith(f"cannot read {path}: {text}")


def test_a_wrong_file_is_known_before_the_video_is_opened(tmp_path: Path) -> None:
    def build(*words: object) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["build", *map(str, words)])
        return done.exit_code, done.stderr

    wrong, good = tmp_path / "absent.json", written(tmp_path, [WHOLE])
    assert build("ride.mp4", "--windows", wrong) == (3, f"error: cannot read {wrong}: No such file or directory\n")
    code, said = build("a.mp4", "b.mp4", "--windows", good)
    assert code == 2
    assert said == f"error: wrong setting: windows = '{good}': belongs to one video: give one input [argument]\n"
