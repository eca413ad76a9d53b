"""The runner: modules in dependency order over the frames of one source."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from visualbase import Frame

from vpx.runner.decoding import MODULE as DECODE
from vpx.runner.decoding import Decoding
from vpx.runner.density import wanted_rate
from vpx.runner.errors import RunError, SettingsError, StartError, describe
from vpx.runner.selection import parse_settings, select_modules
from vpx.runner.sources import FrameStream, Source, open_frames
from vpx.sdk import Module, Observation

_log = logging.getLogger(__name__)

OnObservation = Callable[[Observation], object]
OnFrame = Callable[[Frame, dict[str, Observation]], object]


@dataclass
class RunResult:
    """What a run did.

    ``frames`` holds one dict name → Observation per frame if observations were kept, else nothing. ``stop_reason`` is
    ``end_of_video``, ``max_frames`` (the source goes on), ``truncated`` (the file is cut off), ``stopped`` (a module
    signalled ``should_stop``) or ``interrupted``. ``source_errors`` counts parts of the source that could not be read.
    ``cleanup_errors`` has one text per failed ``end_run`` or ``cleanup``. ``module_seconds`` is the time each module
    spent in ``process``.
    """

    frames: list[dict[str, Observation]] = field(default_factory=list)
    frame_count: int = 0
    module_names: list[str] = field(default_factory=list)
    stop_reason: str = "failed"
    source_errors: int = 0
    cleanup_errors: list[str] = field(default_factory=list)
    seconds: float = 0.0
    observation_count: int = 0
    module_seconds: dict[str, float] = field(default_factory=dict)


class LiteRunner:
    """Runs modules over one source, frame by frame, in this process.

    ``analyzers`` are names of installed modules, instances, or a mix; required dependencies that are missing are added,
    and with ``include_optional`` the installed optional ones too. ``on_observation(obs)`` is called for every
    observation, ``on_frame(frame, {name: obs})`` after every frame. Observations are kept in the result only with
    ``keep_observations``, so that memory does not grow with the video. ``settings`` maps ``module.key`` to text
    (``decode.key``: how a path is decoded); ``output_dir`` and ``video_id`` (default: the file's stem) are told to
    modules that have a ``begin_run``.
    """

    def __init__(
        self,
        analyzers: Sequence[str | Module],
        on_observation: OnObservation | None = None,
        on_frame: OnFrame | None = None,
        *,
        keep_observations: bool = False,
        settings: Mapping[str, str] | None = None,
        output_dir: str | Path | None = None,
        video_id: str | None = None,
        include_optional: bool = False,
    ) -> None:
        self._analyzers = [analyzers] if isinstance(analyzers, str) else list(analyzers)
        self._on_observation = on_observation
        self._on_frame = on_frame
        self._keep_observations = keep_observations
        self._settings = parse_settings(settings or {})
        self._told = sorted(settings or {})
        self._settings.pop(DECODE, None)
        self._decoding = Decoding.of(settings or {})
        self._output_dir = output_dir
        self._video_id = video_id
        self._include_optional = include_optional
        self._modules: list[Module] | None = None
        self._stop_requested = False

    def resolve(self) -> list[Module]:
        """Build what was given by name, add dependencies, and order all. Done once; no module is initialized."""
        if self._modules is None:
            self._modules = select_modules(self._analyzers, self._settings, self._include_optional)
        return list(self._modules)

    @property
    def modules(self) -> list[Module]:
        """The modules of the run in processing order."""
        return self.resolve()

    def stop(self) -> None:
        """End the run after the current frame, as interrupted; for signal handlers and other threads."""
        self._stop_requested = True

    def run(self, source: Source, fps: float | None = None, max_frames: int | None = None) -> RunResult:
        """Process a source: a path (video, image, folder of images), an object with open/read/close, or frames.

        ``fps`` samples at exact times (see ``visualbase.SampleClock``), and more densely where a module's
        ``sampling_fps(t_ns)`` asks for it. Whatever happens, every started module is told the reason and cleaned up.
        Raises ``SourceError`` (input), ``SettingsError``, ``StartError``, ``RunError`` (a module failed on a frame),
        ``SamplingError``, and lets ``KeyboardInterrupt`` through.
        """
        if max_frames is not None and max_frames < 1:
            raise SettingsError(f"max_frames must be at least 1, got {max_frames}")
        self._stop_requested = False
        modules = self.resolve()
        result = RunResult(module_names=[module.name for module in modules])
        result.module_seconds = dict.fromkeys(result.module_names, 0.0)
        start = time.perf_counter()
        try:
            with open_frames(source, fps, self._decoding, wanted_rate(modules)) as stream, ExitStack() as endings:
                self._run_stream(modules, stream, fps, max_frames, endings, result)
        except BaseException as error:
            if isinstance(error, RunError):
                error.cleanup_errors = result.cleanup_errors
            for text in result.cleanup_errors:
                error.add_note(text)
            raise
        result.seconds = time.perf_counter() - start
        return result

    def _run_stream(
        self,
        modules: list[Module],
        stream: FrameStream,
        fps: float | None,
        max_frames: int | None,
        endings: ExitStack,
        result: RunResult,
    ) -> None:
        try:
            self._start(modules, self._run_info(modules, stream, fps), endings, result)
            self._process_all(modules, stream.frames, max_frames, result)
            if result.stop_reason == "end_of_video" and stream.truncated:
                result.stop_reason = "truncated"
        except KeyboardInterrupt:
            result.stop_reason = "interrupted"
            raise
        finally:
            result.source_errors = stream.error_count

    def _run_info(self, modules: list[Module], stream: FrameStream, fps: float | None) -> dict[str, object]:
        return {
            "source": None if stream.path is None else str(stream.path),
            "video_id": self._video_id or stream.video_id,
            "output_dir": None if self._output_dir is None else str(self._output_dir),
            "fps": fps,
            "source_fps": stream.fps,
            "source_files": stream.files,
            "settings": self._told,
            "modules": [*(module.name for module in modules), DECODE],
        }

    def _start(self, modules: list[Module], info: dict[str, object], endings: ExitStack, result: RunResult) -> None:
        """Initialize all, then tell all about the run. The end of each is registered before its beginning."""
        for module in modules:
            endings.callback(_end_module, module, result)
            try:
                module.initialize()
            except Exception as error:
                raise StartError(module.name, error) from error
        for module in modules:
            begin_run = getattr(module, "begin_run", None)
            if begin_run is None:
                continue
            try:
                begin_run(dict(info))
            except Exception as error:
                raise StartError(module.name, error) from error

    def _process_all(
        self, modules: list[Module], frames: Iterable[Frame], max_frames: int | None, result: RunResult
    ) -> None:
        for frame in frames:
            if self._stop_requested:
                break
            if result.frame_count == max_frames:
                result.stop_reason = "max_frames"
                return
            observations = self._process_frame(modules, frame, result)
            result.frame_count += 1
            if self._keep_observations:
                result.frames.append(observations)
            if self._on_frame is not None:
                self._on_frame(frame, observations)
            if any(obs.signals.get("should_stop") for obs in observations.values()):
                result.stop_reason = "stopped"
                return
        result.stop_reason = "interrupted" if self._stop_requested else "end_of_video"

    def _process_frame(self, modules: list[Module], frame: Frame, result: RunResult) -> dict[str, Observation]:
        produced: dict[str, Observation] = {}
        for module in modules:
            start = time.perf_counter()
            try:
                obs = module.process(frame, _deps_of(module, produced))
            except Exception as error:
                raise RunError(module.name, frame.frame_id, frame.t_src_ns, error) from error
            result.module_seconds[module.name] += time.perf_counter() - start
            if obs is None:
                continue
            produced[module.name] = obs
            result.observation_count += 1
            if self._on_observation is not None:
                self._on_observation(obs)
        return produced


def _deps_of(module: Module, produced: Mapping[str, Observation]) -> dict[str, Observation] | None:
    """Only the declared names that produced something; None where nothing is declared."""
    declared = [*module.depends, *getattr(module, "optional_depends", ())]
    return {name: produced[name] for name in declared if name in produced} if declared else None


def _end_module(module: Module, result: RunResult) -> None:
    """Tell a module how the run went and clean it up; failures are collected, so that every module gets its turn."""
    said = {"source_errors": result.source_errors or None, "end_run": result.stop_reason}
    for where, value in said.items():
        method = getattr(module, where, None)
        if method is None or value is None:
            continue
        try:
            method(value)
        except Exception as error:  # noqa: BLE001 - foreign code at the end of a run must not stop the others' cleanup
            _collect(result, module.name, where, error)
    try:
        module.cleanup()
    except Exception as error:  # noqa: BLE001 - as above
        _collect(result, module.name, "cleanup", error)


def _collect(result: RunResult, name: str, where: str, error: Exception) -> None:
    _log.debug("%s of module %r failed", where, name, exc_info=error)
    result.cleanup_errors.append(f"{where} of module {name!r} failed: {describe(error)}")
