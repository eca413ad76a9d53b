import numpy as np
import pytest
from visualbase import Frame
from vpx.sdk import Capability, Module, Observation, get_processing_steps, processing_step
from vpx.sdk.testing import FakeModule, make_frame, make_frames


class Minimal(Module):
    name = "test.minimal"
    stateful = True

    def __init__(self):
        self.calls = []

    def initialize(self):
        self.calls.append("initialize")

    def process(self, frame, deps=None):
        return None if frame.frame_id % 2 else Observation(self.name, frame.frame_id, frame.t_src_ns)

    def reset(self):
        self.calls.append("reset")

    def release(self):
        self.calls.append("release")


def test_a_module_without_name_or_process_cannot_be_built():
    class Nameless(Module):
        def process(self, frame, deps=None):
            return None

    with pytest.raises(TypeError, match="name"):
        Nameless()


def test_cleanup_is_reset_then_release():
    module = Minimal()
    module.cleanup()
    assert module.calls == ["reset", "release"]


def test_release_runs_even_where_reset_fails():
    class Broken(Minimal):
        def reset(self):
            raise RuntimeError("reset failed")

    module = Broken()
    with pytest.raises(RuntimeError, match="reset failed"):
        module.cleanup()
    assert module.calls == ["release"]


def test_with_initializes_and_cleans_up_after_an_error():
    module = Minimal()
    with pytest.raises(KeyError), module:
        raise KeyError("x")
    assert module.calls == ["initialize", "reset", "release"]


def test_batch_default_keeps_order_and_gaps():
    results = Minimal().process_batch(make_frames(3), [None, {}, None])
    assert [result and result.frame_id for result in results] == [0, None, 2]


def test_batch_of_unequal_lists_is_refused():
    with pytest.raises(ValueError):
        Minimal().process_batch(make_frames(2), [None])


def test_declarations_have_defaults():
    module = FakeModule()
    assert (module.depends, module.optional_depends, module.stateful) == ([], [], False)
    assert module.port_schema is None
    assert module.error_policy is None
    assert module.capabilities.flags == Capability.NONE
    assert Minimal().capabilities.flags == Capability.STATEFUL


def test_observations_do_not_share_their_dicts():
    first, second = Observation("a", 0, 0), Observation("a", 1, 1)
    first.signals["x"] = 1
    first.metadata["y"] = 1
    assert (second.signals, second.metadata) == ({}, {})


class Stepped:
    def __init__(self, timings):
        self._step_timings = timings

    @processing_step("detect", "find things")
    def detect(self, x):
        return x + 1

    @processing_step("refine", depends_on=("detect",))
    def refine(self):
        """Make them better.

        More text.
        """


class Restepped(Stepped):
    def refine(self):
        return "no step any more"

    @processing_step("last")
    def last(self):
        return None


def test_steps_are_listed_in_order_for_class_and_instance():
    steps = get_processing_steps(Stepped)
    assert [(s.name, s.description, s.method, s.depends_on) for s in steps] == [
        ("detect", "find things", "detect", ()),
        ("refine", "Make them better.", "refine", ("detect",)),
    ]
    assert get_processing_steps(Stepped(None)) == steps


def test_an_overridden_step_is_no_step():
    assert [step.name for step in get_processing_steps(Restepped)] == ["detect", "last"]


def test_steps_are_timed_only_into_a_dict():
    timings = {}
    stepped = Stepped(timings)
    assert stepped.detect(1) == 2
    once = timings["detect"]
    stepped.detect(1)
    assert 0 <= once < timings["detect"]
    assert Stepped(None).detect(x=4) == 5


def test_frames_are_checked():
    with pytest.raises(ValueError, match="uint8"):
        Frame.from_array(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="float32"):
        Frame.from_array(np.zeros((4, 4, 3), np.float32))
    frame = make_frame(width=5, height=4)
    assert (frame.width, frame.height, frame.data.shape) == (5, 4, (4, 5, 3))
