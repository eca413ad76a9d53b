"""The analyzer `face.detect`: detection, tracks, mesh and pose, Face-ID embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from visualbase import Frame

from vpx.face_detect.appearance import FaceAppearance
from vpx.face_detect.backend import FaceBackend, FoundFace
from vpx.face_detect.backend_insightface import InsightFaceBackend
from vpx.face_detect.backend_open import OpenBackend
from vpx.face_detect.mesh import FaceMesh, MeshResult, ShapelessFaceError
from vpx.face_detect.pose import HeadPose, head_pose
from vpx.face_detect.settings import MODULE, FaceDetectSettings, described_settings, resolve_settings
from vpx.face_detect.tracker import FaceTracker
from vpx.face_detect.types import DetectedFace, FaceDetectOutput, FaceObservation
from vpx.sdk import (
    BBoxMark,
    Capability,
    DrawStyle,
    KeypointsMark,
    LabelMark,
    Mark,
    Module,
    ModuleCapabilities,
    Observation,
    PortSchema,
    processing_step,
)
from vpx.sdk.settings import SettingDescription

_BOX_COLOR = (0, 220, 0)
_POINT_COLOR = (0, 200, 255)

Picture = NDArray[np.uint8]
Embedding = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A detection with its mesh and pose; `box` (x1, y1, x2, y2) px is cut at the picture."""

    found: FoundFace
    box: NDArray[np.float64]
    mesh: MeshResult
    pose: HeadPose


class FaceDetectionAnalyzer(Module):
    """Finds the faces of a frame; data is a `FaceDetectOutput`.

    Every parameter is a setting (see `settings.py`); None takes `VPX_FACE_DETECT__<KEY>` or the default. Models are
    loaded by `initialize` (WeightsError or InsightFaceError if they are missing), never fetched. A number that is not
    finite never becomes a face or an embedding: it is dropped and counted in `metadata["_metrics"]`.
    """

    name = MODULE
    stateful = True
    capabilities = ModuleCapabilities(flags=Capability.STATEFUL | Capability.CROSS_HOST_OK, init_time_sec=1.0)
    port_schema = PortSchema(
        output_signals=frozenset({"face_count", "max_confidence", "max_area_ratio"}),
        output_data_type="vpx.face_detect.FaceDetectOutput",
    )

    def __init__(
        self,
        det_size: int | None = None,
        min_confidence: float | None = None,
        min_face_px: int | None = None,
        min_embed_px: int | None = None,
        max_gap_ms: int | None = None,
        threads: int | None = None,
        embed: bool | None = None,
        mirror: bool | None = None,
        appearance: bool | None = None,
        backend: str | None = None,
        insightface_dir: str | None = None,
    ) -> None:
        self._configure(
            {
                "det_size": det_size,
                "min_confidence": min_confidence,
                "min_face_px": min_face_px,
                "min_embed_px": min_embed_px,
                "max_gap_ms": max_gap_ms,
                "threads": threads,
                "embed": embed,
                "mirror": mirror,
                "appearance": appearance,
                "backend": backend,
                "insightface_dir": insightface_dir,
            }
        )

    def _configure(self, given: Mapping[str, object]) -> None:
        self.settings: FaceDetectSettings = resolve_settings(given)
        self._tracker = FaceTracker(max_gap_ms=self.settings.max_gap_ms)
        self._backend: FaceBackend | None = None
        self._mesh: FaceMesh | None = None
        self._appearance: FaceAppearance | None = None
        self._step_timings: dict[str, float] | None = None

    @classmethod
    def describe_settings(cls) -> list[SettingDescription]:
        """Every setting, for command lines."""
        return described_settings()

    @classmethod
    def from_settings(cls, values: Mapping[str, object]) -> Self:
        """Build the module from `{key: value or its text}`; raises ModuleSettingsError naming every problem."""
        resolve_settings(values)
        arguments: dict[str, Any] = dict(values)
        return cls(**arguments)

    def initialize(self) -> None:
        """Load the models; does nothing where they are loaded."""
        if self._backend is None:
            chosen = OpenBackend if self.settings.backend == "open" else InsightFaceBackend
            self._backend = chosen(self.settings)
        if self._mesh is None:
            self._mesh = FaceMesh(mirror=True)
        if self._appearance is None and self.settings.appearance:
            self._appearance = FaceAppearance()

    def warmup(self, sample_frame: Frame | None = None) -> None:
        """Run the detector once."""
        picture = np.zeros((288, 480, 3), np.uint8) if sample_frame is None else sample_frame.data
        self._detect(picture)

    def reset(self) -> None:
        """Start a new video: `face_id` counts from 0 again."""
        self._tracker.reset()

    def release(self) -> None:
        """Let go of the models; `initialize` loads them again."""
        self._backend = None
        self._mesh = None
        self._appearance = None

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation:  # noqa: ARG002
        """Find, track, fit and embed the faces of one frame. Raises RuntimeError before `initialize`."""
        picture = frame.data
        height, width = picture.shape[:2]
        self._step_timings = {}
        found, dropped = self._detect(picture)
        fitted = self._fit_meshes(picture, found)
        ids = self._tracker.update([face.box.tolist() for face in fitted], frame.t_src_ns)
        embeddings = self._embed(picture, fitted)
        looks = self._describe(picture, fitted)
        output = FaceDetectOutput(image_size=(width, height), embed_model=self._loaded()[0].embed_model)
        for face, face_id, embedding, look in zip(fitted, ids, embeddings, looks, strict=True):
            output.faces.append(_observation(face, face_id, embedding, width, height))
            output.detected_faces.append(_detected(face, face_id, embedding, look))
        metrics = {
            "dropped": dropped + len(found) - len(fitted),
            "without_embedding": sum(item is None for item in embeddings),
        }
        timing, self._step_timings = self._step_timings, None
        return Observation(
            source=self.name,
            frame_id=frame.frame_id,
            t_ns=frame.t_src_ns,
            signals=_signals(output),
            data=output,
            metadata={"embed_model": output.embed_model, "backend": self.settings.backend, "_metrics": metrics},
            timing=timing,
        )

    def _loaded(self) -> tuple[FaceBackend, FaceMesh]:
        if self._backend is None or self._mesh is None:
            raise RuntimeError("face.detect: initialize() comes first")
        return self._backend, self._mesh

    @processing_step("detect", "Find boxes and five landmarks")
    def _detect(self, picture: Picture) -> tuple[list[FoundFace], int]:
        detections = self._loaded()[0].detect(picture)
        limit = self.settings.min_face_px
        height, width = picture.shape[:2]
        kept = [face for face in detections.faces if _shorter_side(cut_box(face.box, width, height)) >= limit]
        return kept, detections.nonfinite

    @processing_step("mesh_pose", "Fit the mesh and read the head pose from it", depends_on=("detect",))
    def _fit_meshes(self, picture: Picture, found: Sequence[FoundFace]) -> list[_Fitted]:
        mesh_model = self._loaded()[1]
        height, width = picture.shape[:2]
        fitted: list[_Fitted] = []
        for face in found:
            try:
                mesh = mesh_model.run(picture, face.landmarks)
            except ShapelessFaceError:
                continue
            finite = np.isfinite(mesh.points).all() and np.isfinite(mesh.score)
            pose = head_pose(mesh.points, mesh.mirrored) if finite else None
            if pose is not None:
                fitted.append(_Fitted(face, cut_box(face.box, width, height), mesh, pose))
        return fitted

    @processing_step("embed", "Face-ID embeddings", depends_on=("detect",))
    def _embed(self, picture: Picture, fitted: Sequence[_Fitted]) -> list[Embedding | None]:
        limit = self.settings.min_embed_px
        large = [index for index, face in enumerate(fitted) if _shorter_side(face.box) >= limit]
        vectors: list[Embedding | None] = [None] * len(fitted)
        if self.settings.embed and large:
            landmarks = [fitted[index].found.landmarks for index in large]
            for index, vector in zip(large, self._loaded()[0].embed(picture, landmarks), strict=True):
                vectors[index] = vector
        return vectors

    @processing_step("appearance", "Describe the parts of each face", depends_on=("mesh_pose",))
    def _describe(self, picture: Picture, fitted: Sequence[_Fitted]) -> list[Embedding | None]:
        describe, limit = self._appearance, self.settings.min_embed_px
        if describe is None:
            return [None] * len(fitted)
        return [
            describe.run(picture, face.mesh.points) if _shorter_side(face.box) >= limit else None for face in fitted
        ]

    def annotate(self, obs: Observation) -> list[Mark]:
        """Boxes with id and confidence, the five landmarks, and the head pose as text."""
        data: Any = obs.data
        if data is None:
            return []
        width, height = data.image_size
        marks: list[Mark] = []
        for face in data.detected_faces:
            x, y, w, h = face.bbox
            label = f"#{face.face_id} {face.confidence:.2f}"
            marks.append(BBoxMark(x / width, y / height, w / width, h / height, label, DrawStyle(color=_BOX_COLOR)))
            points = tuple((float(px) / width, float(py) / height) for px, py in face.landmarks)
            marks.append(KeypointsMark(points, radius=2, style=DrawStyle(color=_POINT_COLOR)))
            text = f"yaw {face.yaw:+.0f} pitch {face.pitch:+.0f} roll {face.roll:+.0f}"
            marks.append(LabelMark(text, x / width, min((y + h) / height + 0.03, 0.99), DrawStyle(font_scale=0.4)))
        return marks


def cut_box(box: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """Return the (x1, y1, x2, y2) box cut at a picture of that size in pixels."""
    return np.clip(box, 0.0, [width, height, width, height])


def _shorter_side(box: NDArray[np.float64]) -> float:
    return float((box[2:] - box[:2]).min())


def _observation(face: _Fitted, face_id: int, embedding: Embedding | None, width: int, height: int) -> FaceObservation:
    x1, y1, x2, y2 = (float(value) for value in face.box)
    offset = np.array([(x1 + x2) / 2 / width - 0.5, (y1 + y2) / 2 / height - 0.5])
    return FaceObservation(
        face_id=face_id,
        confidence=face.found.score,
        bbox=(x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height),
        inside_frame=bool(np.array_equal(face.box, face.found.box)),
        yaw=face.pose.yaw,
        pitch=face.pose.pitch,
        roll=face.pose.roll,
        area_ratio=(x2 - x1) * (y2 - y1) / (width * height),
        center_distance=float(np.hypot(*offset) / np.hypot(0.5, 0.5)),
        signals={"mesh_score": face.mesh.score},
        embedding=embedding,
    )


def _detected(face: _Fitted, face_id: int, embedding: Embedding | None, look: Embedding | None) -> DetectedFace:
    x1, y1, x2, y2 = (float(value) for value in face.box)
    return DetectedFace(
        bbox=(x1, y1, x2 - x1, y2 - y1),
        confidence=face.found.score,
        landmarks=face.found.landmarks.astype(np.float32),
        yaw=face.pose.yaw,
        pitch=face.pose.pitch,
        roll=face.pose.roll,
        embedding=embedding,
        face_id=face_id,
        mesh=face.mesh.points,
        appearance=look,
    )


def _signals(output: FaceDetectOutput) -> dict[str, Any]:
    return {
        "face_count": len(output.faces),
        "max_confidence": max((face.confidence for face in output.faces), default=0.0),
        "max_area_ratio": max((face.area_ratio for face in output.faces), default=0.0),
    }
