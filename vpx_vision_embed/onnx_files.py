"""Reads from an ONNX file, without the onnx package, which external data files it refers to.

A model file may point at any path for its tensors. Before a file reaches the inference library, these locations are
compared with the files that were verified together with it. Only the few protobuf fields on the way to
`TensorProto.external_data` are followed; tensor bytes are skipped, so that a model of
hundreds of MB takes milliseconds.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from vpx_vision_embed.errors import WeightsUnsafeError

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5

# message -> {field number: message of that field}; every way to a TensorProto in the ONNX schema
_PATHS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}


class _MalformedError(ValueError):
    """The bytes are not a protobuf message."""


def external_locations(path: Path) -> set[str]:
    """The `location` strings of all external tensors in the ONNX file. Raises ValueError if it is no ONNX file."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            return set(_locations(content, 0, len(content), "model"))
        except (_MalformedError, IndexError, RecursionError) as error:
            raise ValueError(f"{path} is not an ONNX model") from error


def require_only_beside(path: Path, verified: set[str]) -> None:
    """Raise WeightsUnsafeError if the model at `path` refers to a file that is not one of `verified` beside it."""
    try:
        locations = external_locations(path)
    except ValueError as error:
        raise WeightsUnsafeError(path, "unreadable model file") from error
    for location in sorted(locations):
        if location not in verified:
            raise WeightsUnsafeError(path, location)


def _locations(data: mmap.mmap, start: int, end: int, kind: str) -> Iterator[str]:
    inner = _PATHS[kind]
    for number, low, high in _fields(data, start, end):
        child = inner.get(number)
        if child == "entry":
            key, value = _entry(data, low, high)
            if key == "location":
                yield value
        elif child is not None:
            yield from _locations(data, low, high, child)


def _entry(data: mmap.mmap, start: int, end: int) -> tuple[str, str]:
    texts = {number: data[low:high].decode("utf-8", "replace") for number, low, high in _fields(data, start, end)}
    return texts.get(1, ""), texts.get(2, "")


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Length-delimited fields of one message as (field number, start, end); other wire types are stepped over."""
    position = start
    while position < end:
        tag, position = _varint(data, position)
        wire = tag & 7
        if wire == _LENGTH:
            size, position = _varint(data, position)
            yield tag >> 3, position, position + size
            position += size
        elif wire == _VARINT:
            _, position = _varint(data, position)
        elif wire in (_FIXED64, _FIXED32):
            position += 8 if wire == _FIXED64 else 4
        else:
            raise _MalformedError(f"wire type {wire}")
        if position > end:
            raise _MalformedError("a field reaches over the end of its message")


def _varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise _MalformedError("varint too long")
