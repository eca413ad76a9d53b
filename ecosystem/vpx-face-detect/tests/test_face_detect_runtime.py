"""Sessions run on few threads and on the CPU, and read no file but the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from vpx.face_detect.runtime import UnsafeModelError, make_session, require_self_contained

FLOAT = onnx.TensorProto.FLOAT


def weight(name: str = "w", location: str | None = None) -> onnx.TensorProto:
    tensor = onnx.numpy_helper.from_array(np.ones(3, np.float32), name)
    if location is not None:
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
    return tensor


def model(
    initializers: list[onnx.TensorProto], nodes: list[onnx.NodeProto] | None = None, functions: object = ()
) -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, FLOAT, [3]) for name in "xy")
    graph = helper.make_graph(nodes or [helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, functions=functions)


def in_a_branch(tensor: onnx.TensorProto) -> onnx.ModelProto:
    out = helper.make_tensor_value_info("z", FLOAT, [3])
    branch = helper.make_graph([helper.make_node("Identity", ["w"], ["z"])], "b", [], [out], [tensor])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    return model([], [node])


def in_a_function(tensor: onnx.TensorProto) -> onnx.ModelProto:
    constant = helper.make_node("Constant", [], ["y"], value=tensor)
    function = helper.make_function("own", "f", [], ["y"], [constant], [helper.make_opsetid("", 17)])
    return model([weight()], functions=[function])


@pytest.mark.parametrize("threads", [1, 3])
def test_a_session_has_its_threads_and_the_cpu(threads: int) -> None:
    session = make_session(model([weight()]).SerializeToString(), threads)

    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (threads, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert session.run(None, {"x": np.zeros(3, np.float32)})[0].tolist() == [1, 1, 1]


@pytest.mark.parametrize("location", ["weights.bin", "/etc/passwd", "../../weights.bin"])
@pytest.mark.parametrize("place", [lambda tensor: model([tensor]), in_a_branch, in_a_function])
def test_external_data_is_refused_wherever_it_hides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: object, location: str
) -> None:
    monkeypatch.chdir(tmp_path)
    np.ones(3, np.float32).tofile(tmp_path / "weights.bin")
    assert callable(place)
    require_self_contained(place(weight()).SerializeToString())

    with pytest.raises(UnsafeModelError, match="external data"):
        make_session(place(weight(location=location)).SerializeToString(), 1)


@pytest.mark.parametrize("content", [b"", b"stand-in", b"\x08\x08"])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(UnsafeModelError, match="not an ONNX model"):
        make_session(content, 1)
