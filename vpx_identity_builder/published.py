"""A published identity set read back from its documents, never from the log of its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from vpx_identity_builder.documents import person_folder
from vpx_identity_builder.erasure.note import NOTE
from vpx_identity_builder.errors import DamagedDocumentError, InputError, QueryError
from vpx_identity_builder.export.bundle import SET_FOLDERS
from vpx_identity_builder.export.folder import SET_FOLDER
from vpx_identity_builder.runlog.schema import LOG_NAME
from vpx_identity_builder.schema import D, ImageMeta, PersonMeta, ResultMeta, read_document

RESULT = "result.json"
META_SUFFIX = "_meta.json"
AGAIN = "`identity-builder rebuild` makes the set again from its run log, else `identity-builder build`"
IMAGE_SUFFIXES = (".jpg", ".png")


@dataclass(frozen=True, slots=True)
class PublishedImage:
    """One image of a person's sets, with its metadata."""

    path: Path
    meta: ImageMeta


@dataclass(frozen=True, slots=True)
class PublishedPerson:
    """One person of a published set; `missing` counts images whose metadata is there and whose file is not."""

    meta: PersonMeta
    images: tuple[PublishedImage, ...]
    missing: int


def find_set(out: Path) -> Path:
    """The folder `identity_builder` of a run: `out` is `{output_dir}/{video_id}` or that folder itself.

    Raises `InputError` where there is none.
    """
    for folder in (out / SET_FOLDER, out):
        if (folder / RESULT).is_file():
            return folder
    if not out.exists():
        raise InputError(str(out), "it does not exist; give the folder OUTPUT/VIDEO that a build printed")
    if (out / LOG_NAME).is_file():
        raise InputError(str(out), _unpublished(out))
    if not out.is_dir():
        raise InputError(str(out), "it is a file; give the folder OUTPUT/VIDEO that a build printed")
    inside = sorted(path.parent.parent.name for path in out.glob(f"*/{SET_FOLDER}/{RESULT}"))
    hint = f"; {held_runs(out, inside)}" if inside else ""
    if not hint and (out / NOTE).is_file():
        hint = f": what was kept of this video was erased, {NOTE} says when"
    if not hint and any(out.glob(f"*/{LOG_NAME}")):
        hint = f"; {_unpublished(out)}"
    raise InputError(str(out), f"there is no identity set in it{hint}")


def held_runs(out: Path, names: Sequence[str]) -> str:
    """That an output folder holds runs of these names, and which folder to give instead."""
    if len(names) == 1:
        return f"it holds the run {names[0]}: give {out / names[0]}"
    return f"it holds the runs {', '.join(names)}: give one, as in {out / names[0]}"


def _unpublished(out: Path) -> str:
    return (
        f"a run there published nothing, only its log is there: run `identity-builder recover {quote(str(out))}` first"
    )


def read_result(folder: Path) -> ResultMeta:
    """The run summary of a set (see `find_set`). Raises `InputError` and `DamagedDocumentError`."""
    return _read(ResultMeta, folder / RESULT)


def read_person(folder: Path, person_id: int) -> PublishedPerson:
    """One person of a set, images in order of set and name.

    Raises `QueryError` where nobody has this number, `InputError` and `DamagedDocumentError` for files that cannot be
    read.
    """
    known = [person.person_id for person in read_result(folder).persons]
    if person_id not in known:
        there = (
            f"it holds {', '.join(f'person {number}' for number in known)}" if known else "nobody is published in it"
        )
        raise QueryError(f"there is no person {person_id} in {folder}: {there}")
    home = folder / person_folder(person_id)
    images, missing = [], 0
    for name in SET_FOLDERS:
        for document in sorted((home / name).glob(f"*{META_SUFFIX}")):
            meta = _read(ImageMeta, document)
            stem = document.name.removesuffix(META_SUFFIX)
            found = [path for suffix in IMAGE_SUFFIXES if (path := document.with_name(stem + suffix)).is_file()]
            images += [PublishedImage(path, meta) for path in found[:1]]
            missing += not found
    return PublishedPerson(_read(PersonMeta, home / "meta.json"), tuple(images), missing)


def _read(model: type[D], path: Path) -> D:
    try:
        return read_document(model, path.read_bytes(), str(path))
    except DamagedDocumentError as error:
        raise DamagedDocumentError(error.document, f"{error.reason}; {AGAIN}") from error
    except FileNotFoundError as error:
        advice = "" if path.name == RESULT else f"; {AGAIN}"  # a folder without a result is no set to be made again
        raise InputError(str(path), f"it is missing{advice}") from error
    except OSError as error:
        raise InputError(str(path), error.strerror or type(error).__name__) from error
