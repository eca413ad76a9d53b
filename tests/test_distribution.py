"""What a user installs: the built wheels hold everything, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheels")
    projects = [ROOT, *sorted(path.parent for path in ROOT.glob("ecosystem/*/pyproject.toml"))]
    for project in projects:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(command, cwd=project, check=True, capture_output=True, text=True)
    return {path.name.split("-")[0]: zipfile.ZipFile(path) for path in folder.glob("*.whl")}


def test_seven_wheels_are_built(wheels: dict[str, zipfile.ZipFile]) -> None:
    assert sorted(wheels) == [
        "visualbase",
        "vpx_body_pose",
        "vpx_face_detect",
        "vpx_face_expression",
        "vpx_identity_builder",
        "vpx_runner",
        "vpx_sdk",
    ]


def test_every_tracked_file_of_a_package_is_in_its_wheel(wheels: dict[str, zipfile.ZipFile]) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    tracked = {
        path.split("/src/", 1)[1] if path.startswith("ecosystem/") else path
        for path in listed
        if path.startswith(("vpx_identity_builder", "vpx_vision_embed/")) or "/src/" in path
    }
    packed = {name for wheel in wheels.values() for name in wheel.namelist() if ".dist-info/" not in name}
    assert tracked - packed == set()
    assert {name for name in packed if name.endswith((".onnx", ".tflite", ".bin", ".mp4", ".jpg"))} == set()


def test_the_plugins_are_found_by_the_hosts(wheels: dict[str, zipfile.ZipFile]) -> None:
    def entry_points(name: str) -> str:
        wheel = wheels[name]
        return wheel.read(next(n for n in wheel.namelist() if n.endswith("entry_points.txt"))).decode()

    ours = entry_points("vpx_identity_builder")
    assert "[visualpath.modules]\nidentity_builder = vpx_identity_builder:IdentityBuilder\n" in ours
    assert "vision.embed = vpx_vision_embed:VisionEmbedAnalyzer" in ours
    assert "identity-builder = vpx_identity_builder_start:identity_builder" in ours


def test_the_built_wheels_work_without_the_source_tree(wheels: dict[str, zipfile.ZipFile], tmp_path: Path) -> None:
    """Unpacked together as an installer would, imported from an empty folder."""
    for wheel in wheels.values():
        wheel.extractall(tmp_path / "site")
    script = (
        "import vpx_identity_builder, vpx_vision_embed, vpx.runner, vpx.face_detect, vpx.sdk.weights as w;"
        "from vpx_identity_builder.export.report import render;"
        "print(len(w.weight_table()), vpx_identity_builder.__file__)"
    )
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); {script}"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    count, place = done.stdout.split()
    assert int(count) >= 7
    assert place.startswith(str(tmp_path))
