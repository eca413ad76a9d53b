"""Converts a tfjs graph model to ONNX in memory.

Only the operations of the pose model are known; any other is a clear `GraphError`, never a guess. tfjs is NHWC and
ONNX is NCHW: each spatial operation is wrapped in transposes, which the runtime's optimiser cancels between neighbours.
All integers after the input are int64 in ONNX, because its gathering operations ask for that. Tensors that the
converter adds are named `node#part`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from vpx.body_pose.tfjs import Graph, GraphError, Node, read_graph

OPSET = 18
IR_VERSION = 9
_NHWC_TO_NCHW, _NCHW_TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]
_DTYPES = {"DT_FLOAT": TensorProto.FLOAT, "DT_INT32": TensorProto.INT64}
_PADDING = {"SAME": "SAME_UPPER", "VALID": "VALID"}
_ELEMENTWISE = {"AddV2": "Add", "Mul": "Mul", "Sub": "Sub", "RealDiv": "Div", "Sigmoid": "Sigmoid", "Sqrt": "Sqrt"}


def convert(document: bytes, weights: bytes) -> bytes:
    """Serialised ONNX model of a tfjs graph (`model.json` and its weight file). Errors: `GraphError`."""
    model: bytes = build_model(read_graph(document, weights)).SerializeToString()
    return model


def build_model(graph: Graph) -> onnx.ModelProto:
    """ONNX model of a parsed graph: same input and output names, node order by dependency. Errors: `GraphError`."""
    writer = _Writer(graph)
    for node in _ordered(graph):
        writer.add(node)
    outputs = [
        helper.make_tensor_value_info(_tensor(name), TensorProto.FLOAT, shape) for name, shape in graph.outputs.items()
    ]
    used = {name for node in writer.nodes for name in node.input}
    initializers = [tensor for tensor in writer.initializers if tensor.name in used]
    onnx_graph = helper.make_graph(writer.nodes, "tfjs", writer.inputs, outputs, initializer=initializers)
    model = helper.make_model(onnx_graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    return model


def _tensor(name: str) -> str:
    """`node` and `node:0` are one tensor."""
    return name.removesuffix(":0")


def _ordered(graph: Graph) -> list[Node]:
    """Nodes that the outputs need, each after its inputs. Errors: an unknown name, a cycle."""
    by_name = {node.name: node for node in graph.nodes}
    done: dict[str, bool] = {}
    order: list[Node] = []
    stack = [(name.split(":")[0], False) for name in reversed(list(graph.outputs))]
    while stack:
        name, inputs_done = stack.pop()
        if inputs_done:
            done[name] = True
            order.append(by_name[name])
            continue
        if done.get(name):
            continue
        if name not in by_name:
            raise GraphError("an input refers to a node that does not exist", name)
        if name in done:
            raise GraphError("the graph has a cycle", name)
        done[name] = False
        stack.append((name, True))
        pending = [i.split(":")[0] for i in by_name[name].inputs]
        stack.extend((i, False) for i in pending if not done.get(i))
    return order


class _Writer:
    """Collects ONNX nodes; one method per family of operations."""

    def __init__(self, graph: Graph) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self._constants = graph.constants
        self._handlers: dict[str, Callable[[Node], None]] = {
            "Placeholder": self._placeholder,
            "Const": self._const,
            "Identity": self._identity,
            "Cast": self._cast,
            "_FusedConv2D": self._conv,
            "FusedDepthwiseConv2dNative": self._conv,
            "DepthwiseConv2dNative": self._conv,
            "ResizeBilinear": self._resize,
            "ExpandDims": self._expand_dims,
            "Squeeze": self._squeeze,
            "Reshape": self._reshape,
            "Pack": self._pack,
            "Unpack": self._unpack,
            "ConcatV2": self._concat,
            "ArgMax": self._argmax,
            "GatherNd": self._gather_nd,
            "FloorDiv": self._floor_div,
            "SquaredDifference": self._squared_difference,
        }

    def add(self, node: Node) -> None:
        if node.op in _ELEMENTWISE:
            self._emit(_ELEMENTWISE[node.op], node.inputs, node.name)
            return
        handler = self._handlers.get(node.op)
        if handler is None:
            raise GraphError(f"operation '{node.op}' is not supported by this converter", node.name)
        handler(node)

    def _emit(self, op: str, inputs: tuple[str, ...], output: str, attrs: dict[str, Any] | None = None) -> str:
        names = [_tensor(name) for name in inputs]
        self.nodes.append(helper.make_node(op, names, [output], name=output, **(attrs or {})))
        return output

    def _put(self, name: str, array: npt.NDArray[Any]) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def _constant(self, node: Node, position: int) -> npt.NDArray[Any]:
        name = node.inputs[position].split(":")[0]
        if name not in self._constants:
            raise GraphError(f"input {position} must be a constant", node.name)
        return self._constants[name]

    def _axis(self, node: Node, position: int) -> int:
        return int(self._constant(node, position))

    def _nchw(self, name: str, owner: str) -> str:
        return self._emit("Transpose", (name,), f"{owner}#nchw", {"perm": _NHWC_TO_NCHW})

    def _nhwc(self, name: str, output: str) -> None:
        self._emit("Transpose", (name,), output, {"perm": _NCHW_TO_NHWC})

    def _placeholder(self, node: Node) -> None:
        dtype = TensorProto.INT32 if node.attr.dtype("dtype") == "DT_INT32" else TensorProto.FLOAT
        self.inputs.append(helper.make_tensor_value_info(node.name, dtype, node.attr.shape("shape")))

    def _const(self, node: Node) -> None:
        if node.name not in self._constants:
            raise GraphError("the weight manifest lacks this constant", node.name)
        array = self._constants[node.name]
        self._put(node.name, array.astype(np.int64) if array.dtype.kind == "i" else array)

    def _identity(self, node: Node) -> None:
        self._emit("Identity", node.inputs[:1], node.name)

    def _cast(self, node: Node) -> None:
        target = node.attr.dtype("DstT")
        if target not in _DTYPES:
            raise GraphError(f"a cast to '{target}' is not supported", node.name)
        self._emit("Cast", node.inputs, node.name, {"to": _DTYPES[target]})

    def _conv(self, node: Node) -> None:
        depthwise = node.op != "_FusedConv2D"
        kernel = self._constant(node, 1).transpose([2, 3, 0, 1] if depthwise else [3, 2, 0, 1])
        groups = 1
        if depthwise:
            channels, multiplier, height, width = kernel.shape
            kernel, groups = kernel.reshape(channels * multiplier, 1, height, width), channels
        if node.attr.text("data_format") != "NHWC" or node.attr.text("padding") not in _PADDING:
            raise GraphError("only NHWC with SAME or VALID padding is supported", node.name)
        inputs = [self._nchw(node.inputs[0], node.name), self._put(f"{node.name}#kernel", kernel)]
        activations = node.attr.texts("fused_ops") if node.attr.has("fused_ops") else []
        if activations and activations.pop(0) != "BiasAdd":
            raise GraphError("the first fused operation must be BiasAdd", node.name)
        inputs += [node.inputs[2]] if node.attr.has("fused_ops") else []
        attrs = {
            "strides": node.attr.integers("strides")[1:3],
            "dilations": node.attr.integers("dilations")[1:3],
            "kernel_shape": list(kernel.shape[2:]),
            "auto_pad": _PADDING[node.attr.text("padding")],
            "group": groups,
        }
        out = self._emit("Conv", tuple(inputs), f"{node.name}#conv", attrs)
        for kind in activations:
            out = self._activation(kind, out, node)
        self._nhwc(out, node.name)

    def _activation(self, kind: str, value: str, node: Node) -> str:
        if kind == "Relu":
            return self._emit("Relu", (value,), f"{node.name}#relu")
        if kind == "Relu6":
            low = self._put(f"{node.name}#zero", np.array(0, np.float32))
            high = self._put(f"{node.name}#six", np.array(6, np.float32))
            return self._emit("Clip", (value, low, high), f"{node.name}#relu6")
        raise GraphError(f"the fused operation '{kind}' is not supported", node.name)

    def _resize(self, node: Node) -> None:
        if node.attr.boolean("align_corners") or not node.attr.boolean("half_pixel_centers"):
            raise GraphError("only half-pixel bilinear resizing is supported", node.name)
        nchw = self._nchw(node.inputs[0], node.name)
        unchanged = self._emit("Shape", (nchw,), f"{node.name}#unchanged", {"start": 0, "end": 2})
        wanted = self._put(f"{node.name}#wanted", self._constant(node, 1).astype(np.int64))
        sizes = self._emit("Concat", (unchanged, wanted), f"{node.name}#sizes", {"axis": 0})
        attrs = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        out = self._emit("Resize", (nchw, "", "", sizes), f"{node.name}#resize", attrs)
        self._nhwc(out, node.name)

    def _expand_dims(self, node: Node) -> None:
        axes = self._put(f"{node.name}#axes", np.array([self._axis(node, 1)], np.int64))
        self._emit("Unsqueeze", (node.inputs[0], axes), node.name)

    def _squeeze(self, node: Node) -> None:
        axes = self._put(f"{node.name}#axes", np.array(node.attr.integers("squeeze_dims"), np.int64))
        self._emit("Squeeze", (node.inputs[0], axes), node.name)

    def _reshape(self, node: Node) -> None:
        shape = self._put(f"{node.name}#shape", self._constant(node, 1).astype(np.int64))
        self._emit("Reshape", (node.inputs[0], shape), node.name, {"allowzero": 1})

    def _pack(self, node: Node) -> None:
        axis = node.attr.integer("axis")
        axes = self._put(f"{node.name}#axes", np.array([axis], np.int64))
        parts = [self._emit("Unsqueeze", (x, axes), f"{node.name}#part{i}") for i, x in enumerate(node.inputs)]
        self._emit("Concat", tuple(parts), node.name, {"axis": axis})

    def _unpack(self, node: Node) -> None:
        axis = node.attr.integer("axis")
        for index in range(node.attr.integer("num")):
            at = self._put(f"{node.name}#at{index}", np.array(index, np.int64))
            self._emit("Gather", (node.inputs[0], at), f"{node.name}:{index}" if index else node.name, {"axis": axis})

    def _concat(self, node: Node) -> None:
        self._emit("Concat", node.inputs[:-1], node.name, {"axis": self._axis(node, len(node.inputs) - 1)})

    def _argmax(self, node: Node) -> None:
        self._emit("ArgMax", node.inputs[:1], node.name, {"axis": self._axis(node, 1), "keepdims": 0})

    def _gather_nd(self, node: Node) -> None:
        self._emit("GatherND", node.inputs, node.name)

    def _floor_div(self, node: Node) -> None:
        """Integer Div truncates, which is the floor for the non-negative indices that this graph divides."""
        if node.attr.dtype("T") != "DT_INT32":
            raise GraphError("FloorDiv is supported for integers only", node.name)
        self._emit("Div", node.inputs, node.name)

    def _squared_difference(self, node: Node) -> None:
        difference = self._emit("Sub", node.inputs, f"{node.name}#difference")
        self._emit("Mul", (difference, difference), node.name)
