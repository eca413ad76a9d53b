import dataclasses

import numpy as np
import pytest
from vpx.sdk import Observation
from vpx.sdk.testing import FakeModule, ModuleContractWarning, assert_module_contract, find_non_json, make_frames


class Answering(FakeModule):
    """A fake whose observations are changed by a function before they are returned."""

    def __init__(self, change, name="test.answering"):
        super().__init__(name)
        self._change = change

    def process(self, frame, deps=None):
        obs = super().process(frame, deps)
        self._change(obs)
        return obs


@dataclasses.dataclass
class Clash:
    items: list
    faces: list


def test_a_good_module_passes_both_lifecycles_twice():
    module = FakeModule(signals={"score": 0.5, "ok": True})
    observations = assert_module_contract(module)
    assert [obs.frame_id for obs in observations] == [0, 0, 1, 1, 2, 2]
    one_round = ["initialize", *["process"] * 9, "reset", "reset", "reset", "release"]
    assert module.calls == ["reset", "release", *one_round, *one_round, "reset", "release"]


def test_a_name_without_a_dot_only_warns():
    with pytest.warns(ModuleContractWarning, match="no dot"):
        assert_module_contract(FakeModule("plain"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda obs: obs.signals.update(x=np.float64(1)), r"signals\['x'\] is a numpy\.float64"),
        (lambda obs: obs.signals.update(x=float("nan")), "is nan"),
        (lambda obs: obs.metadata.update(m={"deep": [1, {2}]}), r"metadata\['m'\]\['deep'\]\[1\] is a builtins\.set"),
        (lambda obs: obs.metadata.update(m={1: 2}), "key 1 of type int"),
        (lambda obs: setattr(obs, "source", "other"), "source is 'other'"),
        (lambda obs: setattr(obs, "t_ns", 5), "t_ns is 5"),
        (lambda obs: setattr(obs, "frame_id", np.int64(1)), "frame_id must be an int"),
        (lambda obs: setattr(obs, "data", Clash([], [])), r"\['items'\]"),
        (lambda obs: setattr(obs, "timing", {"step": np.float32(1)}), "timing"),
    ],
)
def test_a_bad_observation_is_explained(change, message):
    with pytest.raises(AssertionError, match=message):
        assert_module_contract(Answering(change))


def test_needing_deps_is_an_error_of_the_module():
    class Needy(FakeModule):
        def process(self, frame, deps=None):
            return Observation(self.name, frame.frame_id, frame.t_src_ns, {"n": len(deps)})

    with pytest.raises(TypeError):
        assert_module_contract(Needy())


def test_wrong_declarations_are_explained():
    module = FakeModule(depends=["a.b"], optional_depends=["a.b"])
    with pytest.raises(AssertionError, match="required and optional at once"):
        assert_module_contract(module)
    module = FakeModule()
    module._depends = "face.detect"
    with pytest.raises(AssertionError, match="list of str"):
        assert_module_contract(module)


def test_plain_json_passes():
    assert find_non_json({"a": [1, 2.5, "x", None, True, {"b": (1, 2)}]}) is None


def test_made_frames_differ_and_repeat():
    first, again = make_frames(2, fps=4), make_frames(2, fps=4)
    assert [frame.t_src_ns for frame in first] == [0, 250_000_000]
    assert np.array_equal(first[1].data, again[1].data)
    assert not np.array_equal(first[0].data, first[1].data)
