from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from vpx_vision_embed.cli import app

runner = CliRunner()


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = []
    for index in range(2):
        path = tmp_path / f"picture{index}.png"
        image = np.random.default_rng(index).integers(0, 256, (40, 50, 3), dtype=np.uint8)
        path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
        paths.append(path)
    return paths


def test_models_lists_every_row_and_what_is_local(fake_model: str) -> None:
    result = runner.invoke(app, ["models"])

    lines = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line}
    assert result.exit_code == 0
    assert lines["key"] == ["key", "dim", "licence", "local", "calibrated"]
    assert lines["dinov2-vits14"] == ["dinov2-vits14", "384", "Apache-2.0", "ONNX", "fp32", "no"]
    assert lines["siglip-b16-224"][3] == "no"


def test_models_lists_every_form_that_is_local(fake_model: str, models_dir: Path) -> None:
    content = (models_dir / f"{fake_model}.onnx").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    for precision in ("fp16", "int8"):
        name = f"{fake_model}.{precision}.onnx"
        (models_dir / name).write_bytes(content)
        (models_dir / f"{name}.sha256").write_text(f"{digest}  {name}\n")
    (models_dir / f"{fake_model}.safetensors").write_bytes(b"damaged")
    (models_dir / "dinov2-vitb14.onnx").write_bytes(content)
    (models_dir / "siglip-b16-224.int8.onnx").write_bytes(b"?")
    (models_dir / "siglip-b16-224.int8.onnx.sha256").write_text(f"{digest}  siglip-b16-224.int8.onnx\n")

    listed = runner.invoke(app, ["models"]).stdout

    assert "Apache-2.0  ONNX fp32, ONNX fp16, ONNX int8, timm (wrong file)  no" in listed
    assert "Apache-2.0  ONNX fp32 (no checksum)" in listed
    assert "Apache-2.0  ONNX int8 (wrong file)" in listed


def test_models_tells_an_unsafe_export(models_dir: Path, onnx_files: Any) -> None:
    path = models_dir / "bundled-mobilenetv3-small.fp16.onnx"
    path.write_bytes(onnx_files.external("/etc/passwd"))
    path.with_name(f"{path.name}.sha256").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")

    assert "ONNX fp16 (refers to other files)" in runner.invoke(app, ["models"]).stdout


def test_models_says_what_local_means(models_dir: Path) -> None:
    listed = runner.invoke(app, ["models"]).stdout

    assert "vision-embed pull KEY" in listed
    assert "ONNX files run on ONNX Runtime" in listed


def test_embed_prints_distances_and_writes_vectors(fake_model: str, pictures: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "vectors.npz"

    result = runner.invoke(app, ["embed", *map(str, pictures), "--model", fake_model, "-o", str(out)])

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].startswith("dinov2-vits14-v1, 384 numbers per image")
    assert result.stdout.splitlines()[1] == f"0.0000  {pictures[0]}"
    with np.load(out) as stored:
        assert stored["paths"].tolist() == [str(path) for path in pictures]
        assert stored["embeddings"].shape == (2, 384)
        assert str(stored["model"]) == "dinov2-vits14-v1"


def test_embed_goes_on_after_an_unreadable_image(fake_model: str, pictures: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")

    result = runner.invoke(app, ["embed", str(broken), str(pictures[0])])

    assert result.exit_code == 5
    assert f"{broken} is not a readable image" in result.stderr
    assert str(pictures[0]) in result.stdout


def test_embed_of_nothing_readable_fails(fake_model: str, tmp_path: Path) -> None:
    result = runner.invoke(app, ["embed", str(tmp_path / "gone.jpg")])

    assert result.exit_code == 3
    assert "gone.jpg is not a readable image: no such file or directory" in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("folder", None, "it is a folder; name the images in it"),
        ("empty.jpg", b"", "it is empty"),
        ("text.jpg", b"words", "it is no image of a known format, or damaged"),
    ],
)
def test_embed_says_why_an_image_cannot_be_read(
    fake_model: str, tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    if content is None:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(content)

    result = runner.invoke(app, ["embed", str(tmp_path / name)])

    assert (result.exit_code, result.stderr.splitlines()) == (
        3,
        [f"vision-embed: {tmp_path / name} is not a readable image: {reason}"],
    )


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["pull", "nope"], 2, "unknown vision model 'nope'"),
        (["pull", "siglip-b16-224", "--sha256", "0" * 64], 2, "siglip-b16-224 is pinned by this version"),
        (["pull", "bundled", "--revision", "main"], 2, "bundled-mobilenetv3-small is pinned by this version"),
        (["bench", "--backend", "timm"], 2, "bundled-mobilenetv3-small runs on ONNX Runtime only"),
        (["bench", "--precision", "int8"], 2, "no weights for bundled-mobilenetv3-small in int8"),
        (["bench", "--precision", "int8"], 2, "--precision int8 --calibrate PHOTOS"),
        (["export", "bundled", "--calibrate", "."], 2, ". holds no picture (folders in it are not searched)"),
        (["export", "bundled", "--calibrate", "gone"], 2, "gone cannot be read: No such file or directory"),
        (["export", "bundled"], 2, "there is nothing to export"),
        (["export", "siglip2-b16-224"], 2, "siglip2-b16-224"),
        (["embed", "x.png", "--model", "siglip-b16-224"], 2, "no weights for siglip-b16-224"),
        (["embed", "x.png", "--model", "nope"], 2, "unknown vision model"),
        (["embed"], 2, "Missing argument"),
    ],
)
def test_errors_are_one_line_without_a_traceback(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, complaint: str
) -> None:
    monkeypatch.chdir(models_dir)
    result = runner.invoke(app, arguments)

    assert result.exit_code == code
    assert complaint in result.stderr
    assert "Traceback" not in result.output


def test_an_output_that_cannot_be_written_is_named(fake_model: str, pictures: list[Path], tmp_path: Path) -> None:
    result = runner.invoke(app, ["embed", str(pictures[0]), "-o", str(tmp_path / "no" / "folder.npz")])

    assert result.exit_code == 2
    assert "cannot be written: there is no folder" in result.stderr
    assert result.stdout == ""


@pytest.mark.real
def test_pull_of_a_local_model_needs_no_network(bundled_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    result = runner.invoke(app, ["pull", "bundled"])

    assert result.exit_code == 0
    assert "is here and verified" in result.stdout


@pytest.mark.parametrize(("name", "reason"), [("absent/bench.json", "there is no folder"), (".", "it is a folder")])
def test_bench_measures_nothing_for_a_file_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    measured: list[str] = []
    monkeypatch.setattr("vpx_vision_embed.cli.run_bench", lambda model, *_: measured.append(model) or [])
    done = runner.invoke(app, ["bench", "--json", str(tmp_path / name)])
    assert done.exit_code == 2
    assert f"cannot be written: {reason}" in done.stderr
    assert measured == []


@pytest.mark.real
def test_bench_measures_every_combination(bundled_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    arguments = ["bench", "--model", "bundled", "--threads", "1", "--batch", "1", "--batch", "3", "--rounds", "2"]

    result = CliRunner().invoke(app, [*arguments, "--json", str(path)])

    rows = json.loads(path.read_text())
    assert result.exit_code == 0
    assert "overhead" in result.stdout
    assert [row["batch"] for row in rows] == [1, 3]
    for row in rows:
        assert row["overhead"] == pytest.approx(row["embed_ms"] / row["infer_ms"], abs=0.01)
        assert min(row["crop_ms"], row["preprocess_ms"], row["infer_ms"]) > 0


def test_bench_on_a_gpu_that_is_not_there_is_one_line(fake_model: str) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has a GPU")
    result = CliRunner().invoke(app, ["bench", "--model", fake_model, "--device", "cuda"])

    assert result.exit_code == 2
    assert result.stderr == "vision-embed: device cuda: the installed ONNX Runtime has no CUDA (extra `gpu`)\n"
