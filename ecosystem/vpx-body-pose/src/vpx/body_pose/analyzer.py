"""The body.pose module."""

from __future__ import annotations

from typing import Any

from visualbase import Frame

from vpx.body_pose.crops import (
    Box,
    belongs_to_face,
    detected_count,
    face_boxes,
    keep_detected,
    person_square,
    whole_frame,
)
from vpx.body_pose.movenet import MoveNet
from vpx.body_pose.types import SKELETON, PoseOutput
from vpx.sdk import (
    Capability,
    DrawStyle,
    KeypointsMark,
    Mark,
    Module,
    ModuleCapabilities,
    Observation,
    PortSchema,
    processing_step,
)
from vpx.sdk.settings import NumberSetting, SettingDescription, described, resolve_numbers

NAME = "body.pose"
SETTINGS = (
    NumberSetting("min_keypoint_confidence", 0.3, 0.0, 1.0, "points below it are reported as not detected"),
    NumberSetting("min_points", 4, 1, 17, "a person needs this many detected points"),
    NumberSetting("crop_scale", 6.0, 2.0, 12.0, "side of a person's square in face sizes"),
    NumberSetting("max_persons", 4, 1, 32, "the largest faces that get a pose, per frame"),
    NumberSetting("threads", 2, 1, 64, "threads of the pose model"),
)
"""Every setting with range and meaning. The confidence and the scale were chosen by the measurements in the README."""


class PoseAnalyzer(Module):
    """17 COCO keypoints per person, on a square around each face, or on the whole frame where no face is known."""

    name = NAME
    optional_depends = ["face.detect"]  # noqa: RUF012 - the contract wants a plain list

    def __init__(
        self,
        min_keypoint_confidence: float | None = None,
        min_points: int | None = None,
        crop_scale: float | None = None,
        max_persons: int | None = None,
        threads: int | None = None,
    ) -> None:
        """Arguments left None come from `VPX_BODY_POSE__<KEY>` or the default. Errors: `ModuleSettingsError`."""
        given = {
            "min_keypoint_confidence": min_keypoint_confidence,
            "min_points": min_points,
            "crop_scale": crop_scale,
            "max_persons": max_persons,
            "threads": threads,
        }
        values = resolve_numbers(NAME, SETTINGS, given)
        self._min_confidence = float(values["min_keypoint_confidence"])
        self._min_points = int(values["min_points"])
        self._crop_scale = float(values["crop_scale"])
        self._max_persons = int(values["max_persons"])
        self._threads = int(values["threads"])
        self._model: MoveNet | None = None
        self._step_timings: dict[str, float] | None = None

    @classmethod
    def describe_settings(cls) -> list[SettingDescription]:
        """Every setting, for command lines."""
        return described(SETTINGS)

    @property
    def capabilities(self) -> ModuleCapabilities:
        """CPU only; no state between frames."""
        return ModuleCapabilities(flags=Capability.DETERMINISTIC, init_time_sec=0.3)

    @property
    def port_schema(self) -> PortSchema:
        """Writes the signal `person_count`."""
        return PortSchema(output_signals=frozenset({"person_count"}), output_data_type="PoseOutput")

    def initialize(self) -> None:
        """Convert and load the model. Errors: `WeightsError` naming the command that fetches it."""
        if self._model is None:
            self._model = MoveNet(self._threads)

    def release(self) -> None:
        """Let go of the model."""
        self._model = None

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation:
        """Poses of one frame; an empty output where nobody is found. Errors: RuntimeError before `initialize`."""
        self._step_timings = {}
        observed = (deps or {}).get("face.detect")
        boxes = face_boxes(getattr(observed, "data", None), frame.width, frame.height)[: self._max_persons]
        poses = self._poses_of_faces(frame, boxes) if boxes else self._pose_of_frame(frame)
        persons = [self._person(index, points, frame) for index, points in enumerate(poses)]
        return Observation(
            source=NAME,
            frame_id=frame.frame_id,
            t_ns=frame.t_src_ns,
            signals={"person_count": len(persons)},
            data=PoseOutput(keypoints=persons, person_count=len(persons)),
            metadata={"_metrics": {"crops": max(1, len(boxes)), "dropped": max(1, len(boxes)) - len(persons)}},
            timing=dict(self._step_timings),
        )

    def annotate(self, obs: Observation) -> list[Mark]:
        """A skeleton per person."""
        marks: list[Mark] = []
        for person in getattr(obs.data, "keypoints", None) or ():
            width, height = person["image_size"]
            points = tuple((x / width, y / height) if x > 0 and y > 0 else None for x, y, _ in person["keypoints"])
            marks.append(KeypointsMark(points=points, connections=SKELETON, style=DrawStyle(color=(0, 200, 255))))
        return marks

    @processing_step("pose_per_face", "pose model on a square around each face")
    def _poses_of_faces(self, frame: Frame, boxes: list[Box]) -> list[list[list[float]]]:
        poses = ((self._detect(frame, box), box) for box in boxes)
        return [pose for pose, box in poses if pose is not None and belongs_to_face(pose, box)]

    @processing_step("pose_whole_frame", "pose model on the whole frame where no face is known")
    def _pose_of_frame(self, frame: Frame) -> list[list[list[float]]]:
        pose = self._detect(frame, None)
        return [] if pose is None else [pose]

    def _detect(self, frame: Frame, box: Box | None) -> list[list[float]] | None:
        if self._model is None:
            raise RuntimeError(f"{NAME}: process() came before initialize()")
        square = whole_frame(frame.width, frame.height) if box is None else person_square(box, self._crop_scale)
        points = self._model.run(frame.data, square)
        kept = keep_detected(points, self._min_confidence, frame.width, frame.height)
        return kept if detected_count(kept) >= self._min_points else None

    @staticmethod
    def _person(index: int, keypoints: list[list[float]], frame: Frame) -> dict[str, Any]:
        return {"person_id": index, "keypoints": keypoints, "image_size": (frame.width, frame.height)}
