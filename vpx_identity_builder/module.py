"""`identity_builder`: the consumer that a host loads. Translate, add, finish; no policy lives here."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import cv2
from vpx.sdk import Capability, Module, ModuleCapabilities, Observation, PortSchema, processing_step

from . import frame_output, pixels
from .core.results import RunResult, StopReason
from .core.types import FaceSample, IntBox
from .errors import BusyError, ExportError, IdentityBuilderError
from .hooks_faults import HookFault
from .observations import OPTIONAL, to_samples
from .observations_read import BAD_INPUT
from .observations_vision import look_through
from .place import Place, SourceInfo, check_memory
from .recovery import tidy, way_back
from .remarks import FRAME_LIMIT, TRUNCATED, UNREADABLE_PART, log_loss, recognitions, run_notes
from .run import Run
from .settings import Settings, resolve
from .settings_sources import misspelt_variables, unread_tables
from .windows import HighlightWindow, read_windows

if TYPE_CHECKING:
    from visualbase import Frame
    from vpx.sdk.marks import Mark

logger = logging.getLogger(__name__)

_BAD_INPUT = (*BAD_INPUT, cv2.error)
"""What a broken frame can raise; it costs that frame's faces, never the run."""

_END_REASONS = {
    "end_of_video": StopReason.END_OF_VIDEO,
    "truncated": StopReason.END_OF_VIDEO,
    "max_frames": StopReason.INTERRUPTED,
    "stopped": StopReason.INTERRUPTED,
    "interrupted": StopReason.INTERRUPTED,
    "failed": StopReason.FAILED,
}

_END_FAULTS = {"truncated": TRUNCATED, "max_frames": FRAME_LIMIT}
"""What is counted of an end that the stop reason alone does not tell."""

REQUIRED = ("face.detect", "face.expression", "vision.embed")
"""Modules that must run before it."""

NOT_WRITTEN, NOBODY = 1, 4
"""What a command line answers with when the sets could not be written, and when there was nobody to publish."""


def used_if_present(settings: Settings) -> list[str]:
    """Names of the modules that are made use of if they happen to run."""
    named = dict.fromkeys((*settings.output.extra_modules, *settings.highlights.trigger_modules))
    return [*OPTIONAL, *(name for name in named if name not in (*REQUIRED, *OPTIONAL))]


class IdentityBuilder(Module):
    """Builds, per rider of a video, the reference images that a diffusion model needs.

    Args:
        settings: key → value, over environment, file and defaults (see `settings.resolve`).
        plugins: name → object with hooks (docs/hooks.md), beside those that are installed.

    Raises `SettingsError` naming every wrong setting. The result is published by `finish()`, which `reset`, `release`
    and `cleanup` reach by themselves, and stays readable in `result` and `output_path` until the next video begins;
    `hook_faults` then says which plugins' hooks failed, `remarks` in sentences what people should know of the run.
    """

    name = "identity_builder"
    stateful = True

    def __init__(
        self, settings: Mapping[str, object] | None = None, plugins: Mapping[str, object] | None = None
    ) -> None:
        self.settings: Settings = resolve(settings)
        self.result: RunResult | None = None
        self.output_path: Path | None = None
        self.kept_earlier = ""
        self.remarks: tuple[str, ...] = ()
        self.hook_faults: tuple[HookFault, ...] = ()
        self._plugins = tuple((plugins or {}).items())
        self._run: Run | None = None
        self._unpublished: Run | None = None
        self._source = SourceInfo()
        self._place: Place | None = None
        self._photos = False
        self._stop_signalled = False
        self._windows: tuple[HighlightWindow, ...] | None = None
        self._step_timings: dict[str, float] | None = None

    @classmethod
    def from_settings(cls, values: Mapping[str, object]) -> Self:
        """Build with settings given as text, as a host's command line has them."""
        return cls(values)

    @property
    def depends(self) -> list[str]:
        """Faces, their expression and what is new about them."""
        return list(REQUIRED)

    @property
    def optional_depends(self) -> list[str]:
        """What is made use of if it happens to run (docs/inputs.md), and what settings name."""
        return used_if_present(self.settings)

    @property
    def port_schema(self) -> PortSchema:
        """Signals that are written."""
        return PortSchema(version="1.0", output_signals=frame_output.SIGNALS, output_data_type="IdentityOutput")

    @property
    def capabilities(self) -> ModuleCapabilities:
        """Frames in time order; the same input gives the same sets; no accelerator."""
        return ModuleCapabilities(flags=Capability.STATEFUL | Capability.DETERMINISTIC, init_time_sec=0.0)

    @property
    def exit_code(self) -> int:
        """For command lines: 1 when the sets could not be written or a hook failed, 4 when nobody is there, else 0."""
        if self._unpublished is not None or self.hook_faults:
            return NOT_WRITTEN
        return NOBODY if self.result is not None and not self.result.persons else 0

    @property
    def log_broke_off_after(self) -> int | None:
        """How many frames the log of a run that could not be published took before it was given up; None: all."""
        run = self._unpublished or self._run
        return run.recorder.frames if run is not None and run.recorder.lost else None

    @property
    def output_summary(self) -> list[str]:
        """For command lines: what the last video's sets hold, in lines; empty where nothing was published."""
        if self.result is None or self.output_path is None:
            return []
        if self.kept_earlier:
            return [self.kept_earlier]
        return [*frame_output.summary(self.result, photos=self._photos), *self.remarks]

    def begin_run(self, info: Mapping[str, Any]) -> None:
        """Hear from the runner which video comes next; optional.

        Raises `UnwritableError` or `ExportError` where its set could not be written, `FolderNameError`.
        """
        self._source = SourceInfo.from_host(info)
        self._place = Place(self.settings, self._source)
        self._place.refuse_unwritable()
        beside = info.get("modules") or (*self.depends, *self.optional_depends)
        for line in unread_tables(os.environ, Path.cwd(), info.get("settings") or (), beside):
            logger.warning(line)

    def initialize(self) -> None:
        """Read the highlight windows and see whether the memory bank can be written, before the first frame.

        Raises `InputError`, `UnwritableError`.
        """
        check_memory(self.settings)
        for line in misspelt_variables(os.environ, (f"{self.name}.{key}" for key in self.settings.origins)):
            logger.warning(line)
        path = self.settings.highlights.windows
        self._windows = () if path is None else read_windows(path)

    def sampling_fps(self, t_ns: int) -> float | None:
        """Tell the runner how many frames per second a moment is worth, None: as any other; optional."""
        return None if self._run is None else self._run.highlights.fps(t_ns)

    def source_errors(self, count: int) -> None:
        """Hear from the runner how many parts of the source could not be read; optional."""
        if self._run is not None:
            self._run.fault(UNREADABLE_PART, count)

    def end_run(self, reason: str) -> None:
        """Hear from the runner why the run ended; optional."""
        if self._run is not None:
            self._run.stop_reason = _END_REASONS.get(reason, StopReason.INTERRUPTED)
            if reason in _END_FAULTS:
                self._run.fault(_END_FAULTS[reason])

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation | None:
        """Take one frame. A frame that cannot be read is counted and left out, it does not end the run.

        Raises `BusyError` on the first frame where another build of the video is running and a host said `begin_run`.
        """
        run = self._current()
        self._step_timings = {}
        t_ns = int(frame.t_src_ns)
        samples = self._translate(run, frame, deps, t_ns)
        if samples is not None:
            self._add(run, frame, deps, t_ns, samples)
            run.checkpoint(t_ns)
        progress, fates = run.builder.progress(), run.builder.last_fates
        wanted = self.settings.config.stop.stop_when_covered and not run.highlights.are_ahead(t_ns)
        self._stop_signalled = progress.should_stop and wanted
        timing, self._step_timings = self._step_timings, None
        return Observation(
            source=self.name,
            frame_id=frame.frame_id,
            t_ns=t_ns,
            signals=frame_output.signals(progress, fates, self._stop_signalled),
            data=frame_output.output(fates, progress),
            metadata={"_metrics": {"faults": sum(run.builder.faults.values())}},
            timing=timing,
        )

    def _current(self) -> Run:
        if self._run is None:
            if self._windows is None:
                self.initialize()
            if self._unpublished is not None:
                self._unpublished.recorder.close()
            self._run = Run(self.settings, self._source, self._plugins, self._windows or (), tidy, self._place)
            self._place = None
            self.result, self.output_path, self._unpublished = None, None, None
            self.hook_faults = ()
            self.kept_earlier, self.remarks = "", ()
        return self._run

    @processing_step(name="translate", description="Other modules' observations into face samples")
    def _translate(
        self, run: Run, frame: Frame, deps: Mapping[str, Any] | None, t_ns: int
    ) -> tuple[FaceSample, ...] | None:
        index = run.frame_idx(int(frame.frame_id), t_ns)
        run.highlights.note(deps, t_ns)
        try:
            said = to_samples(frame, deps, frame_idx=index, t_ns=t_ns, rules=run.rules)
            return run.learn(frame.data, t_ns, run.highlights.marked(said, t_ns))
        except BusyError:
            self._run = None
            raise
        except _BAD_INPUT as error:
            run.fault("unreadable_frame")
            logger.warning("frame %s left out: %s: %s", frame.frame_id, type(error).__name__, error)
            return None

    @processing_step(name="build", description="Tracklets, persons, gates, novelty and the pool")
    def _add(
        self, run: Run, frame: Frame, deps: Mapping[str, Any] | None, t_ns: int, samples: tuple[FaceSample, ...]
    ) -> None:
        output = self.settings.output
        # The builder encodes when the next frame comes, and a host may have put that one into the same array by then.
        image = frame.data.copy() if samples else frame.data

        def encode(box: IntBox) -> bytes:
            return pixels.encode(image, box, output.image_format, output.jpeg_quality)

        run.builder.add(t_ns, samples, run.logged(encode), run.logged_look(look_through(deps)))

    def finish(self) -> RunResult | None:
        """Choose and publish the sets of the frames so far; once per video, later calls return the same result.

        None before the first frame. Raises `ExportError` when the sets cannot be written; the result is kept and a
        later call tries again, until the next video begins.
        """
        run = self._run or self._unpublished
        if run is None:
            return self.result
        self._run, self._unpublished = None, run
        satisfied = StopReason.COVERAGE_SATISFIED if self._stop_signalled else None
        ended = None if run.stop_reason is StopReason.INTERRUPTED and satisfied else run.stop_reason
        self.result = run.finish(ended or satisfied or StopReason.END_OF_VIDEO)
        self.output_path = run.publish(self.result)
        self.hook_faults = tuple(run.hooks.faults)
        self.kept_earlier = run.place.kept_earlier
        self._photos = bool(run.source.files)
        remarks = run_notes(self.result, photos=self._photos)
        self.remarks = (*remarks, *recognitions(self.result), *log_loss(run.recorder.loss))
        self._unpublished, self._source, self._stop_signalled = None, SourceInfo(), False
        return self.result

    def reset(self) -> None:
        """Between videos: publish what was seen. A failure is logged at ERROR; some hosts would swallow it here."""
        try:
            self.finish()
        except IdentityBuilderError as error:
            hint = way_back(error.target.parent, self.log_broke_off_after) if isinstance(error, ExportError) else ""
            logger.error("the identity set could not be published: %s%s", error, hint)

    def release(self) -> None:
        """At shutdown: the same."""
        self.reset()

    def cleanup(self) -> None:
        """End of the older lifecycle: the same."""
        self.reset()

    def annotate(self, obs: Observation) -> list[Mark]:
        """Boxes in each person's colour with the decision, and coverage bars."""
        return frame_output.marks(obs)
