"""What ``vpx run`` does once its arguments are understood."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from visualbase import Frame
from visualbase.opening import is_images

from vpx.runner.checking import misspelt_variables
from vpx.runner.decoding import Decoding
from vpx.runner.errors import SettingsError
from vpx.runner.guard import EXIT_INTERNAL, EXIT_INTERRUPTED, stop_on_signals
from vpx.runner.lite import LiteRunner, OnFrame, RunResult
from vpx.runner.sources import expected_frames
from vpx.runner.video import AnnotatedVideo
from vpx.sdk import Observation


@dataclass(frozen=True)
class RunOptions:
    """The arguments of ``vpx run``."""

    names: list[str]
    include_optional: bool
    source: Path
    fps: float | None
    max_frames: int | None
    output: Path | None
    settings: dict[str, str]
    save_video: bool
    out_file: Path | None
    verbose: bool


def run_modules(options: RunOptions) -> int:
    """Run, show what was asked for, and give the exit code."""
    _refuse_no_folder(options.output)
    with ExitStack() as stack:
        lines = _open_lines(options, stack)
        callbacks: list[OnFrame] = []
        quiet = options.save_video or (options.include_optional and not options.verbose and options.out_file is None)
        runner = LiteRunner(
            options.names,
            on_observation=None if quiet else lambda obs: print_line(obs, lines),
            on_frame=lambda frame, observations: [callback(frame, observations) for callback in callbacks],
            settings=options.settings,
            output_dir=options.output,
            include_optional=options.include_optional,
        )
        for line in misspelt_variables(runner.resolve()):
            typer.echo(f"vpx: {line}", err=True)
        if quiet and options.fps is None and not is_images(options.source):
            typer.echo("vpx: without --fps every frame is looked at", err=True)
        if options.save_video:
            target = options.out_file or options.source.with_name(f"{options.source.stem}_vpx.mp4")
            _refuse_overwriting_input(target, options.source)
            callbacks.append(stack.enter_context(AnnotatedVideo(target, lambda: runner.modules)).add)
            typer.echo(f"vpx: writing {target}", err=True)
        if quiet and sys.stderr.isatty():
            callbacks.append(_progress(options, stack))
        with stop_on_signals(runner.stop):
            result = runner.run(options.source, options.fps, options.max_frames)
    _report(result, options.verbose)
    _report_outputs(runner)
    return _exit_code(runner, result)


def print_line(obs: Observation, lines: TextIO | None = None) -> None:
    """One line for an observation: frame, time, module and its signals."""
    signals = " ".join(f"{key}={_short(value)}" for key, value in obs.signals.items())
    typer.echo(f"frame {obs.frame_id} {obs.t_ns / 1e9:.3f}s {obs.source} {signals}".rstrip(), file=lines)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _open_lines(options: RunOptions, stack: ExitStack) -> TextIO | None:
    """The file that the lines go to, or None for standard output."""
    if options.save_video or options.out_file is None:
        return None
    _refuse_overwriting_input(options.out_file, options.source)
    if options.out_file.is_dir():
        raise SettingsError(f"-o names a file and {options.out_file} is a folder; --output names the results' folder")
    try:
        return stack.enter_context(options.out_file.open("w", encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot write {options.out_file}: {error.strerror}") from error


def _refuse_no_folder(output: Path | None) -> None:
    """Raise `SettingsError` where no folder can be made or written into, before anything is run.

    A folder is made for a try in the nearest one that is there, and removed at once.
    """
    if output is None:
        return
    try:
        nearest = next(path for path in (output, *output.absolute().parents) if path.exists() or path.is_symlink())
        if not nearest.is_dir():
            raise SettingsError(f"cannot write into {output}: {nearest} is not a folder")
        Path(tempfile.mkdtemp(prefix=".probe-", dir=nearest)).rmdir()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingsError(f"cannot write into {output}, as no folder can be made there: {reason}") from error


def _refuse_overwriting_input(target: Path, source: Path) -> None:
    if target.exists() and source.exists() and target.samefile(source):
        raise SettingsError(f"{target} is the input; it would be overwritten")


def _progress(options: RunOptions, stack: ExitStack) -> OnFrame:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    expected = expected_frames(options.source, options.fps, options.max_frames, Decoding.of(options.settings))
    task = bar.add_task("frames", total=expected)
    stack.enter_context(bar)

    def advance(_: Frame, __: dict[str, Observation]) -> None:
        bar.advance(task)

    return advance


def _report(result: RunResult, verbose: bool) -> None:
    endings = {
        "stopped": ", stopped by a module",
        "max_frames": ", stopped as asked before the end",
        "interrupted": ", interrupted",
        "truncated": ", the file is cut off",
    }
    ending = endings.get(result.stop_reason, "")
    frames = "1 frame" if result.frame_count == 1 else f"{result.frame_count} frames"
    typer.echo(f"{frames}, modules: {', '.join(result.module_names)}{ending}")
    if verbose:
        for name, seconds in result.module_seconds.items():
            per_frame = 1000 * seconds / max(1, result.frame_count)
            typer.echo(f"  {name}: {seconds:.2f} s, {per_frame:.1f} ms per frame", err=True)
        typer.echo(f"  all: {result.seconds:.2f} s", err=True)
    for text in result.cleanup_errors:
        typer.echo(f"vpx: {text}", err=True)


def _report_outputs(runner: LiteRunner) -> None:
    """Say what the modules wrote (lines ``output_summary``) and where (a path ``output_path``), read after cleanup."""
    for module in runner.modules:
        for line in getattr(module, "output_summary", ()):
            typer.echo(f"{module.name}: {line}")
        path = getattr(module, "output_path", None)
        if isinstance(path, Path):
            typer.echo(f"{module.name}: {path}")


def _exit_code(runner: LiteRunner, result: RunResult) -> int:
    """Interrupted before failed before what the modules say (an int attribute ``exit_code``, read after cleanup)."""
    if result.stop_reason == "interrupted":
        return EXIT_INTERRUPTED
    if result.cleanup_errors:
        return EXIT_INTERNAL
    said = [getattr(module, "exit_code", 0) for module in runner.modules]
    return next((code for code in said if isinstance(code, int) and code), 0)
