"""The converter on tiny graphs: each operation against numpy, and a clear error for what it does not know."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from vpx.body_pose.convert import convert
from vpx.body_pose.tfjs import GraphError, read_weights


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _ints(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(v) for v in values]}}


def _shape(sizes: tuple[int, ...]) -> dict[str, Any]:
    return {"dim": [{"size": str(s)} for s in sizes]}


class TinyGraph:
    """Builds the two files of a tfjs graph model with one input `x` and one output `y`."""

    def __init__(self, shape: tuple[int, ...], out: tuple[int, ...], dtype: str = "DT_FLOAT") -> None:
        attr = {"dtype": {"type": dtype}, "shape": {"shape": _shape(shape)}}
        self.nodes: list[dict[str, Any]] = [{"name": "x", "op": "Placeholder", "attr": attr}]
        self.manifest: list[dict[str, Any]] = []
        self.blob = b""
        self.out = out

    def const(self, name: str, array: Any, dtype: str = "float32") -> TinyGraph:
        data = np.asarray(array, dtype)
        self.nodes.append({"name": name, "op": "Const"})
        self.manifest.append({"name": name, "shape": list(data.shape), "dtype": dtype})
        self.blob += data.tobytes()
        return self

    def node(self, name: str, op: str, *inputs: str, **attr: Any) -> TinyGraph:
        self.nodes.append({"name": name, "op": op, "input": list(inputs), "attr": attr})
        return self

    def files(self) -> tuple[bytes, bytes]:
        outputs = {"y": {"name": "y:0", "tensorShape": _shape(self.out)}}
        document = {
            "modelTopology": {"node": self.nodes},
            "signature": {"outputs": outputs},
            "weightsManifest": [{"paths": ["w.bin"], "weights": self.manifest}],
        }
        return json.dumps(document).encode(), self.blob

    def run(self, x: np.ndarray) -> np.ndarray:
        content = convert(*self.files())
        onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
        session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
        return session.run(None, {"x": x})[0]


def _conv_attr(padding: str, stride: int, fused: tuple[str, ...]) -> dict[str, Any]:
    attr = {
        "padding": {"s": _b64(padding)},
        "data_format": {"s": _b64("NHWC")},
        "strides": _ints(1, stride, stride, 1),
        "dilations": _ints(1, 1, 1, 1),
    }
    return attr | ({"fused_ops": {"list": {"s": [_b64(f) for f in fused]}}} if fused else {})


def _reference_conv(x: np.ndarray, kernel: np.ndarray, stride: int, same: bool, depthwise: bool) -> np.ndarray:
    """Plain loops over the TensorFlow definition: SAME pads more at the bottom and right."""
    kh, kw = kernel.shape[:2]
    height, width = x.shape[1:3]
    if same:
        rows, cols = -(-height // stride), -(-width // stride)
        pad_h, pad_w = max((rows - 1) * stride + kh - height, 0), max((cols - 1) * stride + kw - width, 0)
        x = np.pad(x, ((0, 0), (pad_h // 2, pad_h - pad_h // 2), (pad_w // 2, pad_w - pad_w // 2), (0, 0)))
    else:
        rows, cols = (height - kh) // stride + 1, (width - kw) // stride + 1
    channels = kernel.shape[2] * kernel.shape[3] if depthwise else kernel.shape[3]
    out = np.zeros((1, rows, cols, channels), np.float32)
    for r in range(rows):
        for c in range(cols):
            patch = x[0, r * stride : r * stride + kh, c * stride : c * stride + kw]
            if depthwise:
                out[0, r, c] = np.einsum("hwc,hwcm->cm", patch, kernel).reshape(-1)
            else:
                out[0, r, c] = np.einsum("hwc,hwco->o", patch, kernel)
    return out


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_fused_convolution_with_bias_and_relu6(padding: str, stride: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1, 6, 7, 2)).astype(np.float32)
    kernel, bias = rng.normal(size=(3, 3, 2, 4)).astype(np.float32) * 2, rng.normal(size=4).astype(np.float32)
    expected = np.clip(_reference_conv(x, kernel, stride, padding == "SAME", False) + bias, 0, 6)
    graph = TinyGraph((1, 6, 7, 2), expected.shape).const("k", kernel).const("b", bias)
    graph.node("y", "_FusedConv2D", "x", "k", "b", **_conv_attr(padding, stride, ("BiasAdd", "Relu6")))
    np.testing.assert_allclose(graph.run(x), expected, atol=1e-5)


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_convolution_with_and_without_bias(multiplier: int) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1, 5, 5, 3)).astype(np.float32)
    kernel = rng.normal(size=(3, 3, 3, multiplier)).astype(np.float32)
    expected = _reference_conv(x, kernel, 2, True, True)
    graph = TinyGraph(x.shape, expected.shape).const("k", kernel)
    graph.node("y", "DepthwiseConv2dNative", "x", "k", **_conv_attr("SAME", 2, ()))
    np.testing.assert_allclose(graph.run(x), expected, atol=1e-5)
    bias = rng.normal(size=3 * multiplier).astype(np.float32)
    graph = TinyGraph(x.shape, expected.shape).const("k", kernel).const("b", bias)
    graph.node("y", "FusedDepthwiseConv2dNative", "x", "k", "b", **_conv_attr("SAME", 2, ("BiasAdd", "Relu")))
    np.testing.assert_allclose(graph.run(x), np.maximum(expected + bias, 0), atol=1e-5)


def test_bilinear_resize_uses_half_pixels() -> None:
    x = np.array([0.0, 4.0], np.float32).reshape(1, 1, 2, 1)
    graph = TinyGraph(x.shape, (1, 1, 4, 1)).const("size", [1, 4], "int32")
    attr = {"align_corners": {"b": False}, "half_pixel_centers": {"b": True}}
    graph.node("y", "ResizeBilinear", "x", "size", **attr)
    np.testing.assert_allclose(graph.run(x).reshape(-1), [0.0, 1.0, 3.0, 4.0], atol=1e-6)


def test_argmax_floordiv_pack_and_gather_find_the_peak() -> None:
    x = np.zeros((1, 4, 3), np.float32)
    x[0, 2, 1] = 5.0
    graph = TinyGraph(x.shape, (1,)).const("flat", [1, -1], "int32").const("one", 1, "int32").const("three", 3, "int32")
    graph.const("zero", [0], "int32").const("list", [-1], "int32")
    graph.node("r", "Reshape", "x", "flat").node("at", "ArgMax", "r", "one")
    graph.node("row", "FloorDiv", "at", "three", T={"type": "DT_INT32"}).node("back", "Mul", "row", "three")
    graph.node("col", "Sub", "at", "back").node("row1", "Reshape", "row", "list").node("col1", "Reshape", "col", "list")
    graph.node("index", "Pack", "zero", "row1", "col1", axis={"i": "1"}).node("y", "GatherNd", "x", "index")
    np.testing.assert_array_equal(graph.run(x), [5.0])


def test_unpack_gives_numbered_outputs_and_concat_joins_them() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    graph = TinyGraph(x.shape, (4,)).const("axis", 0, "int32")
    graph.node("u", "Unpack", "x", axis={"i": "1"}, num={"i": "2"}).node("y", "ConcatV2", "u:1", "u:0", "axis")
    np.testing.assert_array_equal(graph.run(x), [2.0, 4.0, 1.0, 3.0])


def test_int_input_is_cast_and_elementwise_operations_follow() -> None:
    x = np.array([1, 4], np.int32)
    graph = TinyGraph((2,), (1, 2), "DT_INT32").const("half", 0.5).const("first", 0, "int32")
    graph.node("f", "Cast", "x", DstT={"type": "DT_FLOAT"}).node("s", "Sqrt", "f").node("q", "RealDiv", "s", "half")
    graph.node("d", "SquaredDifference", "q", "half").node("y", "ExpandDims", "d", "first")
    np.testing.assert_allclose(graph.run(x), [[(2 - 0.5) ** 2, (4 - 0.5) ** 2]], rtol=1e-6)


def test_unknown_operation_is_named() -> None:
    graph = TinyGraph((1,), (1,)).node("y", "Softplus", "x")
    with pytest.raises(GraphError, match=r"'Softplus' is not supported.*node 'y'"):
        convert(*graph.files())


def test_unknown_fused_activation_is_named() -> None:
    graph = TinyGraph((1, 3, 3, 1), (1, 3, 3, 1)).const("k", np.ones((1, 1, 1, 1))).const("b", [0.0])
    graph.node("y", "_FusedConv2D", "x", "k", "b", **_conv_attr("SAME", 1, ("BiasAdd", "Elu")))
    with pytest.raises(GraphError, match="Elu"):
        convert(*graph.files())


@pytest.mark.parametrize(("inputs", "message"), [("y", "cycle"), ("nowhere", "does not exist")])
def test_broken_wiring_is_an_error(inputs: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        convert(*TinyGraph((1,), (1,)).node("y", "Identity", inputs).files())


def test_document_that_is_no_graph_model() -> None:
    with pytest.raises(GraphError, match="not a tfjs graph model"):
        convert(b"{}", b"")


def test_weight_file_of_another_length() -> None:
    document, blob = TinyGraph((1,), (1,)).const("c", [1.0]).node("y", "AddV2", "x", "c").files()
    with pytest.raises(GraphError, match="4 are needed"):
        convert(document, blob[:-1])
    with pytest.raises(GraphError, match="describes 4"):
        convert(document, blob + b"\0")


def test_weights_are_dequantised_as_the_manifest_says() -> None:
    half = np.array([0.5, -2.0], np.float16)
    manifest = [
        {"name": "h", "shape": [2], "dtype": "float32", "quantization": {"dtype": "float16"}},
        {"name": "u", "shape": [3], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0}},
        {"name": "i", "shape": [], "dtype": "int32"},
    ]
    arrays = read_weights(manifest, half.tobytes() + bytes([0, 2, 255]) + np.int32(-7).tobytes())
    np.testing.assert_array_equal(arrays["h"], [0.5, -2.0])
    np.testing.assert_allclose(arrays["u"], [-1.0, 0.0, 126.5])
    assert arrays["i"].shape == ()
    assert int(arrays["i"]) == -7
    with pytest.raises(GraphError, match="complex"):
        read_weights([{"name": "z", "shape": [], "dtype": "complex64"}], b"")
