import cv2
import numpy as np
import pytest
import vpx.runner
from visualbase import SourceError, SourceNotFound
from vpx.runner import LiteRunner, RunError, SettingsError, StartError
from vpx.runner.errors import SamplingError, describe
from vpx.sdk import (
    Observation,
)
from vpx.sdk.testing import FakeModule, make_frames


class Telling(FakeModule):
    """A fake that also records begin_run and end_run."""

    def begin_run(self, info):
        self.calls.append("begin_run")
        self.info = info

    def end_run(self, reason):
        self.calls.append(f"end_run {reason}")


class RaisingAt(Telling):
    def __init__(self, name, frame_id, error, **parts):
        super().__init__(name, **parts)
        self._frame_id, self._error = frame_id, error

    def process(self, frame, deps=None):
        if frame.frame_id == self._frame_id:
            raise self._error
        return super().process(frame, deps)


class RaisingAtCleanup(Telling):
    def cleanup(self):
        raise OSError("disk is full")


class StoppingAt(Telling):
    def process(self, frame, deps=None):
        obs = super().process(frame, deps)
        obs.signals["should_stop"] = frame.frame_id == 3
        return obs


def test_modules_run_in_order_and_each_sees_what_it_declared():
    first = FakeModule("a", signals={"x": 1})
    second = FakeModule("b", depends=["a"], optional_depends=["z"])
    third = FakeModule("c", optional_depends=["z"])
    runner = LiteRunner([third, second, first])
    result = runner.run(make_frames(2))
    assert result.module_names == ["c", "a", "b"]
    assert [sorted(deps) for deps in second.seen_deps] == [["a"], ["a"]]
    assert second.seen_deps[0]["a"].signals == {"x": 1}
    assert third.seen_deps == [{}, {}]
    assert first.seen_deps == [None, None]


def test_a_module_without_output_is_not_in_deps():
    class Silent(FakeModule):
        def process(self, frame, deps=None):
            return None

    after = FakeModule("b", depends=["a"])
    result = LiteRunner([Silent("a"), after], keep_observations=True).run(make_frames(1))
    assert after.seen_deps == [{}]
    assert [sorted(frame) for frame in result.frames] == [["b"]]
    assert result.observation_count == 1


def test_the_lifecycle_and_what_a_module_is_told(video):
    module = Telling()
    result = LiteRunner([module], output_dir="out").run(str(video), fps=5, max_frames=3)
    assert module.calls == ["initialize", "begin_run", *["process"] * 3, "end_run max_frames", "reset", "release"]
    assert module.info == {
        "source": str(video),
        "video_id": "clip",
        "output_dir": "out",
        "fps": 5,
        "source_fps": 10.0,
        "source_files": None,
        "settings": [],
        "modules": ["fake.module", "decode"],
    }
    assert (result.frame_count, result.stop_reason, result.cleanup_errors) == (3, "max_frames", [])
    assert LiteRunner([Telling()]).run(str(video), fps=5, max_frames=10).stop_reason == "end_of_video"


def test_frames_without_a_file_have_no_video_id():
    module = Telling()
    LiteRunner([module]).run(make_frames(1))
    assert (module.info["source"], module.info["video_id"], module.info["source_fps"]) == (None, None, None)


def test_callbacks_get_observations_and_frames():
    observations, frames = [], []
    LiteRunner(
        [FakeModule("a"), FakeModule("b")],
        lambda obs: observations.append((obs.source, obs.frame_id)),
        lambda frame, results: frames.append((frame.frame_id, sorted(results))),
    ).run(make_frames(2))
    assert observations == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert frames == [(0, ["a", "b"]), (1, ["a", "b"])]


def test_observations_are_kept_only_on_request():
    assert LiteRunner([FakeModule("a")]).run(make_frames(3)).frames == []
    kept = LiteRunner([FakeModule("a")], keep_observations=True).run(make_frames(3)).frames
    assert [frame["a"].frame_id for frame in kept] == [0, 1, 2]
    assert isinstance(kept[0]["a"], Observation)


def test_a_failing_module_is_named_and_all_are_cleaned_up():
    good, bad = Telling("good"), RaisingAt("bad", 1, ZeroDivisionError("oops"))
    with pytest.raises(RunError, match=r"'bad' failed on frame 1 at 0\.100 s: ZeroDivisionError: oops") as caught:
        LiteRunner([good, bad]).run(make_frames(3))
    assert (caught.value.module, caught.value.frame_id, caught.value.t_ns) == ("bad", 1, 100_000_000)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert good.calls[-3:] == bad.calls[-3:] == ["end_run failed", "reset", "release"]


def test_failing_cleanup_is_collected_and_the_others_still_end():
    first, last = Telling("first"), Telling("last")
    result = LiteRunner([first, RaisingAtCleanup("bad"), last]).run(make_frames(1))
    assert result.cleanup_errors == ["cleanup of module 'bad' failed: OSError: disk is full"]
    assert first.calls[-1] == last.calls[-1] == "release"


def test_failures_of_cleanup_come_with_the_failure_of_a_frame():
    with pytest.raises(RunError) as caught:
        LiteRunner([RaisingAt("bad", 0, ValueError("x")), RaisingAtCleanup("untidy")]).run(make_frames(1))
    assert caught.value.cleanup_errors == ["cleanup of module 'untidy' failed: OSError: disk is full"]
    assert caught.value.__notes__ == caught.value.cleanup_errors


def test_should_stop_ends_the_run_after_the_whole_frame():
    stopping, after = StoppingAt("a"), Telling("b")
    result = LiteRunner([stopping, after]).run(make_frames(10))
    assert (result.frame_count, result.stop_reason) == (4, "stopped")
    assert after.calls.count("process") == 4
    assert after.calls[-3] == "end_run stopped"


def test_an_interrupt_ends_the_modules_and_goes_on():
    module = RaisingAt("a", 1, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        LiteRunner([module]).run(make_frames(3))
    assert module.calls[-3:] == ["end_run interrupted", "reset", "release"]


def test_stop_ends_after_the_current_frame():
    module = Telling("a")
    runner = LiteRunner([module], on_frame=lambda frame, _: runner.stop() if frame.frame_id == 1 else None)
    result = runner.run(make_frames(5))
    assert (result.frame_count, result.stop_reason) == (2, "interrupted")
    assert module.calls[-3] == "end_run interrupted"


def test_a_module_that_cannot_start_is_named_and_the_started_are_cleaned_up():
    class Unstartable(Telling):
        def initialize(self):
            raise FileNotFoundError("no model")

    started, never = Telling("a"), Telling("c", depends=["b"])
    with pytest.raises(StartError, match="'b' cannot start: FileNotFoundError: no model") as caught:
        LiteRunner([started, Unstartable("b"), never]).run(make_frames(1))
    assert caught.value.module == "b"
    assert started.calls == ["initialize", "end_run failed", "reset", "release"]
    assert never.calls == []


def test_modules_are_told_the_names_of_photos_by_frame_number(tmp_path):
    for name in ("img10.png", "img2.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    module = Telling()
    LiteRunner([module]).run(tmp_path)
    assert module.info["source_files"] == ["img2.png", "img10.png"]


def test_errors_of_packages_speak_for_themselves_and_pythons_own_are_named():
    assert describe(StartError("a", KeyError("x"))) == "module 'a' cannot start: KeyError: 'x'"
    assert describe(SettingsError("a is wrong")) == "a is wrong"
    assert describe(OSError()) == "OSError"


def test_a_bad_source_is_known_before_any_model_is_loaded(tmp_path):
    module = Telling()
    with pytest.raises(SourceNotFound):
        LiteRunner([module]).run(tmp_path / "none.mp4")
    assert module.calls == []


def test_a_folder_of_unreadable_images_ends_the_run_by_name(tmp_path):
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(b"no")
    module = Telling()
    with pytest.raises(SourceError, match=tmp_path.name):
        LiteRunner([module]).run(tmp_path)
    assert module.calls[-3] == "end_run failed"


def test_an_object_with_open_read_and_close_is_a_source():
    class Counting:
        def __init__(self):
            self.calls, self.frames = [], iter(make_frames(20, fps=10))

        def open(self):
            self.calls.append("open")

        def read(self):
            return next(self.frames, None)

        def close(self):
            self.calls.append("close")

    source = Counting()
    result = LiteRunner([FakeModule("a")], keep_observations=True).run(source, fps=5)
    assert [frame["a"].frame_id for frame in result.frames] == list(range(0, 20, 2))
    assert source.calls == ["open", "close"]


def test_frames_may_come_from_a_generator_and_are_sampled():
    result = LiteRunner([FakeModule("a")], keep_observations=True).run((f for f in make_frames(9, fps=10)), fps=4)
    assert [frame["a"].t_ns // 1_000_000 for frame in result.frames] == [0, 300, 500, 800]


class Curious(FakeModule):
    """Looks closely at the second half of the first second, once it is told that a run begins."""

    rate = 8

    def begin_run(self, info):
        self.calls.append("begin_run")

    def sampling_fps(self, t_ns):
        self.calls.append("sampling_fps")
        return self.rate if 500_000_000 <= t_ns < 1_000_000_000 else None


@pytest.mark.parametrize("kind", ["frames", "video"])
def test_a_module_gets_more_frames_where_it_asks_for_them(video, kind):
    source = make_frames(20, fps=10) if kind == "frames" else video
    curious = Curious("a")
    result = LiteRunner([FakeModule("b"), curious], keep_observations=True).run(source, fps=2)
    plain = LiteRunner([FakeModule("b")], keep_observations=True).run(source, fps=2)
    times = [frame["b"].t_ns // 1_000_000 for frame in result.frames]
    assert [frame["b"].t_ns // 1_000_000 for frame in plain.frames] == [0, 500, 1000, 1500]
    assert times == [0, 500, 700, 800, 900, 1000, 1500]
    assert curious.calls.index("begin_run") < curious.calls.index("sampling_fps")


@pytest.mark.parametrize("rate", [0, float("nan"), -1, "often", float("inf")])
def test_a_sampling_rate_that_is_none_ends_the_run_by_name(rate):
    curious = Curious("a")
    curious.rate = rate
    with pytest.raises(SamplingError, match=r"module 'a' failed on the sampling rate at 0\.500 s"):
        LiteRunner([curious]).run(make_frames(20, fps=10), fps=2)
    assert curious.calls[-2:] == ["reset", "release"]


def test_a_runner_runs_twice(video):
    runner = LiteRunner([FakeModule("a")])
    assert [runner.run(video).frame_count for _ in range(2)] == [20, 20]


@pytest.mark.parametrize("arguments", [{"fps": 0}, {"fps": float("nan")}, {"max_frames": 0}])
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(SettingsError):
        LiteRunner([FakeModule("a")]).run(make_frames(1), **arguments)


def test_every_public_name_exists():
    assert [name for name in vpx.runner.__all__ if not hasattr(vpx.runner, name)] == []


class CutOff:
    """A source that gives fewer frames than it promised."""

    truncated = False

    def open(self):
        self.left = make_frames(3)

    def read(self):
        if self.left:
            return self.left.pop(0)
        self.truncated = True
        return None

    def close(self):
        self.left = []


def test_a_source_that_is_cut_off_is_said_to_be():
    module = Telling("run.telling")
    assert LiteRunner([module]).run(CutOff()).stop_reason == "truncated"
    assert "end_run truncated" in module.calls


def test_what_could_not_be_read_is_told_before_the_end(tmp_path):
    class Counting(Telling):
        def source_errors(self, count):
            self.calls.append(f"source_errors {count}")

    for index in range(5):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((8, 8, 3), index, np.uint8))
    (tmp_path / "2.png").write_bytes(b"not an image")
    module, quiet = Counting("run.counting"), Telling("run.telling")
    result = LiteRunner([module, quiet]).run(tmp_path)
    assert (result.frame_count, result.source_errors, result.stop_reason) == (4, 1, "end_of_video")
    ending = [call for call in module.calls if call.split()[0] in ("source_errors", "end_run", "release")]
    assert ending == ["source_errors 1", "end_run end_of_video", "release"]
    assert result.cleanup_errors == []
    whole = Counting("run.counting")
    LiteRunner([whole]).run(make_frames(2))
    assert not any(call.startswith("source_errors") for call in whole.calls)
