"""`vision.embed`: the analyzer that puts general-vision embeddings of every face and upper body into the stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from visualbase import Frame
from vpx.sdk import (
    Capability,
    Module,
    ModuleCapabilities,
    Observation,
    PortSchema,
    processing_step,
)

from vpx_vision_embed.crops import Image
from vpx_vision_embed.embedder import MAX_BATCH, VisionEmbedder, choose_model
from vpx_vision_embed.errors import ClosedError, CropError
from vpx_vision_embed.inputs import Faces, field, read_faces, read_poses
from vpx_vision_embed.late import LateCrops
from vpx_vision_embed.models import ModelSpec
from vpx_vision_embed.output import SIGNALS, empty_output, marks, observation
from vpx_vision_embed.plan import CropPlan, FacePlan, FramePlan, Pose, fill, planner_for
from vpx_vision_embed.preprocess import check_crop
from vpx_vision_embed.settings import SettingDescription, VisionEmbedSettings, described, resolve

if TYPE_CHECKING:
    from vpx.sdk.marks import Mark

FACES = "face.detect"
POSES = "body.pose"

_BAD_INPUT = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What reading another module's broken data can raise; it costs that frame's faces, never the run."""
_GPU_MEMORY_MB = 1024
"""Weights, arena and one batch of the largest row, rounded up: an estimate, not a measurement."""

Deps = Mapping[str, Observation] | None


class VisionEmbedAnalyzer(Module):
    """Embeds faces and upper bodies with DINOv2, SigLIP or the bundled model (design document §3, §4, §13).

    Every parameter is a setting; None means: from the environment, the file, or the default (see `settings`).

    Args:
        face_model: "auto", or a key of `models.MODELS`.
        body_model: the same for bodies.
        embed_body: whether upper bodies are embedded.
        device: "auto", "cpu" or "cuda".
        backend: "auto", "onnx" or "timm".
        threads: CPU threads per inference.
        precision: "fp32", or "fp16", "bf16", "int8" where the backend and its files have it (docs/vision-embed.md).
        max_faces: faces embedded per frame, largest first.
        min_face_px: shorter side in px below which a face is not embedded.
        smoothing_alpha: weight of the newest box of a track, 0..1.
        unchanged_below, max_rate_hz, refresh_s, min_sharpness: which crops are not embedded (see `PrefilterRules`);
            with 0 for all of them every crop of every frame is.

    Raises:
        SettingsError: with every wrong setting at once.
    """

    name = "vision.embed"
    stateful = True

    def __init__(
        self,
        face_model: str | None = None,
        body_model: str | None = None,
        embed_body: bool | None = None,
        device: str | None = None,
        backend: str | None = None,
        threads: int | None = None,
        precision: str | None = None,
        max_faces: int | None = None,
        min_face_px: float | None = None,
        smoothing_alpha: float | None = None,
        unchanged_below: float | None = None,
        max_rate_hz: float | None = None,
        refresh_s: float | None = None,
        min_sharpness: float | None = None,
    ) -> None:
        super().__init__()
        given = {
            "face_model": face_model,
            "body_model": body_model,
            "embed_body": embed_body,
            "device": device,
            "backend": backend,
            "threads": threads,
            "precision": precision,
            "max_faces": max_faces,
            "min_face_px": min_face_px,
            "smoothing_alpha": smoothing_alpha,
            "unchanged_below": unchanged_below,
            "max_rate_hz": max_rate_hz,
            "refresh_s": refresh_s,
            "min_sharpness": min_sharpness,
        }
        self._step_timings: dict[str, float] | None = None
        self._face: VisionEmbedder | None = None
        self._body: VisionEmbedder | None = None
        self._late: LateCrops | None = None
        self._configure(given)

    @classmethod
    def describe_settings(cls) -> list[SettingDescription]:
        """Every setting, for command lines."""
        return described()

    @classmethod
    def from_settings(cls, values: Mapping[str, str]) -> Self:
        """A module with these settings, given as text. An unknown key is an error that lists the settings."""
        resolve(values)
        arguments: dict[str, Any] = dict(values)
        return cls(**arguments)

    def _configure(self, given: Mapping[str, object]) -> None:
        self._resolved = resolve(given)
        values = self._resolved.values
        self._planner = planner_for(values)

    @property
    def settings(self) -> VisionEmbedSettings:
        """The effective settings."""
        return self._resolved.values

    @property
    def setting_origins(self) -> Mapping[str, str]:
        """Where each setting came from."""
        return self._resolved.origins

    @property
    def depends(self) -> list[str]:
        """Faces to embed."""
        return [FACES]

    @property
    def optional_depends(self) -> list[str]:
        """Keypoints make the body crop exact; without them it is guessed from the face."""
        return [POSES]

    @property
    def port_schema(self) -> PortSchema:
        """Signals that are written."""
        return PortSchema(version="1.0", output_signals=SIGNALS, output_data_type="VisionEmbedOutput")

    @property
    def capabilities(self) -> ModuleCapabilities:
        """Ordered frames (box smoothing), real batches; the same answer every time on a CPU."""
        on_gpu = self._face.device == "cuda" if self._face is not None else self.settings.device == "cuda"
        flags = Capability.STATEFUL | Capability.BATCHING | Capability.CROSS_HOST_OK
        flags |= Capability.GPU if on_gpu else Capability.DETERMINISTIC
        return ModuleCapabilities(
            flags=flags, gpu_memory_mb=_GPU_MEMORY_MB if on_gpu else 0, init_time_sec=0.5, max_batch_size=MAX_BATCH
        )

    def initialize(self) -> None:
        """Load the models; a second call does nothing. Raises WeightsError with the command that fetches them."""
        if self._face is not None:
            return
        values = self.settings
        face_spec = choose_model(values.face_model)
        with ExitStack() as opened:
            face = opened.enter_context(self._open(face_spec))
            body = None
            if values.embed_body:
                body_spec = choose_model(values.body_model, "body", face_spec)
                body = opened.enter_context(self._open(body_spec))
            opened.pop_all()
        self._face, self._body = face, body
        self._late = LateCrops(face.embed, (body or face).embed)

    def warmup(self, sample_frame: Frame | None = None) -> None:  # noqa: ARG002 - the signature is the contract
        """Run each model once, so that the first frame pays nothing extra."""
        for embedder in (self._face, self._body):
            if embedder is not None:
                embedder.embed([np.zeros((64, 64, 3), np.uint8)])

    def reset(self) -> None:
        """Forget the tracks of the last video; the models stay."""
        self._planner.clear()

    def release(self) -> None:
        """Give the models back; a second call does nothing."""
        if self._late is not None:
            self._late.forget()
        for embedder in (self._face, self._body):
            if embedder is not None:
                embedder.close()
        self._face = self._body = self._late = None

    def cleanup(self) -> None:
        """`reset`, then `release`."""
        self.reset()
        self.release()

    def process(self, frame: Frame, deps: Deps = None) -> Observation | None:
        """Embed one frame's faces; None if face.detect said nothing about the frame."""
        return self.process_batch([frame], [deps])[0]

    def process_batch(self, frames: Sequence[Frame], deps_list: Sequence[Deps]) -> list[Observation | None]:
        """Embed the faces of several frames in time order; the same as frame by frame, in fewer inferences."""
        if self._face is None or self._late is None:
            raise ClosedError("vision.embed is not initialized")
        self._step_timings = {}
        with ExitStack() as broken_off:
            broken_off.callback(self._planner.clear)  # no later frame may count on what was not embedded
            plans = [self._plan(frame, deps or {}) for frame, deps in zip(frames, deps_list, strict=True)]
            faces = [face for plan in plans if plan is not None for face in plan.faces]
            self._embed_faces([face.crop for face in faces if face.crop is not None and face.crop.is_fresh])
            self._embed_bodies([face.body for face in faces if face.body is not None and face.body.is_fresh])
            broken_off.pop_all()
        found = sum(plan is not None for plan in plans)
        timing = {step: ms / found for step, ms in self._step_timings.items()} if found else {}
        self._step_timings = None
        empty = empty_output(self._face, self._body)
        said = [None if plan is None else observation(self.name, plan, empty, dict(timing)) for plan in plans]
        both = zip(plans, said, strict=True)
        self._late.hold([(p, obs.data) for p, obs in both if p is not None and obs is not None])
        return said

    def annotate(self, obs: Observation) -> list[Mark]:
        """The embedded square of each face, grey with the reason where there is none."""
        return marks(obs)

    def _plan(self, frame: Frame, deps: Mapping[str, Observation]) -> FramePlan | None:
        detection = deps.get(FACES)
        if detection is None:
            return None
        image: Image = frame.data
        try:
            check_crop(image)
        except CropError:
            return FramePlan(frame, (0, 0), (), 0, True, self._planner.tracks)
        height, width = image.shape[:2]
        faces, poses, bad_input = self._read(detection, deps.get(POSES), width, height)
        plans = self._cut(image, faces, poses, frame.t_src_ns)
        return FramePlan(frame, (width, height), tuple(plans), faces.invalid, bad_input, self._planner.tracks)

    def _open(self, spec: ModelSpec) -> VisionEmbedder:
        values = self.settings
        return VisionEmbedder(
            spec.key, values.device, threads=values.threads, backend=values.backend, precision=values.precision
        )

    @processing_step(name="read", description="Faces and poses out of the other modules' observations")
    def _read(self, detection: object, pose: object, width: int, height: int) -> tuple[Faces, list[Pose], bool]:
        bad_input = False
        faces, poses = Faces(), list[Pose]()
        try:
            faces = read_faces(field(detection, "data"), width, height)
        except _BAD_INPUT:
            bad_input = True
        try:
            poses = read_poses(field(pose, "data"))
        except _BAD_INPUT:
            bad_input = True
        return faces, poses, bad_input

    @processing_step(name="crop", description="Smoothed square crops of faces and upper bodies")
    def _cut(self, image: Image, faces: Faces, poses: list[Pose], t_ns: int) -> list[FacePlan]:
        return self._planner.plan(image, faces.faces, poses, t_ns)

    @processing_step(name="embed_faces", description="Face crops to unit vectors")
    def _embed_faces(self, crops: list[CropPlan]) -> None:
        if self._face is not None:
            fill(self._face.embed, crops)

    @processing_step(name="embed_bodies", description="Body crops to unit vectors")
    def _embed_bodies(self, crops: list[CropPlan]) -> None:
        if self._body is not None:
            fill(self._body.embed, crops)
