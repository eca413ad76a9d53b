"""The optional backend with a stand-in for the insightface library: its files, its errors, its translation."""

from __future__ import annotations

import hashlib
import logging
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from vpx.face_detect.backend_insightface import InsightFaceBackend, InsightFaceError
from vpx.face_detect.settings import resolve_settings

POINTS = np.array([[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]])


class FakeDetector:
    rows = np.array([[0, 0, 100, 120, 0.7], [200, 0, 300, 120, 0.9], [9, 9, 99, np.nan, 0.8]])

    def prepare(self, ctx_id: int, input_size: tuple[int, int], det_thresh: float) -> None:
        self.prepared = (ctx_id, input_size, det_thresh)

    def detect(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.rows, np.stack([POINTS, POINTS + np.array([200, 0]), POINTS])


class FakeEmbedder:
    def prepare(self, ctx_id: int) -> None:
        self.ctx_id = ctx_id

    def get_feat(self, chip: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert chip.shape == (112, 112, 3)
        return np.full((1, 512), 2.0, np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("det_10g.onnx", "w600k_r50.onnx"):
        (tmp_path / name).write_bytes(b"stand-in")
    return tmp_path


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    zoo = ModuleType("insightface.model_zoo")
    zoo.get_model = lambda path, providers: FakeDetector() if "det_" in path else FakeEmbedder()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "insightface", ModuleType("insightface"))
    monkeypatch.setitem(sys.modules, "insightface.model_zoo", zoo)


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
    model.write_bytes(model.read_bytes() + b"more")
    with pytest.raises(InsightFaceError, match=r"is not the file that .*known\.sha256 notes"):
        build(folder)
    (folder / "known.sha256").unlink()
    build(folder)


def test_what_is_noted_before_the_first_use_counts(folder: Path) -> None:
    model = next(folder.glob("det_*.onnx"))
    (folder / "known.sha256").write_text(f"{'0' * 64} *{model.name}\n")
    with pytest.raises(InsightFaceError, match=r"instead of 000000000000"):
        build(folder)
