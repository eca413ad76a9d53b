"""`identity-builder rebuild`: the whole selection again from the run log, without inference."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from vpx_identity_builder.claim import held, refuse_held
from vpx_identity_builder.commands.assignments import found_as_set, parse
from vpx_identity_builder.commands.edge import INTERNAL, note, say, unbroken
from vpx_identity_builder.commands.modules import checked, collected
from vpx_identity_builder.commands.runs import refuse_missing, refuse_too_deep, refuse_unwritable
from vpx_identity_builder.core.words import counted
from vpx_identity_builder.difference import difference, published_images, told_result
from vpx_identity_builder.erasure.unfinished import refuse_unfinished
from vpx_identity_builder.errors import ExportError, InputError, RunLogError, SettingProblem, SettingsError
from vpx_identity_builder.export.bundle import bundle
from vpx_identity_builder.export.folder import SET_FOLDER, publish, published_content
from vpx_identity_builder.names import content_hash
from vpx_identity_builder.place import check_memory
from vpx_identity_builder.published import held_runs
from vpx_identity_builder.rebuilding import Rebuilt, context_of, leaving, let_leave, rebuilt
from vpx_identity_builder.remarks import recognitions, run_notes
from vpx_identity_builder.runlog.reader import RunLog, opened_to_read
from vpx_identity_builder.runlog.schema import LOG_NAME, Header
from vpx_identity_builder.settings_sources import other_modules

if TYPE_CHECKING:
    from visualbase import FileSource, ImageSource, IsolatedSource

NOBODY = 4
EMPTY = "nobody would be published with these settings, so the set and the run log stay as they are"
NO_IMAGE = "no image would be published with these settings, so the set and the run log stay as they are"
DECODE = "decode."
"""Settings of how a source is opened; most rebuilds need no picture of it."""
Image = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What to rebuild. `source`: the video, where it is not where it was."""

    folder: Path
    assignments: Sequence[str] = ()
    source: Path | None = None
    diff: bool = False
    dry_run: bool = False


def run(asked: Request) -> int:
    """Rebuild one run; returns the exit code.

    Raises `InputError`, `RunLogError`, `SettingsError`, `ExportError`, `UnwritableError`, and `BusyError` where the
    video is being built.
    """
    start = time.perf_counter()
    own, decode = _assigned(asked)
    _check_folder(asked.folder)
    refuse_unfinished(asked.folder)
    path = asked.folder / LOG_NAME
    if asked.dry_run:
        with opened_to_read(path) as log:
            return _rebuild(asked, log, own, decode, start)
    refuse_held(asked.folder)
    if path.is_file():
        refuse_unwritable(asked.folder)
    with RunLog(path) as log, held(asked.folder, log.header.content_sha256):
        return _rebuild(asked, log, own, decode, start)


def _assigned(asked: Request) -> tuple[Mapping[str, object], Mapping[str, str]]:
    """Our own settings, and those of how a source is opened. Raises `SettingsError`."""
    own, foreign = parse(asked.assignments)
    decode = {key: value for key, value in foreign.items() if key.startswith(DECODE)}
    if len(decode) < len(foreign):
        reason = "acts before the run log is written; `identity-builder build` it anew"
        wrong = [SettingProblem(key, value, reason, "--set") for key, value in foreign.items() if key not in decode]
        raise SettingsError(wrong)
    if decode:
        _opener(decode)
    return found_as_set(own), decode


def _rebuild(asked: Request, log: RunLog, own: Mapping[str, object], decode: Mapping[str, str], start: float) -> int:
    """Choose again, and say and publish what is asked for; `start`: when the command began, by `perf_counter`."""
    _check_source(asked.source, log.header)
    if log.ending.reason is None or not log.ending.published:
        hint = f"`identity-builder recover {quote(str(asked.folder))}` first"
        raise RunLogError(log.path, f"its run did not end in order; {hint}")
    target = asked.folder / SET_FOLDER
    if published_content(target) not in (None, "", log.header.content_sha256):
        raise ExportError(target, "it holds the set of another video than the run log")
    made = rebuilt(log, own, lambda times: _frames(times, log.header, asked, decode))
    context = context_of(log, made.run.settings)
    if asked.diff or asked.dry_run:
        shown, earlier = published_images(target), told_result(target)
        lines = difference(shown, earlier, bundle(made.result, context), log, made)
        typer.echo("\n".join(lines))
    count = leaving(log, made)
    if not any(person.images for person in made.result.persons) and (count or published_images(target)):
        note(NO_IMAGE if made.result.persons else EMPTY)
        return NOBODY
    with unbroken():
        if not asked.dry_run:
            check_memory(made.run.settings)
            publish(made.result, target, context, exported=made.run.hooks.exported)
            made.run.tell(made.result, target)
            if count and not asked.diff:
                let_leave(log, made)
            _show(log.header, made, time.perf_counter() - start)
            typer.echo(str(target))
        _say_leaving(asked, count)
        _say(made, asked, log.header)
    if made.run.hooks.faults:
        return INTERNAL
    return 0 if made.result.persons else NOBODY


def _check_folder(folder: Path) -> None:
    """Raise `InputError` where the folder is no run's, but holds some or lies in one."""
    if any(folder.glob(LOG_NAME)):  # finds nothing in a folder that may not be read: the log says so better
        return
    inside = sorted(path.parent.name for path in folder.glob(f"*/{LOG_NAME}"))
    if inside:
        raise InputError(str(folder), f"there is no run log in it; {held_runs(folder, inside)}")
    refuse_too_deep(folder)
    refuse_missing(folder)
    if any(folder.glob(SET_FOLDER)):
        raise InputError(
            str(folder), "its run log is switched off, erased or expired; `identity-builder build` it anew"
        )


def _say_leaving(asked: Request, count: int) -> None:
    """What became of those `count` who are not published any more: they left the log, unless a call only looks."""
    if not count:
        return
    who = "1 person who was published is" if count == 1 else f"{count} people who were published are"
    if asked.dry_run or asked.diff:
        note(f"{who} not chosen now; a rebuild like this without --diff and --dry-run takes them out of the run log")
        return
    note(f"{who} not published any more, and what was known of them left the run log; only a new build brings it back")


def _show(header: Header, made: Rebuilt, seconds: float) -> None:
    """What is published now, as `build` shows it, with its notes."""
    from vpx_identity_builder.commands.summary import show

    photos = bool(header.source_files)
    name = header.source_name or header.video_id
    show(name, made.result, seconds, photos=photos)
    for remark in (*run_notes(made.result, photos=photos), *recognitions(made.result)):
        note(f"{name}: {remark}")


def _say(made: Rebuilt, asked: Request, header: Header) -> None:
    for fault in made.run.hooks.faults:
        say(str(fault))
    if not made.lost:
        return
    images = len(made.result.pair) + sum(len(person.images) for person in made.result.persons)
    fewer = f", {counted(images, 'image')} in all" if images < made.wanted else ""
    lost = f"{made.lost} of {counted(made.wanted, 'picture')} wanted now {'was' if made.lost == 1 else 'were'} not kept"
    note(f"{lost}; the best kept stand in{fewer}{_where_from(asked, header)}")


def _where_from(asked: Request, header: Header) -> str:
    """How pictures that were not kept can be had, as the end of a sentence; empty where the video is given."""
    if asked.source is not None:
        return ""
    if header.source_path is None:
        return "; where the video lies is not in the run log: name it with --source"
    return "; the video is neither where it was nor here: name it with --source"


def _opener(decode: Mapping[str, str]) -> Callable[[Path], FileSource | ImageSource | IsolatedSource]:
    """What opens a source with the limits of `--set decode.KEY`, the environment and the file, as `build` does.

    Raises what the runner says of wrong ones; without the runner the limits are the defaults.
    """
    if find_spec("vpx.runner") is None:
        from visualbase import isolated_source_for

        return isolated_source_for
    from vpx.runner.decoding import Decoding

    filed = {key: item for key, item in other_modules(os.environ, Path.cwd()).items() if key.startswith(DECODE)}
    found = collected(decode, filed, os.environ)
    if problems := checked((), found).problems:
        raise SettingsError(problems)
    return Decoding.of(found.texts).source


def _frames(times: Collection[int], header: Header, asked: Request, decode: Mapping[str, str]) -> Mapping[int, Image]:
    """The source's pictures at these times; none where it is not the source any more."""
    path = _source(header, asked)
    if path is None:
        return {}
    found: dict[int, Image] = {}
    with _opener(decode)(path) as source:
        for t_ns in sorted(times):
            source.seek(t_ns)
            while (frame := source.read()) is not None and frame.t_src_ns <= t_ns:
                if frame.t_src_ns == t_ns:
                    found[t_ns] = frame.data
                    break
    return found


def _check_source(given: Path | None, header: Header) -> None:
    """Raise `InputError` where the given source is not there or not the run's, whether or not it will be needed."""
    if given is not None and content_hash(given) != header.content_sha256:
        raise InputError(str(given), "it is not the video of this run: its content hash differs")


def _source(header: Header, asked: Request) -> Path | None:
    """The first of the places where the source may be that holds it."""
    near = None if header.source_path is None else asked.folder / header.source_path
    here = None if header.source_name is None else Path(header.source_name)
    for path in (asked.source, near, here):
        if path is not None and path.exists() and content_hash(path) == header.content_sha256:
            return path
    return None
