"""`identity-builder recover`: publish what killed runs had seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from vpx_identity_builder.claim import NAME, clear_up, held
from vpx_identity_builder.commands.edge import UNREADABLE, combined, exit_code, explain, say, told, unbroken
from vpx_identity_builder.commands.runs import refuse_missing, refuse_too_deep, refuse_unwritable
from vpx_identity_builder.core.words import counted
from vpx_identity_builder.erasure.targets import closed_folders
from vpx_identity_builder.erasure.unfinished import refuse_unfinished
from vpx_identity_builder.errors import IdentityBuilderError, RunLogError
from vpx_identity_builder.export.folder import SET_FOLDER
from vpx_identity_builder.place import kept_words
from vpx_identity_builder.recovery import Recovered, recover
from vpx_identity_builder.runlog.reader import content_of
from vpx_identity_builder.runlog.schema import LOG_NAME, NEXT_NAME, is_busy

NOBODY = 4


def run(given: Path) -> int:
    """Recover a run's folder, or every run below an output folder; returns the exit code.

    Raises `RunLogError`, `InputError`.
    """
    for folder in (given, *sorted(path.parent for path in given.glob(f"*/{NAME}"))):
        clear_up(folder)
    folders = runs_of(given)
    closed = [] if folders == [given] else closed_folders(given)
    for folder in closed:
        say(f"{folder}: it cannot be looked into, and may hold a run that was killed")
    if not folders and not closed:
        refuse_too_deep(given)
        refuse_missing(given)
        raise RunLogError(given, "there is no run log here or one folder below; give OUTPUT or OUTPUT/VIDEO")
    return combined([*([UNREADABLE] * len(closed)), *map(_one, folders)])


def runs_of(given: Path) -> Sequence[Path]:
    """The folder itself where it holds a run log, else those below that do."""
    names = (LOG_NAME, NEXT_NAME)
    if any((given / name).exists() for name in names):
        return [given]
    return sorted({path.parent for name in names for path in given.glob(f"*/{name}")})


def _one(folder: Path) -> int:
    with unbroken():
        try:
            refuse_unwritable(folder)
            done = _recovered(folder)
        except (IdentityBuilderError, PermissionError) as error:
            say(explain(error))
            return exit_code(error)
        code = told(lambda: typer.echo(f"{folder}: {_words(done)}"))
    return NOBODY if done.result is not None and not done.result.persons else code


def _recovered(folder: Path) -> Recovered:
    """Raises `BusyError` where a build that keeps no log holds the folder; of one that does, the log tells."""
    refuse_unfinished(folder)
    logs = [path for name in (LOG_NAME, NEXT_NAME) if (path := folder / name).exists()]
    if any(is_busy(path) for path in logs):
        return recover(folder)
    contents = [content for path in logs if (content := content_of(path)) is not None]
    with held(folder, contents[0] if contents else ""):
        return recover(folder)


def _words(done: Recovered) -> str:
    if done.result is None:
        return "nothing to recover" if done.kept is None else f"nothing to recover: {kept_words(done.kept)}"
    images = sum(len(person.images) for person in done.result.persons)
    reason = str(done.result.stop_reason).replace("_", " ")
    people = len(done.result.persons)
    return (
        f"published {done.folder / SET_FOLDER}: {counted(done.frames, 'frame')}, "
        f"{counted(people, 'person')}, {counted(images, 'image')}, {reason}"
    )
