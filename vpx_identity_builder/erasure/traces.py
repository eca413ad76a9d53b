"""What gives a person away in a file: bytes of embeddings in any common form, their numbers as text, copies of images.

An embedding is looked for as little-endian float16, float32 and float64, as base64 of these at any alignment, and as a
list of numbers of the same direction. Four pieces of 32 bytes, spread over it, stand for its bytes: of an embedding cut
into parts, every part longer than a third of it and a piece is found.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vpx_identity_builder.core.types import Vector

PIECE = 32
PIECES = 4
LEAST_DIFFERENT = 10
MIN_NUMBERS = 16
SAME_DIRECTION = 0.9995
_BLOCK = 1 << 24
_TEXT_BYTES = 4096
_FORMS = ("<f2", "<f4", "<f8")
_KEY_BITS = 24
_LIST = re.compile(rb"(?<![-+.\deE])[-+]?\d[-+.\deE]*(?:[,;\s]+[-+]?\d[-+.\deE]*){15,}")


@dataclass(slots=True)
class Traces:
    """What must not be found any more. `vectors`: embeddings `(dim,)`; `images`: SHA-256 (hex) of image files.

    `kept`: embeddings of those who stay. A piece that is also in one of theirs gives nobody away.
    """

    vectors: list[Vector] = field(default_factory=list)
    images: set[str] = field(default_factory=set)
    kept: list[Vector] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Remainder:
    """Something that is still there: the file, and what of whom."""

    path: Path
    what: str


class Search:
    """Looks into files for traces. `searched`: how many it looked into below folders."""

    def __init__(self, traces: Traces) -> None:
        self.searched = 0
        self._images = traces.images
        self._pieces: set[bytes] = set()
        self._directions: dict[int, list[NDArray[np.float64]]] = {}
        for vector in traces.vectors:
            exact = np.asarray(vector, np.float64).reshape(-1)
            length = float(np.linalg.norm(exact))
            if np.isfinite(length) and length > 0 and exact.size >= MIN_NUMBERS:
                self._pieces.update(_pieces(exact))
                self._directions.setdefault(exact.size, []).append(exact / length)
        for vector in traces.kept:
            self._pieces.difference_update(_pieces(np.asarray(vector, np.float64).reshape(-1)))
        self._table = np.zeros(1 << _KEY_BITS, np.bool_)
        keys = np.array([int.from_bytes(piece[:4], "little") for piece in self._pieces], np.uint32)
        self._table[keys & ((1 << _KEY_BITS) - 1)] = True
        self._matrices = {size: np.stack(rows) for size, rows in self._directions.items()}

    def file(self, path: Path) -> str | None:
        """What of somebody a file holds; None where nothing is found. Raises `OSError`."""
        digest, tail = hashlib.sha256(), b""
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                window = tail + block
                if self._holds_piece(window):
                    return "bytes of an embedding"
                if self._matrices and b"\0" not in window[:_TEXT_BYTES] and self._holds_numbers(window):
                    return "numbers of an embedding"
                tail = window[-(1 << 16) :]
        return "a copy of an erased image" if digest.hexdigest() in self._images else None

    def under(
        self, root: Path, but: Collection[Path] = (), only: Collection[Path] | None = None
    ) -> Iterator[Remainder]:
        """Everything found in the regular files of a folder, hidden ones too, and what cannot be looked into.

        Links are not followed. `but`: files left out. `only`: the files to look into.
        """
        closed: list[OSError] = []
        for path in files_under(root, closed.append):
            if path in but or (only is not None and path not in only):
                continue
            self.searched += 1
            try:
                found = self.file(path)
            except OSError as error:
                found = f"it cannot be read ({error.strerror})"
            if found is not None:
                yield Remainder(path, found)
        for problem in closed:
            yield Remainder(Path(problem.filename or root), f"it cannot be looked into ({problem.strerror})")

    def _holds_piece(self, data: bytes) -> bool:
        if not self._pieces or len(data) < PIECE:
            return False
        mask = (1 << _KEY_BITS) - 1
        for start in range(4):
            words = np.frombuffer(data, "<u4", max(0, len(data) - start) // 4, start)
            for place in np.flatnonzero(self._table[words & mask]):
                at = start + 4 * int(place)
                if data[at : at + PIECE] in self._pieces:
                    return True
        return False

    def _holds_numbers(self, data: bytes) -> bool:
        for match in _LIST.finditer(data):
            values = _numbers(match[0])
            for size, known in self._matrices.items():
                for window in (values[:size], values[-size:]):
                    length = float(np.linalg.norm(window))
                    if window.size == size and length > 0 and np.max(known @ window) > SAME_DIRECTION * length:
                        return True
        return False


def files_under(root: Path, closed: Callable[[OSError], object] | None = None) -> Iterator[Path]:
    """Regular files below a folder in name order, hidden ones too, links left out.

    `closed` hears of every folder that cannot be read; without it, such a folder counts as empty.
    """
    found: list[Path] = []
    for folder, folders, names in os.walk(root, onerror=closed):
        folders.sort()
        for name in names:
            path = Path(folder, name)
            try:
                mode = path.lstat().st_mode
            except FileNotFoundError:
                continue
            except OSError as error:
                if closed is not None:
                    closed(error)
                continue
            if stat.S_ISREG(mode):
                found.append(path)
    yield from sorted(found)


def other_names(paths: Iterable[Path]) -> list[Remainder]:
    """Those of the files that have more names (hard links) than are among the paths: they stay under these."""
    named: dict[tuple[int, int], list[Path]] = {}
    count: dict[tuple[int, int], int] = {}
    for path in paths:
        with contextlib.suppress(OSError):
            found = path.lstat()
            named.setdefault((found.st_dev, found.st_ino), []).append(path)
            count[found.st_dev, found.st_ino] = found.st_nlink
    return [
        Remainder(names[0], "it has another name somewhere (a hard link), under which it is still there")
        for key, names in named.items()
        if count[key] > len(names)
    ]


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file. Raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pieces(vector: NDArray[np.float64]) -> Iterator[bytes]:
    """Pieces of the forms of an embedding; those that could be anything (few different bytes) are left out."""
    filled = np.concatenate([[0], np.cumsum(vector != 0)])
    for form in _FORMS:
        raw, item = vector.astype(form).tobytes(), np.dtype(form).itemsize
        found = []
        for place in _fullest(filled, PIECE // item):
            found.append(raw[place * item : place * item + PIECE])
            for shift in range(3):
                start = place * item + shift
                found.append(base64.b64encode(raw[start : start + PIECE // 4 * 3]))
        yield from (piece for piece in found if len(piece) == PIECE and len(set(piece)) >= LEAST_DIFFERENT)


def _fullest(filled: NDArray[np.int64], window: int) -> list[int]:
    """Of each part of a vector the place from which `window` numbers hold the fewest zeros; `filled`: running count."""
    counts = filled[window:] - filled[:-window] if len(filled) > window else np.zeros(0, np.int64)
    parts = [part for part in np.array_split(np.arange(len(counts)), PIECES) if part.size]
    return [int(part[np.argmax(counts[part])]) for part in parts]


def _numbers(text: bytes) -> NDArray[np.float64]:
    values = []
    for part in re.split(rb"[,;\s]+", text):
        try:
            values.append(float(part))
        except ValueError:
            values.append(0.0)
    return np.array(values)
