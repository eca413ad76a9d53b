"""From a model row to verified files on this machine; nothing is ever downloaded here (see `pull`).

What `pull` fetched lies in `<models_dir>/vision/<key>/`, or in the installed package that carries it; what `export`
made lies at `<models_dir>/vision/<name>`. A file that the row does not pin needs a list `<name>.sha256` beside it (the
output of `sha256sum`): written by `export`, by `pull --sha256` or by hand, it says what the file must be from then on.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

from vpx.sdk import get_models_dir

from vpx_vision_embed.errors import (
    WeightsCorruptError,
    WeightsError,
    WeightsMissingError,
    WeightsUnpinnedError,
    WeightsUnsafeError,
)
from vpx_vision_embed.models import ExportPrecision, ModelSpec, PackageSource, WeightFile
from vpx_vision_embed.onnx_files import require_only_beside

_SUM_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(.+)")


@dataclass(frozen=True)
class LocalFile:
    """One form in which a model is here, such as "ONNX fp16" or "timm", and in a word or two what is wrong with it."""

    form: str
    problem: str | None


def vision_dir() -> Path:
    """`<models_dir>/vision`, where all files of this package lie."""
    return Path(get_models_dir()) / "vision"


def own_dir(spec: ModelSpec) -> Path:
    """The folder that `pull` fills for a row."""
    return vision_dir() / spec.key


def sha256(path: Path) -> str:
    """Lower-case hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remedy(spec: ModelSpec) -> str:
    """What to do about missing or wrong files of a row, as the end of a sentence."""
    if is_pinned(spec):
        return f"run `vision-embed pull {spec.aliases[0] if spec.aliases else spec.key}`"
    if can_pull(spec):
        return f"run `vision-embed pull {spec.key}`, and `vision-embed export {spec.key}` for ONNX Runtime"
    return (
        f"this version does not pin its files; run `vision-embed pull {spec.key} --revision COMMIT --sha256 HEX` with "
        f"values that you trust, or choose another model"
    )


def can_pull(spec: ModelSpec) -> bool:
    """Whether the row itself says from where its state dict comes and what it must be."""
    return spec.timm_file is not None and spec.timm_file.sha256 is not None


def is_pinned(spec: ModelSpec) -> bool:
    """Whether the row itself vouches for every file of its ONNX model."""
    return all(file.sha256 is not None for file in spec.onnx)


def is_present(spec: ModelSpec) -> bool:
    """Whether a file of the model is there at all, right or wrong: `locate` says which."""
    return _find_folder(spec, spec.onnx[0].name) is not None or _state_dict_path(spec) is not None


def has_onnx(spec: ModelSpec) -> bool:
    """Whether an ONNX file of the model is there, right or wrong."""
    return _find_folder(spec, spec.onnx[0].name) is not None


def has_state_dict(spec: ModelSpec) -> bool:
    """Whether a state dict of the model is there, right or wrong."""
    return _state_dict_path(spec) is not None


def local_files(spec: ModelSpec) -> list[LocalFile]:
    """Every form of a model that is here, verified: ONNX by precision, then the weights for timm."""
    found = [
        LocalFile(f"ONNX {precision}", _problem(partial(locate, spec, precision)))
        for precision in get_args(ExportPrecision)
        if (has_onnx(spec) if precision == "fp32" else (vision_dir() / onnx_name(spec, precision)).is_file())
    ]
    if has_state_dict(spec):
        found.append(LocalFile("timm", _problem(partial(locate_state_dict, spec))))
    return found


def _problem(look: Callable[[], Path]) -> str | None:
    try:
        look()
    except WeightsCorruptError:
        return "wrong file"
    except WeightsUnpinnedError:
        return "no checksum"
    except WeightsUnsafeError:
        return "refers to other files"
    except WeightsError:
        return "unreadable"
    return None


def locate(spec: ModelSpec, precision: str = "fp32") -> Path:
    """The verified ONNX model file of a row at a precision; its external data lies verified beside it.

    Raises:
        WeightsMissingError: no file here, with the command that fetches it.
        WeightsCorruptError: a file with another SHA-256 than the expected one.
        WeightsUnpinnedError: a file of an unpinned row without its checksum list.
        WeightsUnsafeError: a model that refers to data outside its own files.
    """
    name, files, remedies = spec.onnx[0].name, spec.onnx, remedy(spec)
    folder, places, wanted = _find_folder(spec, name), _search_dirs(spec), spec.key
    if precision != "fp32":
        name, folder = onnx_name(spec, precision), vision_dir()
        pictures = " --calibrate PHOTOS" if precision == "int8" and spec.timm_name is None else ""
        files, remedies = (WeightFile(name),), f"run `vision-embed export {spec.key} --precision {precision}{pictures}`"
        places, wanted = [folder], f"{spec.key} in {precision}"
    if folder is None or not (folder / name).is_file():
        raise WeightsMissingError(wanted, places, remedies)
    model = folder / name
    sums = _expected_sums(spec, model, files)
    for file_name, expected in sums.items():
        verify(folder / file_name, expected, spec)
    require_only_beside(model, set(sums) - {name})
    return model


def locate_state_dict(spec: ModelSpec) -> Path:
    """The verified state dict (safetensors) for the timm backend. Errors as `locate`."""
    path = _state_dict_path(spec)
    if path is None or spec.timm_file is None:
        raise WeightsMissingError(spec.key, [vision_dir()], remedy(spec))
    sums = _expected_sums(spec, path, (spec.timm_file,))
    verify(path, sums[path.name], spec)
    return path


def onnx_name(spec: ModelSpec, precision: str = "fp32") -> str:
    """File name of a row's own export at a precision."""
    return f"{spec.key}.onnx" if precision == "fp32" else f"{spec.key}.{precision}.onnx"


def adopt(file: Path, folder: Path) -> None:
    """Move a finished file into a folder together with its checksum list; an older one of the name is replaced."""
    listing = file.with_name(file.name + ".sha256")
    listing.write_text(f"{sha256(file)}  {file.name}\n", encoding="utf-8")
    with file.open("rb") as content:
        os.fsync(content.fileno())
    listing.replace(folder / listing.name)
    file.replace(folder / file.name)


def verify(path: Path, expected: str, spec: ModelSpec) -> None:
    """Raise unless the file exists and has this SHA-256."""
    try:
        found = sha256(path)
    except FileNotFoundError as error:
        raise WeightsMissingError(spec.key, [path.parent], remedy(spec)) from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
    if found != expected:
        raise WeightsCorruptError(path, expected, found, remedy(spec))


def _state_dict_path(spec: ModelSpec) -> Path | None:
    if spec.timm_file is None:
        return None
    places = (own_dir(spec) / spec.timm_file.name, vision_dir() / spec.timm_file.name)
    return next((path for path in places if path.is_file()), None)


def _search_dirs(spec: ModelSpec) -> list[Path]:
    return [own_dir(spec)] if is_pinned(spec) else [vision_dir()]


def _find_folder(spec: ModelSpec, name: str) -> Path | None:
    for folder in _search_dirs(spec):
        if (folder / name).is_file():
            return folder
    if isinstance(spec.source, PackageSource):
        return _installed_folder(spec.source, name)
    return None


def _installed_folder(source: PackageSource, name: str) -> Path | None:
    try:
        distribution = importlib.metadata.distribution(source.distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
    folder = Path(str(distribution.locate_file(source.folder)))
    return folder if (folder / name).is_file() else None


def _expected_sums(spec: ModelSpec, model: Path, files: tuple[WeightFile, ...]) -> dict[str, str]:
    """File name to expected SHA-256: the row's pins, or the checksum list beside the model."""
    pinned = {file.name: file.sha256 for file in files if file.sha256 is not None}
    if len(pinned) == len(files):
        return pinned
    listing = model.with_name(model.name + ".sha256")
    try:
        sums = _read_sums(listing)
    except OSError as error:
        raise WeightsUnpinnedError(
            f"{spec.key} is not pinned by this version, and {listing} with the checksum of {model.name} is not there"
        ) from error
    if model.name not in sums:
        raise WeightsUnpinnedError(f"{listing} has no line for {model.name}")
    return sums


def _read_sums(listing: Path) -> dict[str, str]:
    """Lines of `sha256sum` as {plain file name: hex}; names with a folder in them are refused."""
    sums: dict[str, str] = {}
    for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
        match = _SUM_LINE.fullmatch(line.strip())
        if match is None or Path(match[2]).name != match[2]:
            raise WeightsUnpinnedError(f"{listing}: not a line of `sha256sum`: {line[:80]!r}")
        sums[match[2]] = match[1].lower()
    return sums
