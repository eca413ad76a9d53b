"""`identity-builder build`: from videos or photos to identity sets, on the ecosystem's runner."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from visualbase import is_images

from vpx_identity_builder.commands.assignments import effective
from vpx_identity_builder.commands.edge import (
    INTERNAL,
    INTERRUPTED,
    UNREADABLE,
    combined,
    exit_code,
    explain,
    note,
    say,
)
from vpx_identity_builder.commands.summary import show
from vpx_identity_builder.core.results import RunResult
from vpx_identity_builder.errors import BusyError, ExportError, InputError, SettingProblem, SettingsError, UsageError
from vpx_identity_builder.export.folder import check_writable
from vpx_identity_builder.module import IdentityBuilder
from vpx_identity_builder.names import printable
from vpx_identity_builder.place import FINISHED, check_memory, set_of
from vpx_identity_builder.recovery import way_back
from vpx_identity_builder.remarks import photos_left_out
from vpx_identity_builder.settings import resolve
from vpx_identity_builder.settings_sources import MODULE
from vpx_identity_builder.windows import read_windows, total_seconds

if TYPE_CHECKING:
    from vpx.runner import LiteRunner

OnFrame = Callable[[object, object], None]

PHOTO_SETTINGS: Mapping[str, object] = {
    "min_frames": 1,
    "track_gap_ms": 0,
    "smoothing_alpha": 1,
    "stop_when_covered": False,
}
"""Photos are no film: each stands for itself, nothing moves from one to the next, and all are looked at."""
NOT_BY_NOBODY = "; `identity-builder erase` removes it, another --output gives this run a place of its own"
NOT_REPLACED = ": a run that did not look at everything does not replace it; another --output gives this one its place"
"""What is said of an earlier set that is kept, after that it is."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to do with every input. `own` are settings of the identity builder, `others` those of `module.key`."""

    own: Mapping[str, object]
    others: Mapping[str, str]
    fps: float
    max_frames: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of one input."""

    source: Path
    code: int
    seconds: float = 0.0
    result: RunResult | None = None
    folder: Path | None = None


def request(
    output: Path | str | None,
    fps: float,
    max_frames: int | None,
    assignments: Sequence[str],
    no_stop: bool,
    windows: Path | None = None,
) -> Request:
    """The request that the command line stands for; all settings are checked before anything starts.

    Raises `SettingsError`, `UsageError`, and `InputError` for highlight windows that cannot be read.
    """
    _refuse_two(assignments, "output_dir", "--output", output)
    _refuse_two(assignments, "windows", "--windows", windows)
    forced: dict[str, object] = {}
    if output is not None:
        forced["output_dir"] = str(output)
    if no_stop:
        forced["stop_when_covered"] = False
    if windows is not None:
        forced["windows"] = str(windows)
    found = effective(assignments, forced)
    for line in found.unread:
        note(line)
    named = found.settings.highlights.windows
    if named is not None:
        read_windows(named)
    return Request(found.own, found.others, fps, max_frames)


def _refuse_two(assignments: Sequence[str], key: str, option: str, given: Path | str | None) -> None:
    """Raise `UsageError` where an option and a --set name two different paths."""
    for text in assignments if given is not None else ():
        name, _, value = text.partition("=")
        if name.strip() == f"{MODULE}.{key}" and value.strip() != str(given):
            raise UsageError(f"{option} {given} and --set {text.strip()} contradict each other: give one of them")


def sources(texts: Sequence[str]) -> list[Path]:
    """The inputs as paths, each once. Raises `InputError` for what names no file, and for addresses."""
    for text in texts:
        if not text.strip():
            raise InputError(repr(text), "it is empty: name a video, an image or a folder of photos")
        if "://" in text:
            raise InputError(text, "it is an address: only local files are read")
    found: dict[str, Path] = {}
    for path in map(Path, texts):
        first = found.setdefault(os.path.realpath(path), path)
        if first is not path:
            again = "given twice" if path == first else f"the same as {_shown(first)}"
            note(f"{_shown(path)}: {again}, so it is built once")
    return list(found.values())


def build_all(inputs: Sequence[Path], asked: Request) -> int:
    """Build every input, one after the other, and show what came of it; returns the exit code.

    Raises `SettingsError` for highlight windows, which belong to one video, with several inputs.
    """
    settings = resolve(asked.own)
    windows = settings.highlights.windows
    if windows is not None and len(inputs) > 1:
        origin = settings.origins["windows"]
        raise SettingsError([SettingProblem("windows", str(windows), "belongs to one video: give one input", origin)])
    outcomes = []
    for source in inputs:
        outcome = build_one(source, asked)
        outcomes.append(outcome)
        if outcome.code == INTERRUPTED:
            break
    _show(outcomes)
    return combined([outcome.code for outcome in outcomes])


def build_one(source: Path, asked: Request) -> Outcome:
    """Build one input; an error is reported and becomes the outcome's code, so that the next input has its turn."""
    start = time.perf_counter()
    module: IdentityBuilder | None = None
    code = 0
    try:
        module = IdentityBuilder(_settings_for(source, asked))
        check_memory(module.settings)
        check_writable(module.settings.output.output_dir)
        code = _run(module, source, asked)
    except KeyboardInterrupt:
        _say_interrupted(source, module)
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - one input's failure, whatever it is, must not cost the other inputs
        cause = error.__cause__
        text = explain(cause if isinstance(cause, BusyError) else error)
        if isinstance(error, ExportError):
            text += way_back(error.target.parent, None if module is None else module.log_broke_off_after)
        say(text if str(source) in text else f"{_shown(source)}: {text}")
        code = exit_code(error)
    seconds = time.perf_counter() - start
    if module is None:
        return Outcome(source, code, seconds)
    shown = module.result if module.output_path is not None and not module.kept_earlier else None
    return Outcome(source, code or module.exit_code, seconds, shown, module.output_path)


def _settings_for(source: Path, asked: Request) -> dict[str, object]:
    """Our settings for an input: photos have other defaults, which everything the user set still overrides."""
    if not is_images(source):
        return dict(asked.own)
    origins = resolve(asked.own).origins
    return {key: value for key, value in PHOTO_SETTINGS.items() if origins[key] == "default"} | dict(asked.own)


def _run(module: IdentityBuilder, source: Path, asked: Request) -> int:
    _require_runner()
    from vpx.runner.guard import stop_on_signals

    with _progress(source, asked) as on_frame:
        runner = _runner(module, asked, on_frame)
        with stop_on_signals(runner.stop):
            ended = runner.run(source, fps=asked.fps, max_frames=asked.max_frames)
    module.finish()
    for fault in module.hook_faults:
        say(f"{_shown(source)}: {fault}")
    for text in ended.cleanup_errors:
        say(f"{_shown(source)}: {text}")
    if ended.stop_reason == "interrupted":
        _say_interrupted(source, module)
        return INTERRUPTED
    named = photos_left_out(module.result) if is_images(source) and module.result is not None else []
    remarks = [remark for remark in module.remarks if remark not in named]
    for remark in [f"{module.kept_earlier}{_why_kept(module)}"] if module.kept_earlier else remarks:
        note(f"{_shown(source)}: {remark}")
    if module.result is None:
        say(f"{_shown(source)}: no frame could be read")
        return UNREADABLE
    return INTERNAL if ended.cleanup_errors else 0


def _why_kept(module: IdentityBuilder) -> str:
    finished = module.result is not None and module.result.stop_reason in FINISHED
    return NOT_BY_NOBODY if finished else NOT_REPLACED


def _say_interrupted(source: Path, module: IdentityBuilder | None) -> None:
    said = "nothing is published"
    if module is not None and module.output_path is not None:
        said = module.kept_earlier or "what was seen so far is published"
    elif module is not None and (there := set_of(source, module.settings)) is not None:
        said = f"nothing new is published, and the set in {there} stays as it is"
    say(f"{_shown(source)}: interrupted; {said}")


def _shown(source: Path) -> str:
    return printable(str(source))


def _require_runner() -> None:
    if find_spec("vpx.runner") is None:
        problem = SettingProblem("vpx-runner", "missing", "must be installed for this command", "installation")
        raise SettingsError([problem])


def _runner(module: IdentityBuilder, asked: Request, on_frame: OnFrame) -> LiteRunner:
    from vpx.runner import LiteRunner

    return LiteRunner([module], on_frame=on_frame, settings=asked.others, include_optional=True)


@contextmanager
def _progress(source: Path, asked: Request) -> Iterator[OnFrame]:
    """What the runner calls after every frame; on a terminal it moves a bar."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        total = _expected_frames(source, asked) if console.is_terminal else None
        task = progress.add_task(escape(printable(source.name)), total=total)

        def on_frame(_frame: object, _observations: object) -> None:
            progress.advance(task)

        yield on_frame


def _expected_frames(source: Path, asked: Request) -> int | None:
    from vpx.runner.decoding import Decoding
    from vpx.runner.sources import expected_frames

    total = expected_frames(source, asked.fps, asked.max_frames, Decoding.of(asked.others))
    highlights = resolve(asked.own).highlights
    if total is None or highlights.windows is None or asked.max_frames is not None:
        return total
    denser = max(0.0, highlights.window_fps - asked.fps)
    return total + round(denser * total_seconds(read_windows(highlights.windows)))


def _show(outcomes: Sequence[Outcome]) -> None:
    console = Console()
    for outcome in outcomes:
        if outcome.result is not None:
            show(outcome.source.name, outcome.result, outcome.seconds, photos=is_images(outcome.source))
            if not outcome.result.persons:
                say(f"{_shown(outcome.source)}: no person found; result.json says why")
        if outcome.folder is not None:
            console.print(str(outcome.folder), soft_wrap=True, markup=False, highlight=False)
