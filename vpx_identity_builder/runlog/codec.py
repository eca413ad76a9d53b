"""Frozen values as JSON and back, by their type hints; arrays apart. Reading checks every type.

A field that JSON lacks takes its default, one that the type lacks is left out: both happen between versions.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
T = TypeVar("T")
LARGEST_ARRAY = 1 << 22
"""Numbers in one array; more is damage."""


class MalformedError(ValueError):
    """A value is not what its place asks for."""


def dumps(value: object) -> str:
    """A value of `plain` as text; not-a-number stays what it is."""
    return json.dumps(value, separators=(",", ":"))


def loads(text: bytes | str) -> Any:
    """The JSON value. Raises `MalformedError`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedError("not JSON") from error


def plain(value: Any, without: tuple[str, ...] = ()) -> Any:
    """A value as JSON can hold it; `without`: fields of the value itself that are left out."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"shape": list(value.shape), "f4": base64.b64encode(array_bytes(value) or b"").decode("ascii")}
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.name not in without}
    raise TypeError(f"no JSON for {type(value).__name__}")


def restored(kind: type[T], raw: Any, **known: Any) -> T:
    """A dataclass of `plain`; `known` are fields given apart. Raises `MalformedError`."""
    if not isinstance(raw, dict):
        raise MalformedError(f"{kind.__name__} is no object")
    values = dict(known)
    for name, (hint, required) in _fields(cast(Any, kind)).items():
        if name in known:
            continue
        if name in raw:
            values[name] = _value(hint, raw[name], name)
        elif required:
            raise MalformedError(f"{name} is missing")
    return kind(**values)


@cache
def _fields(kind: type[Any]) -> dict[str, tuple[Any, bool]]:
    hints = get_type_hints(kind)
    return {
        item.name: (hints[item.name], item.default is MISSING and item.default_factory is MISSING)
        for item in fields(kind)
        if item.init
    }


@cache
def _form(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Origin and arguments of a type; asking `typing` for every value would take most of the reading."""
    return get_origin(hint), get_args(hint)


def _value(hint: Any, raw: Any, name: str) -> Any:
    if hint is float:
        return _checked(raw, isinstance(raw, int | float) and not isinstance(raw, bool), name)
    origin, kinds = _form(hint)
    if origin in (Union, UnionType):
        return _one_of(kinds, raw, name)
    if origin is Literal:
        return _checked(raw, raw in kinds, name)
    if origin is tuple:
        return _tuple(kinds, raw, name)
    if origin is np.ndarray:
        return _array(raw, name)
    if origin is not None and issubclass(origin, Mapping):
        _checked(raw, isinstance(raw, dict), name)
        return {key: _value(kinds[1], item, name) for key, item in raw.items()}
    if is_dataclass(hint):
        return restored(cast(type[Any], hint), raw)
    return _scalar(hint, raw, name)


def _scalar(hint: Any, raw: Any, name: str) -> Any:
    if isinstance(hint, type) and issubclass(hint, Enum):
        _checked(raw, raw in [member.value for member in hint], name)
        return hint(raw)
    if hint is bytes:
        try:
            return _checked(raw, isinstance(raw, str), name).encode("latin-1")
        except UnicodeEncodeError as error:
            raise MalformedError(f"{name} holds what is no byte") from error
    if hint is int:
        return _checked(raw, isinstance(raw, int) and not isinstance(raw, bool), name)
    if hint in (str, bool, NoneType):
        return _checked(raw, isinstance(raw, hint), name)
    raise TypeError(f"{name}: no reading of {hint}")


def _one_of(kinds: tuple[Any, ...], raw: Any, name: str) -> Any:
    if raw is None and NoneType in kinds:
        return None
    for kind in kinds:
        try:
            return _value(kind, raw, name)
        except MalformedError:
            continue
    raise MalformedError(f"{name} is none of what it may be")


def _tuple(kinds: tuple[Any, ...], raw: Any, name: str) -> tuple[Any, ...]:
    _checked(raw, isinstance(raw, list), name)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_value(kinds[0], item, name) for item in raw)
    _checked(raw, len(raw) == len(kinds), name)
    return tuple(_value(kind, item, name) for kind, item in zip(kinds, raw, strict=True))


def _array(raw: Any, name: str) -> Array:
    _checked(raw, isinstance(raw, dict) and isinstance(raw.get("f4"), str), name)
    try:
        data = base64.b64decode(raw["f4"], validate=True)
    except ValueError as error:
        raise MalformedError(f"{name} is no base64") from error
    return array_from(data, raw.get("shape"), name)


def array_bytes(value: Array | None) -> bytes | None:
    """An array as little-endian float32."""
    return None if value is None else np.ascontiguousarray(value, "<f4").tobytes()


def array_from(data: bytes, shape: Any, name: str) -> Array:
    """The array of `array_bytes`; `shape` None: a vector. Raises `MalformedError`."""
    if not isinstance(data, bytes) or len(data) % 4 or len(data) > 4 * LARGEST_ARRAY:
        raise MalformedError(f"{name} is no array")
    flat = np.frombuffer(data, "<f4").astype(np.float32)
    if shape is None:
        return flat
    sizes = _tuple((int, ...), shape, name)
    if min(sizes, default=0) < 0 or len(sizes) > 4 or int(np.prod(sizes, dtype=object)) != flat.size:
        raise MalformedError(f"{name} has another shape than it says")
    return flat.reshape(sizes)


def _checked(raw: Any, holds: bool, name: str) -> Any:
    if not holds:
        raise MalformedError(f"{name} is {type(raw).__name__}")
    return raw
