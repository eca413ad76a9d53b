"""Reads a tfjs graph model (a JSON document and one weight file) into plain Python and numpy. Pure; no inference."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


class GraphError(ValueError):
    """A graph or its weights cannot be read or converted; `node` names the place, None for the document itself."""

    def __init__(self, message: str, node: str | None = None) -> None:
        super().__init__(message if node is None else f"{message} (node '{node}')")
        self.node = node


@dataclass(frozen=True)
class Attr:
    """Attributes of one node, decoded on demand; a missing one is a `GraphError` unless a default is given."""

    node: str
    raw: dict[str, Any] = field(default_factory=dict)

    def _value(self, name: str, kind: str) -> Any:
        entry = self.raw.get(name)
        if not isinstance(entry, dict) or kind not in entry:
            raise GraphError(f"attribute '{name}' of kind '{kind}' is missing", self.node)
        return entry[kind]

    def has(self, name: str) -> bool:
        """Is the attribute there?"""
        return name in self.raw

    def integer(self, name: str) -> int:
        """An int attribute (tfjs writes integers as text)."""
        return int(self._value(name, "i"))

    def integers(self, name: str) -> list[int]:
        """A list-of-int attribute; an empty list may be written as `{}`."""
        return [int(v) for v in self._value(name, "list").get("i", [])]

    def boolean(self, name: str) -> bool:
        """A bool attribute."""
        return bool(self._value(name, "b"))

    def text(self, name: str) -> str:
        """A string attribute (base64 in the document)."""
        return _decode(self._value(name, "s"))

    def texts(self, name: str) -> list[str]:
        """A list-of-string attribute."""
        return [_decode(v) for v in self._value(name, "list").get("s", [])]

    def dtype(self, name: str) -> str:
        """A type attribute, such as `DT_FLOAT`."""
        return str(self._value(name, "type"))

    def shape(self, name: str) -> list[int]:
        """A shape attribute, sizes in order."""
        return [int(dim["size"]) for dim in self._value(name, "shape").get("dim", [])]


def _decode(value: str) -> str:
    return base64.b64decode(value).decode("ascii")


@dataclass(frozen=True)
class Node:
    """One operation: `inputs` are tensor names, `name` or `name:index`; control dependencies (`^name`) are dropped."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attr: Attr


@dataclass(frozen=True)
class Graph:
    """A whole model: nodes in file order, constants by node name, and the signature's outputs (name to shape)."""

    nodes: tuple[Node, ...]
    constants: dict[str, npt.NDArray[Any]]
    outputs: dict[str, list[int]]


def read_graph(document: bytes, weights: bytes) -> Graph:
    """Parse `model.json` and its concatenated weight file. Errors: `GraphError`."""
    try:
        model = json.loads(document)
        raw_nodes = model["modelTopology"]["node"]
        outputs = {
            str(spec["name"]): [int(dim["size"]) for dim in spec["tensorShape"].get("dim", [])]
            for spec in model["signature"]["outputs"].values()
        }
        manifest = [spec for group in model["weightsManifest"] for spec in group["weights"]]
    except (ValueError, KeyError, TypeError) as error:
        raise GraphError(f"not a tfjs graph model: {error!r}") from error
    return Graph(
        nodes=tuple(_node(raw) for raw in raw_nodes), constants=read_weights(manifest, weights), outputs=outputs
    )


def _node(raw: dict[str, Any]) -> Node:
    inputs = tuple(name for name in raw.get("input", ()) if not name.startswith("^"))
    return Node(name=raw["name"], op=raw["op"], inputs=inputs, attr=Attr(raw["name"], dict(raw.get("attr", {}))))


def read_weights(manifest: list[dict[str, Any]], blob: bytes) -> dict[str, npt.NDArray[Any]]:
    """Arrays of a weight manifest, in order, dequantised to what the manifest's `dtype` says. Errors: `GraphError`."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    offset = 0
    for spec in manifest:
        name = str(spec["name"])
        stored, target = _stored_dtype(spec)
        shape = [int(size) for size in spec["shape"]]
        end = offset + math.prod(shape) * stored.itemsize
        if end > len(blob):
            raise GraphError(f"the weight file ends at byte {len(blob)}, {end} are needed", name)
        raw = np.frombuffer(blob[offset:end], dtype=stored).reshape(shape)
        arrays[name] = _dequantise(raw, spec.get("quantization"), target)
        offset = end
    if offset != len(blob):
        raise GraphError(f"the weight file has {len(blob)} bytes, the manifest describes {offset}")
    return arrays


_DTYPES: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "int32": np.dtype("<i4")}
_QUANTISED: dict[str, np.dtype[Any]] = {"float16": np.dtype("<f2"), "uint8": np.dtype("u1"), "uint16": np.dtype("<u2")}


def _stored_dtype(spec: dict[str, Any]) -> tuple[np.dtype[Any], np.dtype[Any]]:
    name, dtype, quantisation = str(spec["name"]), str(spec["dtype"]), spec.get("quantization")
    if dtype not in _DTYPES:
        raise GraphError(f"weights of type '{dtype}' are not supported", name)
    if quantisation is None:
        return _DTYPES[dtype], _DTYPES[dtype]
    if quantisation.get("dtype") not in _QUANTISED:
        raise GraphError(f"quantisation '{quantisation.get('dtype')}' is not supported", name)
    return _QUANTISED[quantisation["dtype"]], _DTYPES[dtype]


def _dequantise(raw: npt.NDArray[Any], quantisation: dict[str, Any] | None, target: np.dtype[Any]) -> npt.NDArray[Any]:
    if quantisation is None or quantisation["dtype"] == "float16":
        return raw.astype(target)
    values: npt.NDArray[np.float32] = raw.astype(np.float32) * np.float32(quantisation["scale"]) + np.float32(
        quantisation["min"]
    )
    if target.kind == "i":
        return np.rint(values).astype(target)
    return values
