"""Highlight windows, triggers and plugins: denser frames, and the choice among images of equal quality (§15)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from visualbase import Frame
from vpx.runner import LiteRunner
from vpx.sdk import Module, Observation

from tests.ecosystem.upstream import RIDER, FakeDetect, FakeExpression, FakeVision, picture
from vpx_identity_builder import IdentityBuilder
from vpx_identity_builder.errors import InputError
from vpx_identity_builder.highlights import NO_FRAME_INSIDE, is_triggered
from vpx_identity_builder.hooks import hookimpl

EVENT_S = (2.05, 2.25)
"""The rider smiles between two frames of a run at 2 frames per second."""
WINDOW = [{"window_id": 0, "start_ms": 1900, "end_ms": 2400}]


class ShortSmile(FakeExpression):
    """A calm rider but for the event."""

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation | None:
        obs = super().process(frame, deps)
        assert obs is not None
        smiling = EVENT_S[0] < frame.t_src_ns / 1e9 < EVENT_S[1]
        for face in obs.data.faces:
            signals = {"smile_intensity": 0.8 if smiling else 0.0, "mouth_open_ratio": 0.0, "eye_open_ratio": 0.9}
            face.signals.update(signals)
        return obs


class Trigger(Module):
    """Gives a sign in the second half of the second second."""

    name = "ride.trigger"

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation | None:
        fires = frame.t_src_ns == 2_000_000_000
        return Observation(self.name, frame.frame_id, frame.t_src_ns, {"trigger": True}) if fires else None


class Curious:
    """A plugin that finds the event worth 15 times two frames per second; at most 10 count."""

    @hookimpl
    def identity_builder_sampling_priority(self, t_ns: int) -> float | None:
        return 10.0 if 1.9 < t_ns / 1e9 < 2.4 else None


def frames(seconds: float = 4.0) -> list[Frame]:
    """The scripted clip at 30 frames per second."""
    times = [round(i * 1e9 / 30) for i in range(round(30 * seconds))]
    return [Frame.from_array(picture((RIDER,), t_ns), i, t_ns) for i, t_ns in enumerate(times)]


def run(folder: Path, *more: Module, plugins: dict[str, object] | None = None, **settings: object) -> list[int]:
    """Build at 2 frames per second; the times in ms that the builder saw."""
    values = {"output_dir": folder, "video_id": "ride", "min_frames": 1, **settings}
    builder = IdentityBuilder(values, plugins)
    seen: list[int] = []

    def note(obs: Observation) -> None:
        if obs.source == "identity_builder":
            seen.append(round(obs.t_ns / 1e6))

    LiteRunner([FakeDetect(), ShortSmile(), FakeVision(), *more, builder], on_observation=note).run(frames(), fps=2)
    return seen


def documents(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in folder.rglob("*_meta.json")]


def windows_file(folder: Path) -> Path:
    path = folder / "windows.json"
    path.write_text(json.dumps(WINDOW))
    return path


USUAL = [0, 500, 1000, 1500, 2000, 2500, 3000, 3500]


def test_an_event_between_two_frames_is_missed_without_a_window_and_found_with_one(tmp_path: Path) -> None:
    assert run(tmp_path / "plain") == USUAL
    assert {m["expression_bin"] for m in documents(tmp_path / "plain")} == {"neutral"}
    seen = run(tmp_path / "window", windows=windows_file(tmp_path))
    inside = [t for t in seen if 1900 <= t <= 2400]
    assert [t for t in seen if t not in inside] == [t for t in USUAL if not 1900 <= t <= 2400]
    assert inside == [round(i * 1000 / 30) for i in range(57, 73)]
    smiles = [m for m in documents(tmp_path / "window") if m["expression_bin"] == "smile"]
    assert len(smiles) >= 1
    assert all(m["details"]["in_highlight"] for m in smiles)
    assert {m["details"]["in_highlight"] for m in documents(tmp_path / "plain")} == {False}


def test_the_result_says_how_many_frames_lay_in_windows(tmp_path: Path) -> None:
    def notes(folder: str, content: str) -> list[str]:
        path = tmp_path / f"{folder}.json"
        path.write_text(content)
        run(tmp_path / folder, windows=path)
        found: list[str] = json.loads(next((tmp_path / folder).rglob("result.json")).read_text())["notes"]
        return [note for note in found if "highlight" in note]

    assert notes("inside", json.dumps(WINDOW)) == ["Frames in highlight windows: 16."]
    assert notes("beyond", '[{"start_ms": 90000, "end_ms": 95000}]') == [NO_FRAME_INSIDE]
    assert notes("none", "[]") == []


def test_the_rate_inside_is_a_setting(tmp_path: Path) -> None:
    seen = run(tmp_path / "out", windows=windows_file(tmp_path), window_fps=10)
    assert [t for t in seen if 1900 <= t <= 2400] == [1900, 2000, 2100, 2200, 2300, 2400]
    assert run(tmp_path / "slow", windows=windows_file(tmp_path), window_fps=1) == USUAL


def test_a_trigger_of_another_module_makes_the_next_second_denser(tmp_path: Path) -> None:
    seen = run(tmp_path, Trigger(), highlight_inputs="ride.trigger", highlight_hold_ms=400, window_fps=10)
    assert seen == [0, 500, 1000, 1500, 2000, 2100, 2200, 2300, 2400, 2500, 3000, 3500]
    assert {m["expression_bin"] for m in documents(tmp_path)} == {"neutral", "smile"}
    ignored = run(tmp_path / "ignored", Trigger())
    assert ignored == USUAL


def test_a_plugin_that_finds_a_moment_important_gets_more_of_it(tmp_path: Path) -> None:
    seen = run(tmp_path, plugins={"curious": Curious()})
    assert [t for t in seen if 1900 < t < 2400] == [1967, 2000, 2067, 2100, 2167, 2200, 2267, 2300, 2367]
    assert {m["expression_bin"] for m in documents(tmp_path)} == {"neutral", "smile"}


def test_a_run_goes_on_while_a_window_is_ahead(tmp_path: Path) -> None:
    """Covered after the first frames by the lowest possible bar, and told to stop then."""
    easy = {"stop_yaw": 1, "stop_pitch": 1, "stop_expression": 1, "anchors_min": 1, "novelty_plateau": 2}
    easy |= {"novelty_threshold": 2, "novelty_window": 1}
    assert run(tmp_path / "plain", **easy)[-1] == 2500
    later = tmp_path / "later.json"
    later.write_text('[{"start_ms": 3000, "end_ms": 3400}]')
    assert run(tmp_path / "window", windows=later, **easy)[-1] == 3400


@pytest.mark.parametrize("value", [False, 0, None, "yes", {}])
def test_only_a_true_signal_is_a_trigger(value: object) -> None:
    obs = Observation("a", 0, 0, {"trigger": value})
    assert not is_triggered({"a": obs}, ["a"])
    assert is_triggered({"a": replace(obs, signals={"trigger": True})}, ["a", "b"])
    assert not is_triggered({"b": replace(obs, signals={"trigger": True})}, ["a"])
    assert not is_triggered(None, ["a"])


def test_a_file_that_cannot_be_read_is_told_at_the_start(tmp_path: Path) -> None:
    builder = IdentityBuilder({"windows": tmp_path / "absent.json"})
    with pytest.raises(InputError, match=r"absent\.json: No such file"):
        builder.initialize()
