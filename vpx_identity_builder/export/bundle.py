"""A run's result as files and documents, before anything is written. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from vpx_identity_builder.core.results import ChosenImage, PersonSet, RunResult, SetName
from vpx_identity_builder.documents import RunContext, image_meta, pair_meta, person_folder, person_meta, result_meta
from vpx_identity_builder.errors import DocumentError
from vpx_identity_builder.schema import ImageMeta, PairMeta, PersonMeta, ResultMeta

SET_FOLDER_OF = {SetName.ANCHOR: "anchors", SetName.COVERAGE: "coverage", SetName.CHALLENGE: "challenge"}
SET_FOLDERS = tuple(SET_FOLDER_OF.values())
PAIR_FOLDER = "pair"
_MAGIC = {b"\xff\xd8\xff": ".jpg", b"\x89PNG\r\n\x1a\n": ".png"}


@dataclass(frozen=True, slots=True, eq=False)
class ImageFile:
    """One image with its metadata. `path` is relative to the set's folder, with `/`."""

    path: str
    data: bytes
    meta: ImageMeta

    @property
    def meta_path(self) -> str:
        """Where its metadata goes: `NAME_meta.json`."""
        return f"{self.path.rpartition('.')[0]}_meta.json"


@dataclass(frozen=True, slots=True, eq=False)
class PairFile:
    """One two-person image with its metadata."""

    path: str
    data: bytes
    meta: PairMeta

    @property
    def meta_path(self) -> str:
        """Where its metadata goes: `NAME_meta.json`."""
        return f"{self.path.rpartition('.')[0]}_meta.json"


@dataclass(frozen=True, slots=True, eq=False)
class PersonFiles:
    """One person's folder."""

    folder: str
    meta: PersonMeta
    anchors: tuple[ImageFile, ...]
    coverage: tuple[ImageFile, ...]
    challenge: tuple[ImageFile, ...]

    @property
    def images(self) -> tuple[ImageFile, ...]:
        """All images, anchors first."""
        return (*self.anchors, *self.coverage, *self.challenge)


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """Everything that a run publishes, in the layout of §2."""

    result: ResultMeta
    persons: tuple[PersonFiles, ...]
    pair: tuple[PairFile, ...]

    def folders(self) -> list[str]:
        """Folders, parents first. A person's three sets have theirs even when empty; `pair` only for two people."""
        folders = []
        for person in self.persons:
            folders += [person.folder, *(f"{person.folder}/{name}" for name in SET_FOLDERS)]
        return [*folders, PAIR_FOLDER] if len(self.persons) >= 2 else folders

    def files(self) -> dict[str, bytes]:
        """Relative path → content of every image and document."""
        files: dict[str, bytes] = {}
        for person in self.persons:
            for image in person.images:
                files[image.path] = image.data
                files[image.meta_path] = image.meta.to_json().encode()
            files[f"{person.folder}/meta.json"] = person.meta.to_json().encode()
        for pair in self.pair:
            files[pair.path] = pair.data
            files[pair.meta_path] = pair.meta.to_json().encode()
        files["result.json"] = self.result.to_json().encode()
        return files


def bundle(result: RunResult, context: RunContext) -> Bundle:
    """The files and documents of a result. Raises `DocumentError` for values that no document can hold."""
    return Bundle(
        result=result_meta(result, context),
        persons=tuple(_person(person, result, context) for person in result.persons),
        pair=tuple(
            PairFile(
                f"{PAIR_FOLDER}/{image.name}{image_suffix(image.candidate.image)}",
                image.candidate.image,
                pair_meta(image, result.models, context),
            )
            for image in result.pair
        ),
    )


def image_suffix(data: bytes) -> str:
    """`.jpg` or `.png`, by the first bytes. Raises `DocumentError` for anything else."""
    for magic, suffix in _MAGIC.items():
        if data.startswith(magic):
            return suffix
    raise DocumentError("image", "its bytes are neither JPEG nor PNG")


def image_path(person_id: int, image: ChosenImage) -> str:
    """Where an image goes within the set's folder."""
    folder = SET_FOLDER_OF[image.set_name]
    return f"{person_folder(person_id)}/{folder}/{image.name}{image_suffix(image.candidate.image)}"


def _person(person: PersonSet, result: RunResult, context: RunContext) -> PersonFiles:
    folder = person_folder(person.person_id)

    def files(images: tuple[ChosenImage, ...]) -> tuple[ImageFile, ...]:
        return tuple(
            ImageFile(
                image_path(person.person_id, image),
                image.candidate.image,
                image_meta(image, person.person_id, result.models, context),
            )
            for image in images
        )

    return PersonFiles(
        folder,
        person_meta(person, result.models, context),
        files(person.anchors),
        files(person.coverage_images),
        files(person.challenge),
    )
