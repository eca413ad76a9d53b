"""One video's run: what is learned of its source and models along the way, and the finished result."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from .builder import IdentitySetBuilder
from .core.config import FACE_ID_MODELS, UNCALIBRATED_NOVELTY, FaceIdModel, NoveltyScale
from .core.frame_views import Encoder, Look, OwnVectors
from .core.results import ModelNames, RunResult, StopReason
from .core.types import Box, FaceSample, IntBox
from .errors import IdentityBuilderError
from .highlights import Highlights
from .hooks_calls import BEFORE_THE_LOG, Hooks
from .hooks_plugins import Plugin, names_of
from .names import frame_hash
from .observations_read import BAD_INPUT
from .pitch_sign import PitchEvidence
from .place import Place, SourceInfo
from .program import program_of
from .recorder import Recorder, Tidier
from .settings import OutputSettings, Settings
from .translation import InputRules, Translation, VisionModel
from .windows import HighlightWindow

logger = logging.getLogger(__name__)

RENUMBERED_BY = 1.5
"""Frames: a number further than this from time times frame rate does not count frames at that rate."""


def face_id_rows(settings: Settings) -> tuple[FaceIdModel, ...]:
    """The Face-ID models that may occur in a run, with thresholds set by hand applied."""
    wanted = settings.output.face_id_model
    rows = FACE_ID_MODELS if wanted == "auto" else tuple(row for row in FACE_ID_MODELS if row.name == wanted)
    return tuple(settings.overrides.face_id(row) for row in rows)


def remembering(output: OutputSettings, place: Place) -> list[Plugin]:
    """The memory as a plugin, where the settings name a bank."""
    if output.memory_bank is None:
        return []
    from .memory_plugin import memory_for

    return [
        memory_for(output.memory_bank, output.memory_labels, lambda: place.folder_name or place.target().parent.name)
    ]


@dataclass(slots=True, eq=False)
class Run:
    """The builder of one video and what the documents must say about where its images come from."""

    settings: Settings
    source: SourceInfo = field(default_factory=SourceInfo)
    plugins: Sequence[Plugin] = ()
    windows: Sequence[HighlightWindow] = ()
    tidy: Tidier | None = None
    known_place: Place | None = None
    hooks: Hooks = field(init=False)
    highlights: Highlights = field(init=False)
    builder: IdentitySetBuilder = field(init=False)
    place: Place = field(init=False)
    recorder: Recorder = field(init=False)
    frame_logged: int | None = None
    stop_reason: StopReason | None = None
    checkpoint_ns: int | None = None
    checkpointed: Path | None = None
    frames_given: int = 0
    counts_frames: bool = True
    names: ModelNames = field(default_factory=ModelNames)
    pitch: PitchEvidence = field(default_factory=PitchEvidence)

    def __post_init__(self) -> None:
        scale = self.settings.overrides.novelty(UNCALIBRATED_NOVELTY)
        self.place = self.known_place or Place(self.settings, self.source)
        skipped = names_of(self.settings.output.plugins_off)
        self.hooks = Hooks(remembering(self.settings.output, self.place), self.plugins, skipped)
        self.highlights = Highlights(self.settings.highlights, self.windows, self.hooks, self.source.fps)
        policy = self.hooks.policy(self._named)
        self.builder = IdentitySetBuilder(self.settings.config, face_id_rows(self.settings), scale, scale, policy)
        self.recorder = Recorder(self.place, self.builder.kept_crops, self.tidy)
        self.builder.watch = self.recorder.fates

    @property
    def rules(self) -> InputRules:
        """How the settings want inputs to be understood."""
        signs = self.settings.output.pitch_signs
        return InputRules(
            frozenset(source for source, sign in signs.items() if sign == "reversed"),
            self.settings.output.extra_modules,
        )

    def learn(self, image: np.ndarray[Any, Any], t_ns: int, translation: Translation) -> tuple[FaceSample, ...]:
        """Take over which models were seen, and remember the first frame as the source's fingerprint.

        Returns the samples to use: without embeddings of other models than the run's, which cannot be compared.
        """
        if self.place.first_frame is None:
            self.place.first_frame = frame_hash(np.ascontiguousarray(image).tobytes(), t_ns)
            self.recorder.begin()
        samples = self.hooks.with_extra_bins(self.understand(translation), image)
        told = zip(translation.samples, samples, strict=True)
        given = tuple(replace(raw, extra_bins=sample.extra_bins) for raw, sample in told)
        self.frame_logged = self.recorder.frame(t_ns, replace(translation, samples=given))
        return samples

    def understand(self, translation: Translation) -> tuple[FaceSample, ...]:
        """What `learn` does with a translation, whether it comes from a frame or from a log."""
        face, body = translation.vision_face, translation.vision_body
        scales = self.builder.scales
        face_scale = self._scale(face, self.names.vision_face, scales.face)
        body_scale = self._scale(body, self.names.vision_body, scales.body)
        if (face_scale, body_scale) != (scales.face, scales.body):
            self.builder.scales = replace(scales, face=face_scale, body=body_scale)
        samples = self._comparable(translation)
        self._name_face_id(translation.face_id_model)
        known = self.names
        names = (known.vision_face or face.name, known.vision_body or body.name, face_scale.calibrated)
        if names != (known.vision_face, known.vision_body, known.vision_calibrated):
            self.names = ModelNames(known.face_id, *names)
        self.builder.faults.update(translation.faults)
        self.pitch.add(translation.pitch_hints)
        return samples

    def _comparable(self, translation: Translation) -> tuple[FaceSample, ...]:
        samples, known = translation.samples, self.names
        face, body = translation.vision_face.name, translation.vision_body.name
        if None not in (known.vision_face, face) and known.vision_face != face:
            self.builder.faults["vision_model_changed"] += 1
            samples = tuple(replace(sample, e_vis_face=None) for sample in samples)
        if None not in (known.vision_body, body) and known.vision_body != body:
            self.builder.faults["vision_model_changed"] += 1
            samples = tuple(replace(sample, e_vis_body=None) for sample in samples)
        if None not in (known.face_id, translation.face_id_model) and known.face_id != translation.face_id_model:
            self.builder.faults["face_id_model_changed"] += 1
            samples = tuple(replace(sample, e_id=None) for sample in samples)
        return samples

    def _name_face_id(self, name: str | None) -> None:
        """Go by the name that the detector gives its Face-ID model first; by length where no row has that name."""
        if name is None or self.names.face_id is not None:
            return
        self.names = replace(self.names, face_id=name)
        if self.settings.output.face_id_model != "auto":
            return
        rows = [row for row in face_id_rows(self.settings) if row.name == name]
        if rows:
            self.builder.face_id_models = tuple(rows)
        else:
            self.builder.faults["face_id_model_unknown"] += 1

    def _final_names(self) -> ModelNames:
        """With the Face-ID model only where its embeddings were used: as the settings, the detector, or the row say."""
        row, asked = self.builder.face_id_model, self.settings.output.face_id_model
        if row is None:
            return replace(self.names, face_id=None)
        return replace(self.names, face_id=row.name if asked != "auto" else self.names.face_id or row.name)

    def logged(self, encode: Encoder) -> Encoder:
        """An encoder of the frame learned last whose crops go into the run log too."""
        if not self.recorder.is_on:
            return encode
        recorder, number = self.recorder, self.frame_logged

        def encode_and_log(box: IntBox) -> bytes | None:
            image = encode(box)
            if image is not None:
                recorder.crop(number, box, image)
            return image

        return encode_and_log

    def logged_look(self, look: Look) -> Look:
        """A look at the frame learned last whose embeddings take the place of the carried ones in the run log too.

        A face that cannot be embedded now keeps what it carries, and counts as a fault.
        """
        number = self.frame_logged

        def look_and_log(box: Box) -> OwnVectors | None:
            try:
                own = look(box)
            except BAD_INPUT as error:
                self.fault("vision_not_embedded")
                logger.warning("a face goes by an earlier vision embedding: %s: %s", type(error).__name__, error)
                return None
            if own is not None:
                self.recorder.own_vectors(number, box, own)
            return own

        return look_and_log

    def fault(self, name: str, count: int = 1) -> None:
        """Count what is wrong with the input as a whole."""
        self.builder.faults[name] += count
        self.recorder.fault(name, count)

    def branched(self) -> Run:
        """A run that has seen the same and goes its own way from here; nothing that it sees is logged."""
        branch = copy(self)
        branch.builder = self.builder.branched()
        branch.recorder = Recorder(self.place, branch.builder.kept_crops, None)
        return branch

    def finish(self, reason: StopReason) -> RunResult:
        """The sets, with the pitch turned round of sources that proved to give it with the opposite sign."""
        turned = self._reversed_sources()
        self.builder.faults.update(f"pitch_reversed:{source}" for source in turned)
        if self.recorder.lost:
            self.builder.faults["run_log_lost"] += 1
        result = self.builder.finish(reason, self.names, turned)
        for name, count in self.hooks.fault_counts(*BEFORE_THE_LOG).items():
            self.recorder.fault(name, count)
        self.recorder.end(reason, self.builder)
        faults = {**result.faults, **self.hooks.fault_counts()}
        notes = (*result.notes, *self.highlights.notes())
        return replace(result, models=self._final_names(), faults=dict(sorted(faults.items())), notes=notes)

    def publish(self, result: RunResult) -> Path:
        """Publish a finished result, settle the log and tell the plugins, unless an earlier set was kept.

        Raises `ExportError`; the log then waits for another attempt.
        """
        folder = self.place.publish(result, self.hooks.exported)
        if self.place.kept_earlier:
            self.recorder.drop()
            return folder
        scales = self.builder.scales
        self.recorder.published(result, scales.face_id.tau_split, program_of(scales.policy))
        self.tell(result, folder)
        return folder

    def tell(self, result: RunResult, folder: Path) -> None:
        """Tell the plugins what was published."""
        self.hooks.published(result, folder, folder.parent.name, self._named(self.builder.scales.face_id))

    def _named(self, row: FaceIdModel) -> FaceIdModel:
        """The row under the name that the documents give the run's Face-ID model."""
        return replace(row, name=self._final_names().face_id or row.name)

    def _reversed_sources(self) -> frozenset[str]:
        signs = self.settings.output.pitch_signs
        return frozenset(s for s in self.pitch.reversed_sources() if signs.get(s) == "auto")

    def checkpoint(self, t_ns: int) -> None:
        """Publish what was seen so far, every `checkpoint_s` of video: a process that is killed leaves that behind.

        Not where a host said that a run began, as it also says that it ended, and the log tells what a killed one saw.
        Never replaces what an earlier run published. A failure is logged; the run goes on.
        """
        if self.recorder.is_on and self.source.announced:
            return
        interval_ns = round(self.settings.output.checkpoint_s * 1e9)
        due_ns = self.checkpoint_ns
        if due_ns is None or not interval_ns or abs(t_ns - due_ns) < interval_ns:
            self.checkpoint_ns = t_ns if due_ns is None else due_ns
            return
        self.checkpoint_ns = t_ns
        try:
            target = self.place.target()
            if target != self.checkpointed and target.exists():
                return
            result = self.builder.snapshot(StopReason.INTERRUPTED, self._final_names(), self._reversed_sources())
            if result.persons:
                self.recorder.secure()
                self.checkpointed = self.place.publish(result, self.hooks.exported)
        except IdentityBuilderError as error:
            logger.warning("no checkpoint could be written: %s", error)

    def _scale(self, model: VisionModel, run_model: str | None, known: NoveltyScale) -> NoveltyScale:
        """The scale of the run's model; that of another model, whose embeddings are dropped, has no say."""
        if model.scale is None or run_model not in (None, model.name):
            return known
        return self.settings.overrides.novelty(model.scale)

    def frame_idx(self, frame_id: int, t_ns: int) -> int:
        """Source frame number: the host's, unless it evidently counts the frames it gives; then the time tells.

        It does so where the numbers have been 0, 1, 2, … although a lower rate than the source's was asked for, and the
        times keep to that rate. Otherwise the host knows better than the clock: the rate of a video may vary.
        """
        given, fps, rate = self.frames_given, self.source.fps, self.source.source_fps
        self.frames_given += 1
        self.counts_frames = self.counts_frames and frame_id == given
        if not self.counts_frames or fps is None or rate is None or not 0 < fps < rate:
            return frame_id
        expected, keeps_rate = t_ns * rate / 1e9, abs(t_ns * fps / 1e9 - given) <= RENUMBERED_BY
        return round(expected) if keeps_rate and abs(frame_id - expected) > RENUMBERED_BY else frame_id
