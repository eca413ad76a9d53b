"""The optional backend with a stand-in for the insightface library: its files, its errors, its translation."""

from __future__ import annotations

import hashlib
import logging
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from vpx.face_detect.backend_insightface import InsightFaceBackend, InsightFaceError
from vpx.face_detect.settings import resolve_settings

POINTS = np.array([[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]])


def tiny_model(location: str | None = None, added: float = 1.0) -> bytes:
    """A real ONNX file that adds a number to (3,) float32; its weight may lie elsewhere."""
    tensor = onnx.numpy_helper.from_array(np.full(3, added, np.float32), "w")
    if location is not None:
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [3]) for name in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [tensor])
    opset = [onnx.helper.make_opsetid("", 17)]
    return bytes(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


class Loaded:
    """What the library makes of a file: it opens a session with what it was given."""

    def __init__(self, path: str, options: ort.SessionOptions | None, providers: list[str]) -> None:
        self.session = ort.InferenceSession(path, options, providers=providers)


class FakeDetector(Loaded):
    rows = np.array([[0, 0, 100, 120, 0.7], [200, 0, 300, 120, 0.9], [9, 9, 99, np.nan, 0.8]])

    def prepare(self, ctx_id: int, input_size: tuple[int, int], det_thresh: float) -> None:
        self.prepared = (ctx_id, input_size, det_thresh)

    def detect(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.rows, np.stack([POINTS, POINTS + np.array([200, 0]), POINTS])


class FakeEmbedder(Loaded):
    def prepare(self, ctx_id: int) -> None:
        self.ctx_id = ctx_id

    def get_feat(self, chip: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert chip.shape == (112, 112, 3)
        return np.full((1, 512), 2.0, np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("det_10g.onnx", "w600k_r50.onnx"):
        (tmp_path / name).write_bytes(tiny_model())
    return tmp_path


def stand_in(monkeypatch: pytest.MonkeyPatch, takes_options: bool = True) -> None:
    def get_model(path: str, **given: object) -> Loaded:
        options = given.get("sess_options") if takes_options else None
        assert options is None or isinstance(options, ort.SessionOptions)
        providers = given["providers"]
        assert isinstance(providers, list)
        return (FakeDetector if "det_" in path else FakeEmbedder)(path, options, providers)

    zoo = ModuleType("insightface.model_zoo")
    zoo.get_model = get_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "insightface", ModuleType("insightface"))
    monkeypatch.setitem(sys.modules, "insightface.model_zoo", zoo)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)


def build(folder: Path, **given: object) -> InsightFaceBackend:
    return InsightFaceBackend(resolve_settings({"backend": "insightface", "insightface_dir": str(folder), **given}, {}))


@pytest.mark.usefixtures("library")
def test_faces_come_best_first_and_odd_rows_are_counted(folder: Path) -> None:
    found = build(folder).detect(np.zeros((240, 400, 3), np.uint8))
    assert [item.score for item in found.faces] == [0.9, 0.7]
    assert found.faces[0].box.tolist() == [200, 0, 300, 120]
    assert found.nonfinite == 1


@pytest.mark.usefixtures("library")
def test_embeddings_are_unit_vectors_of_512(folder: Path) -> None:
    vectors = build(folder).embed(np.zeros((240, 400, 3), np.uint8), [POINTS, np.zeros((5, 2))])
    assert vectors[0] is not None
    assert vectors[0].shape == (512,)
    assert np.linalg.norm(vectors[0]) == pytest.approx(1.0)
    assert vectors[1] is None


@pytest.mark.usefixtures("library")
def test_the_licence_is_said_aloud(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        build(folder)
    assert "non-commercial" in caplog.text


@pytest.mark.usefixtures("library")
def test_a_missing_file_names_folder_and_setting(tmp_path: Path) -> None:
    with pytest.raises(InsightFaceError, match="VPX_FACE_DETECT__INSIGHTFACE_DIR") as caught:
        build(tmp_path)
    assert caught.value.path == tmp_path


@pytest.mark.usefixtures("library")
def test_embed_off_needs_no_embedder_file(folder: Path) -> None:
    (folder / "w600k_r50.onnx").unlink()
    assert build(folder, embed=False).embed(np.zeros((240, 400, 3), np.uint8), [POINTS]) == [None]


def test_a_missing_library_names_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "insightface", None)
    with pytest.raises(InsightFaceError, match=r"vpx-face-detect\[insightface\]"):
        build(folder)


@pytest.mark.usefixtures("library")
def test_a_model_file_that_changed_is_refused_before_a_library_reads_it(folder: Path) -> None:
    build(folder)
    model = next(folder.glob("w600k_*.onnx"))
    noted = (folder / "known.sha256").read_text()
    assert f"{hashlib.sha256(model.read_bytes()).hexdigest()}  {model.name}\n" in noted
    build(folder)
    assert (folder / "known.sha256").read_text() == noted
    model.write_bytes(tiny_model(added=2.0))
    with pytest.raises(InsightFaceError, match=r"is not the file that .*known\.sha256 notes"):
        build(folder)
    (folder / "known.sha256").unlink()
    build(folder)


def test_what_is_noted_before_the_first_use_counts(folder: Path) -> None:
    model = next(folder.glob("det_*.onnx"))
    (folder / "known.sha256").write_text(f"{'0' * 64} *{model.name}\n")
    with pytest.raises(InsightFaceError, match=r"instead of 000000000000"):
        build(folder)


@pytest.mark.usefixtures("library")
def test_the_library_gets_threads_and_provider(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    backend = build(folder, threads=1)

    for model in (backend._detector, backend._embedder):
        options = model.session.get_session_options()
        assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
        assert model.session.get_providers() == ["CPUExecutionProvider"]
    assert "ignores" not in caplog.text


def test_a_release_that_takes_no_options_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in(monkeypatch, takes_options=False)
    build(folder, threads=1)
    assert "ignores face.detect.threads" in caplog.text


@pytest.mark.parametrize("location", ["weights.bin", "/etc/passwd", "../weights.bin"])
def test_a_model_that_refers_to_other_files_never_reaches_the_library(folder: Path, location: str) -> None:
    np.ones(3, np.float32).tofile(folder / "weights.bin")
    (folder / "det_10g.onnx").write_bytes(tiny_model(location))
    with pytest.raises(InsightFaceError, match=r"det_10g\.onnx is refused: .*external data"):
        build(folder)


def test_a_file_that_is_no_model_never_reaches_the_library(folder: Path) -> None:
    (folder / "w600k_r50.onnx").write_bytes(b"a download that ended in a web page")
    with pytest.raises(InsightFaceError, match="not an ONNX model"):
        build(folder)
