"""Optional backend: SCRFD and ArcFace-512 from local ONNX files, run by the library of the extra `insightface`.

Nothing is ever fetched. The published weights of these models are for non-commercial research only; a warning says so.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vpx.face_detect.backend import Detections, FoundFace
from vpx.face_detect.faceid import ARCFACE_TEMPLATE, similarity, unit_mean
from vpx.face_detect.known_files import ChangedFileError, check_known
from vpx.face_detect.runtime import PROVIDERS, UnsafeModelError, require_self_contained, session_options
from vpx.face_detect.settings import FaceDetectSettings

_LOG = logging.getLogger(__name__)
_DETECTOR_FILES = ("det_*.onnx", "scrfd_*.onnx")
_EMBEDDER_FILES = ("w600k_*.onnx", "glintr*.onnx")
_CHIP_PX = 112


class InsightFaceError(RuntimeError):
    """The library or a model file is missing. `expected` says what was looked for, `path` where (None: the library)."""

    def __init__(self, message: str, *, expected: str, path: Path | None = None) -> None:
        super().__init__(message)
        self.expected = expected
        self.path = path


class InsightFaceBackend:
    """Detection by SCRFD, embedding by ArcFace (512, unit). Raises InsightFaceError when something is missing."""

    embed_model = "arcface-512"

    def __init__(self, settings: FaceDetectSettings) -> None:
        folder = settings.insightface_dir
        detector_file = find_model(folder, _DETECTOR_FILES, "SCRFD detector")
        embedder_file = find_model(folder, _EMBEDDER_FILES, "ArcFace embedder") if settings.embed else None
        for path in (detector_file, embedder_file):
            if path is not None:
                _check(path)
        zoo = _load_zoo()
        _LOG.warning("the InsightFace weights in %s are licensed for non-commercial research only", folder)
        self._detector = _loaded(zoo, detector_file, settings.threads)
        side = max(32, round(settings.det_size / 32) * 32)
        self._detector.prepare(-1, input_size=(side, side), det_thresh=settings.min_confidence)
        self._embedder: Any = None
        if embedder_file is not None:
            self._embedder = _loaded(zoo, embedder_file, settings.threads)
            self._embedder.prepare(-1)

    def detect(self, frame_bgr: NDArray[np.uint8]) -> Detections:
        """Find the faces of one picture; rows with a number that is not finite are dropped and counted."""
        rows, points = self._detector.detect(frame_bgr)
        if rows is None or points is None or not len(rows):
            return Detections([])
        table = np.asarray(rows, np.float64)
        landmarks = np.asarray(points, np.float64)
        numbers = np.concatenate([table, landmarks.reshape(len(table), -1)], axis=1)
        finite = np.asarray(np.isfinite(numbers).all(axis=1))
        order = [index for index in np.argsort(-table[:, 4], kind="stable") if finite[index]]
        faces = [FoundFace(table[index, :4], landmarks[index], float(min(table[index, 4], 1.0))) for index in order]
        return Detections(faces, int((~finite).sum()))

    def embed(
        self, frame_bgr: NDArray[np.uint8], landmarks: Sequence[NDArray[np.floating]]
    ) -> list[NDArray[np.float32] | None]:
        """Embed one face per (5, 2) landmark set; all None where the setting `embed` is off."""
        return [self._embed_one(frame_bgr, np.asarray(points, np.float64)) for points in landmarks]

    def _embed_one(self, frame_bgr: NDArray[np.uint8], points: NDArray[np.float64]) -> NDArray[np.float32] | None:
        transform = similarity(points, ARCFACE_TEMPLATE)
        if self._embedder is None or transform is None:
            return None
        chip = cv2.warpAffine(frame_bgr, transform, (_CHIP_PX, _CHIP_PX), flags=cv2.INTER_LINEAR)
        return unit_mean(np.asarray(self._embedder.get_feat(chip)).reshape(1, -1))


def find_model(folder: Path, patterns: Sequence[str], role: str) -> Path:
    """Return the one file in `folder` that matches a pattern; raises InsightFaceError for none or several."""
    found = sorted(path for pattern in patterns for path in folder.glob(pattern))
    if len(found) == 1:
        return found[0]
    expected = " or ".join(patterns)
    names = ", ".join(path.name for path in found) or "none"
    raise InsightFaceError(
        f"backend insightface needs one {role} ({expected}) in {folder}, found {names}; put the file there or set "
        "VPX_FACE_DETECT__INSIGHTFACE_DIR. It is never fetched: its weights are for non-commercial use only",
        expected=expected,
        path=folder,
    )


def _loaded(zoo: Any, path: Path, threads: int) -> Any:
    """Have the library load a checked file; older releases of it take no options, and use every core."""
    model = zoo.get_model(str(path), providers=PROVIDERS, sess_options=session_options(threads))
    if model is None:
        raise InsightFaceError(
            f"{path} is a model of another kind than its name says", expected="SCRFD or ArcFace", path=path
        )
    if model.session.get_session_options().intra_op_num_threads != threads:
        _LOG.warning("this release of insightface ignores face.detect.threads and uses every core; newer ones do not")
    return model


def _check(path: Path) -> None:
    """Before the library reads a file: it is what it was, and holds all its tensors."""
    try:
        check_known(path)
        require_self_contained(path.read_bytes())
    except UnsafeModelError as error:
        raise InsightFaceError(
            f"{path} is refused: {error}", expected="an ONNX model in one file", path=path
        ) from error
    except ChangedFileError as error:
        raise InsightFaceError(str(error), expected=error.expected, path=path) from error
    except OSError as error:
        raise InsightFaceError(f"cannot read {path}: {error.strerror}", expected="a model file", path=path) from error


def _load_zoo() -> Any:
    try:
        return importlib.import_module("insightface.model_zoo")
    except ImportError as error:
        raise InsightFaceError(
            f"backend insightface needs the insightface library ({error}); install the extra: "
            "pip install 'vpx-face-detect[insightface]' from this repository",
            expected="insightface",
        ) from error
