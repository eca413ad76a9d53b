"""Frozen values as JSON and back, by their type hints; arrays apart. Reading checks every type.

A field that JSON lacks takes its default, one that the type lacks is left out: both happen between versions.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
T = TypeVar("T")
Reader = Callable[[Any, str], Any]
"""JSON value and the name of its field → value. Raises `MalformedError`."""
_STORED = np.dtype("<f4")
_WHOLE = frozenset((int,))
LARGEST_ARRAY = 1 << 22
"""Numbers in one array; more is damage."""
LARGEST_FLOAT = 1e15
MOST_DIGITS = 20
"""Of a whole number with its sign: times in ns have 19."""


class MalformedError(ValueError):
    """A value is not what its place asks for."""


def dumps(value: object) -> str:
    """A value of `plain` as text."""
    return json.dumps(value, separators=(",", ":"))


def loads(text: bytes | str) -> Any:
    """The JSON value. Raises `MalformedError`, also for numbers that no build writes: they cannot be reckoned with; and
    for half a character (a lone surrogate): no document can hold it."""
    try:
        text = text if isinstance(text, str) else text.decode()
        value = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except MalformedError:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedError("not JSON") from error


def _float(text: str) -> float:
    value = float(text)
    if abs(value) > LARGEST_FLOAT:
        raise MalformedError("a number is too large")
    return value


def _int(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise MalformedError("a number is too large")
    return int(text)


def _constant(text: str) -> float:
    raise MalformedError(f"a number is {text}")


_DECODER = json.JSONDecoder(parse_float=_float, parse_int=_int, parse_constant=_constant)


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
    for name, exact, read, required in _fields(cast(Any, kind)):
        if name in known:
            continue
        if name in raw:
            value = raw[name]
            values[name] = value if type(value) in exact else read(value, name)
        elif required:
            raise MalformedError(f"{name} is missing")
    return kind(**values)


@cache
def _fields(kind: type[Any]) -> tuple[tuple[str, frozenset[type[Any]], Reader, bool], ...]:
    """Of every field its name, what may be taken as it is, how all else is read, and whether it must be there."""
    hints = get_type_hints(kind)
    return tuple(
        (
            item.name,
            _exact(hints[item.name]),
            _reader(hints[item.name]),
            item.default is MISSING and item.default_factory is MISSING,
        )
        for item in fields(kind)
        if item.init
    )


@cache
def _exact(hint: Any) -> frozenset[type[Any]]:
    """The types that JSON has for a hint without further reading; none where it must be read."""
    if hint is float:
        return frozenset((float, int))
    if hint in (int, str, bool, NoneType):
        return frozenset((hint,))
    if get_origin(hint) in (Union, UnionType):
        return frozenset[type[Any]]().union(*(_exact(kind) for kind in get_args(hint)))
    return frozenset()


@cache
def _reader(hint: Any) -> Reader:
    """How a value of a type is read. Made once for each type: asking `typing` for every value would take longer."""
    origin, kinds = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return partial(_one_of, tuple((_exact(kind), _reader(kind)) for kind in kinds))
    if origin is Literal:
        return partial(_member, dict(zip(kinds, kinds, strict=True)))
    if origin is tuple:
        many = len(kinds) == 2 and kinds[1] is Ellipsis
        items = tuple((_exact(kind), _reader(kind)) for kind in (kinds[:1] if many else kinds))
        return partial(_many, *items[0]) if many else partial(_tuple, items)
    if origin is np.ndarray:
        return _array
    if origin is not None and issubclass(origin, Mapping):
        return partial(_mapping, _reader(kinds[1]))
    if is_dataclass(hint):
        return lambda raw, _: restored(cast(type[Any], hint), raw)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return partial(_member, {member.value: member for member in hint})
    if hint is bytes:
        return _bytes
    if not _exact(hint):
        raise TypeError(f"no reading of {hint}")
    return partial(_plain, _exact(hint))


def _plain(exact: frozenset[type[Any]], raw: Any, name: str) -> Any:
    return _checked(raw, type(raw) in exact, name)


def _one_of(kinds: tuple[tuple[frozenset[type[Any]], Reader], ...], raw: Any, name: str) -> Any:
    for exact, read in kinds:
        if type(raw) in exact:
            return raw
        if exact:
            continue
        try:
            return read(raw, name)
        except MalformedError:
            continue
    raise MalformedError(f"{name} is none of what it may be")


def _member(members: Mapping[Any, Any], raw: Any, name: str) -> Any:
    return members[_checked(raw, type(raw) in (str, int) and raw in members, name)]


def _tuple(items: tuple[tuple[frozenset[type[Any]], Reader], ...], raw: Any, name: str) -> tuple[Any, ...]:
    _checked(raw, type(raw) is list and len(raw) == len(items), name)
    return tuple(
        item if type(item) in exact else read(item, name) for item, (exact, read) in zip(raw, items, strict=True)
    )


def _many(exact: frozenset[type[Any]], read: Reader, raw: Any, name: str) -> tuple[Any, ...]:
    _checked(raw, type(raw) is list, name)
    return tuple(item if type(item) in exact else read(item, name) for item in raw)


def _mapping(read: Reader, raw: Any, name: str) -> dict[str, Any]:
    _checked(raw, isinstance(raw, dict), name)
    return {key: read(item, name) for key, item in raw.items()}


def _bytes(raw: Any, name: str) -> bytes:
    try:
        text: str = _checked(raw, isinstance(raw, str), name)
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise MalformedError(f"{name} holds what is no byte") from error


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
    flat = np.frombuffer(data, _STORED).astype(np.float32)
    if shape is None:
        return flat
    sizes = _many(_WHOLE, _reader(int), shape, name)
    if min(sizes, default=0) < 0 or len(sizes) > 4 or math.prod(sizes) != flat.size:
        raise MalformedError(f"{name} has another shape than it says")
    return flat.reshape(sizes)


def _checked(raw: Any, holds: bool, name: str) -> Any:
    if not holds:
        raise MalformedError(f"{name} is {type(raw).__name__}")
    return raw
