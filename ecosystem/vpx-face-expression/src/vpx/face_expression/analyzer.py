"""The face.expression module."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from visualbase import Frame

from vpx.face_detect.mesh import FaceMesh
from vpx.face_expression import geometry
from vpx.face_expression.calibration import CUT, MATCH_IOU, MAX_YAW_DEG, MIN_EYE_SPAN_PX, MIN_MESH_SCORE
from vpx.face_expression.iris import EyeContour
from vpx.face_expression.judge import expression_signals, intensity, readable_eyes
from vpx.face_expression.types import ExpressionOutput, FaceExpression
from vpx.sdk import (
    BarMark,
    Capability,
    DrawStyle,
    Mark,
    Module,
    ModuleCapabilities,
    Observation,
    PortSchema,
    processing_step,
)
from vpx.sdk.settings import NumberSetting, SettingDescription, described, resolve_numbers

NAME = "face.expression"
SETTINGS = (
    NumberSetting("min_eye_span_px", MIN_EYE_SPAN_PX, 8.0, 1000.0, "smaller faces are not measured"),
    NumberSetting("min_mesh_score", MIN_MESH_SCORE, 0.0, 1.0, "a mesh less sure of its face is not measured"),
    NumberSetting("max_yaw_deg", MAX_YAW_DEG, 0.0, 90.0, "faces turned further are not measured"),
    NumberSetting("threads", 1, 1, 64, "threads of each model"),
)
"""Every setting with range and meaning."""

_COPIED = ("face_id", "confidence", "bbox", "inside_frame", "yaw", "pitch", "roll", "area_ratio", "center_distance")
_BARS = (("smile_intensity", "smile"), ("mouth_open_ratio", "mouth"), ("eye_open_ratio", "eyes"))
_BAR_HEIGHT, _BAR_GAP = 0.018, 0.006
_CALM, _MARKED = DrawStyle(color=(160, 160, 160)), DrawStyle(color=(0, 220, 120))

Mesh = npt.NDArray[np.float32]


class ExpressionAnalyzer(Module):
    """Mouth opening, eye opening and smile of each face of face.detect, frame by frame; no emotion classifier."""

    name = NAME
    depends = ["face.detect"]  # noqa: RUF012 - the contract wants a plain list

    def __init__(
        self,
        min_eye_span_px: float | None = None,
        min_mesh_score: float | None = None,
        max_yaw_deg: float | None = None,
        threads: int | None = None,
    ) -> None:
        """Arguments left None come from `VPX_FACE_EXPRESSION__<KEY>` or the default. Errors: `ModuleSettingsError`."""
        given = {
            "min_eye_span_px": min_eye_span_px,
            "min_mesh_score": min_mesh_score,
            "max_yaw_deg": max_yaw_deg,
            "threads": threads,
        }
        values = resolve_numbers(NAME, SETTINGS, given)
        self._min_span = float(values["min_eye_span_px"])
        self._min_score = float(values["min_mesh_score"])
        self._max_yaw = float(values["max_yaw_deg"])
        self._threads = int(values["threads"])
        self._mesh: FaceMesh | None = None
        self._eyes: EyeContour | None = None
        self._step_timings: dict[str, float] | None = None

    @classmethod
    def describe_settings(cls) -> list[SettingDescription]:
        """Every setting, for command lines."""
        return described(SETTINGS)

    @property
    def capabilities(self) -> ModuleCapabilities:
        """CPU only; no state between frames."""
        return ModuleCapabilities(flags=Capability.DETERMINISTIC, init_time_sec=0.1)

    @property
    def port_schema(self) -> PortSchema:
        """Writes two counts; the ratios are per face, in the data."""
        return PortSchema(
            output_signals=frozenset({"face_count", "measured_count"}), output_data_type="ExpressionOutput"
        )

    def initialize(self) -> None:
        """Load both models. Errors: `WeightsError` naming the command that fetches them."""
        if self._eyes is None:
            self._mesh, self._eyes = FaceMesh(threads=self._threads), EyeContour(threads=self._threads)

    def release(self) -> None:
        """Let go of the models."""
        self._mesh, self._eyes = None, None

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation | None:
        """Expressions of one frame's faces; None where face.detect said nothing. Errors: RuntimeError if too early."""
        if self._eyes is None:
            raise RuntimeError(f"{NAME}: process() came before initialize()")
        data = getattr((deps or {}).get("face.detect"), "data", None)
        if data is None:
            return None
        self._step_timings = {}
        detected = list(getattr(data, "detected_faces", None) or ())
        faces = [self._express(frame, face, detected) for face in getattr(data, "faces", None) or ()]
        measured = sum(1 for face in faces if "eye_open_ratio" in face.signals or "smile_intensity" in face.signals)
        return Observation(
            source=NAME,
            frame_id=frame.frame_id,
            t_ns=frame.t_src_ns,
            signals={"face_count": len(faces), "measured_count": measured},
            data=ExpressionOutput(faces=faces),
            timing=dict(self._step_timings),
        )

    def annotate(self, obs: Observation) -> list[Mark]:
        """Three bars under each face; a bar is green where its condition of the design document holds."""
        marks: list[Mark] = []
        for face in getattr(obs.data, "faces", None) or ():
            x, y, w, h = face.bbox
            known = [(key, label) for key, label in _BARS if key in face.signals]
            for row, (key, label) in enumerate(known):
                value = face.signals[key]
                holds = value < CUT if key == "eye_open_ratio" else value >= CUT
                top = y + h + _BAR_GAP + row * (_BAR_HEIGHT + _BAR_GAP)
                marks.append(BarMark(x, top, w, _BAR_HEIGHT, value, label, _MARKED if holds else _CALM))
        return marks

    def _express(self, frame: Frame, face: Any, detected: list[Any]) -> FaceExpression:
        copy = FaceExpression(**{key: getattr(face, key) for key in _COPIED})
        mesh = self._find_mesh(
            frame, face, geometry.match_face(face.bbox, detected, frame.width, frame.height, MATCH_IOU)
        )
        found = {} if mesh is None else self._measure(frame, mesh)
        copy.signals = {**(getattr(face, "signals", None) or {}), **found}
        copy.expression = intensity(found)
        return copy

    @processing_step("mesh", "mesh of the face: face.detect's, or a fresh one")
    def _find_mesh(self, frame: Frame, face: Any, match: Any | None) -> Mesh | None:
        """A usable mesh of this face, or None: too small, too far turned, unsure, degenerate, or none at all."""
        mesh = getattr(match, "mesh", None)
        score = (getattr(face, "signals", None) or {}).get("mesh_score", 1.0)
        landmarks = getattr(match, "landmarks", None)
        if mesh is None and landmarks is not None and self._mesh is not None and np.isfinite(landmarks).all():
            try:
                result = self._mesh.run(frame.data, np.asarray(landmarks, np.float64))
            except ValueError:
                return None
            mesh, score = result.points, result.score
        if mesh is None:
            return None
        points = np.asarray(mesh, np.float32)
        yaw = float(getattr(face, "yaw", 0.0) or 0.0)
        usable = (
            bool(np.isfinite(points).all())
            and score >= self._min_score
            and (math.isnan(yaw) or abs(yaw) <= self._max_yaw)
            and geometry.eye_span(points) >= self._min_span
        )
        return points if usable else None

    @processing_step("measure", "mouth from the mesh, eyes from the eye-contour model", depends_on=("mesh",))
    def _measure(self, frame: Frame, mesh: Mesh) -> dict[str, float]:
        lips = mesh[[*geometry.MOUTH_CORNERS, *geometry.INNER_LIPS]]
        mouth = geometry.mouth_measures(mesh) if geometry.inside(lips, frame.width, frame.height) else None
        gaps, shifts = self._eye_measures(frame, mesh)
        return expression_signals(mouth, gaps, shifts)

    def _eye_measures(self, frame: Frame, mesh: Mesh) -> tuple[dict[str, float], dict[str, float]]:
        """Lid gap and iris shift of each eye that can be read, by image side."""
        gaps: dict[str, float] = {}
        shifts: dict[str, float] = {}
        if self._eyes is None:
            return gaps, shifts
        sides = (("left", geometry.EYE_LEFT, 1.0), ("right", geometry.EYE_RIGHT, -1.0))
        for (side, corners, sign), readable in zip(sides, readable_eyes(geometry.eye_widths(mesh)), strict=True):
            if not readable or not geometry.inside(mesh[list(corners)], frame.width, frame.height):
                continue
            eye = self._eyes.run(frame.data, mesh, image_left=side == "left")
            gap, shift = geometry.lid_gap(eye.contour), geometry.iris_shift(eye.contour, eye.iris)
            if gap is not None and shift is not None:
                gaps[side], shifts[side] = gap, sign * shift
        return gaps, shifts
