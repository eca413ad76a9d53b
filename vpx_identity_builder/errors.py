"""Everything the identity builder raises on purpose, one small tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote


class IdentityBuilderError(Exception):
    """Base of all errors of this package. The text is one line, unless several settings are wrong at once."""


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One wrong setting: where it stands (`origin`), what was found, and what is allowed."""

    key: str
    value: object
    allowed: str
    origin: str

    def __str__(self) -> str:
        return f"{self.key} = {self.value!r}: {self.allowed} [{self.origin}]"


class SettingsError(IdentityBuilderError, ValueError):
    """Wrong settings, all of them at once; `problems` lists them in a stable order, other modules' as they put them."""

    def __init__(self, problems: Sequence[SettingProblem | str]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems]
        if len(lines) == 1:
            super().__init__(f"wrong setting: {lines[0]}")
        else:
            super().__init__("\n  ".join([f"{len(lines)} wrong settings:", *lines]))


class UsageError(IdentityBuilderError, ValueError):
    """What the command line asks for makes no sense; the text says what to give."""

    exit_code = 2


class InputError(IdentityBuilderError, ValueError):
    """An input cannot be read as what it should be. `source` is what was given."""

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__(f"cannot read {source}: {reason}")


class FolderNameError(IdentityBuilderError, ValueError):
    """A name that would become a folder cannot be one. `name` is what was given."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name!r} cannot name a folder: {reason}")


class RunLogError(IdentityBuilderError, ValueError):
    """A run log cannot be read or written: `path` is the log, `reason` says why.

    `busy`: another process is writing it. `empty`: nothing was ever written into it. `useless`: nothing will come of it
    any more; the text then says what to do.
    """

    def __init__(
        self, path: Path, reason: str, *, busy: bool = False, empty: bool = False, useless: bool = False
    ) -> None:
        self.path = path
        self.reason = reason
        self.busy = busy
        self.empty = empty
        advice = "; `identity-builder build` the video anew, which replaces it, or remove it: images need no log"
        super().__init__(f"run log {path}: {reason}{advice if useless or empty else ''}")


class BusyError(IdentityBuilderError):
    """Another build of the same video is running in `folder`, the video's folder; nothing of it was touched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"another build of this video is running in {folder}; nothing is written")


class BarredError(IdentityBuilderError):
    """Nothing was erased: `folders` may not be looked into or written to, each with what bars it."""

    def __init__(self, folders: Sequence[tuple[Path, str]]) -> None:
        self.folders = tuple(folders)
        super().__init__("nothing is erased: " + "; ".join(f"{folder}: {reason}" for folder, reason in self.folders))

    def topmost(self) -> list[tuple[Path, str]]:
        """The folders but those within another one that the same bars."""
        return [
            (folder, reason)
            for folder, reason in self.folders
            if not any((parent, reason) in self.folders for parent in folder.parents)
        ]


class DocumentError(IdentityBuilderError, ValueError):
    """A metadata document cannot be made or read: `document` says which, `reason` why."""

    def __init__(self, document: str, reason: str) -> None:
        self.document = document
        self.reason = reason
        super().__init__(f"{document}: {reason}")


class DamagedDocumentError(DocumentError):
    """A metadata document that was written is no such document any more."""

    exit_code = 3


class QueryError(IdentityBuilderError, LookupError):
    """What was asked of a published set is not in it. The text says what there is instead."""

    exit_code = 2

    def __str__(self) -> str:
        return str(self.args[0])


class EncodingError(IdentityBuilderError, ValueError):
    """A crop `(x1, y1, x2, y2)` px cannot be encoded as an image."""

    def __init__(self, box: tuple[int, int, int, int], image_format: str, reason: str) -> None:
        self.box = box
        self.image_format = image_format
        self.reason = reason
        super().__init__(f"cannot encode the crop {box} as {image_format}: {reason}")


class MemoryBankError(IdentityBuilderError, ValueError):
    """What is remembered in `path` cannot be used or written, and what to do."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"memory bank {path}: {reason}")


class UnwritableError(IdentityBuilderError, OSError):
    """Nothing can be written into `folder`, which the setting `key` names; found out before anything was computed."""

    exit_code = 2

    def __init__(self, folder: Path, reason: str, key: str) -> None:
        self.folder = folder
        self.reason = reason
        self.key = key
        super().__init__(str(self))

    def __str__(self) -> str:
        return f"cannot write into {self.folder} ({self.key}): {self.reason}"


class ExportError(IdentityBuilderError, OSError):
    """A result cannot be written. What was published before under `target` is still there, complete."""

    def __init__(self, target: Path, reason: str) -> None:
        self.target = target
        self.reason = reason
        super().__init__(f"cannot write {target}: {reason}")

    def __str__(self) -> str:
        return f"cannot write {self.target}: {self.reason}"


class UnfinishedErasureError(IdentityBuilderError):
    """An erasure of the video in `folder`, or of person `person_id` in it, broke off and must be completed first."""

    exit_code = 3

    def __init__(self, folder: Path, person_id: int | None) -> None:
        self.folder = folder
        self.person_id = person_id
        who = "the video" if person_id is None else f"person {person_id}"
        person = "" if person_id is None else f" --person {person_id}"
        again = f"identity-builder erase {quote(str(folder.parent))} --video {quote(folder.name)}{person}"
        super().__init__(f"{folder}: an erasure of {who} broke off; complete it first: `{again}`")
