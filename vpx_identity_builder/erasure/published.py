"""Taking one person out of a published set, and the files that the set leaves behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from vpx_identity_builder.documents import person_folder
from vpx_identity_builder.erasure.log import Shown
from vpx_identity_builder.errors import InputError
from vpx_identity_builder.export.atomic import replace_tree
from vpx_identity_builder.export.builtin import own_files
from vpx_identity_builder.export.bundle import PAIR_FOLDER, Bundle, ImageFile, PairFile, PersonFiles
from vpx_identity_builder.published import IMAGE_SUFFIXES, META_SUFFIX, PublishedImage, read_person, read_result
from vpx_identity_builder.schema import PairMeta, read_document


def shown(folder: Path) -> Shown:
    """Everybody who is published in the folder `identity_builder`, with the faces on their images.

    Raises as `read_person`.
    """
    people = [read_person(folder, person.person_id) for person in read_result(folder).persons]
    return {
        person.meta.person_id: [(image.meta.timestamp_ms, image.meta.face_bbox) for image in person.images]
        for person in people
    }


def by_memory(folder: Path) -> bool:
    """True where the summary of a published person says that a memory bank judged them: it learnt then, too."""
    summaries = folder.glob("person_*/meta.json")
    return any(b'"memory_bank"' in _bytes(path) for path in summaries)


def images_of(folder: Path, person_id: int) -> list[Path]:
    """Image files that show a person: their own, and those of the pair set."""
    own = [*_images(folder / person_folder(person_id))]
    return own + [path for path, meta in _pairs(folder) if person_id in meta.person_ids]


def documents_of(folder: Path, person_id: int) -> list[Path]:
    """Documents about a person: their summary, and the metadata of the images that show them."""
    beside = [path.with_name(path.stem + META_SUFFIX) for path in images_of(folder, person_id)]
    return [folder / person_folder(person_id) / "meta.json", *beside]


def remove_person(folder: Path, person_id: int) -> None:
    """Write the set again without one person; everybody else keeps their number, images and metadata.

    Files that another exporter wrote are not written again: they may show anybody. Raises `InputError`,
    `DamagedDocumentError`, `QueryError` (no such person) and `ExportError`; the set is then as it was.
    """
    bundle = _without(folder, person_id)
    replace_tree(folder, bundle.folders(), own_files(bundle))


def _without(folder: Path, person_id: int) -> Bundle:
    read_person(folder, person_id)
    result = read_result(folder)
    kept = [person for person in result.persons if person.person_id != person_id]
    pairs = [(path, meta) for path, meta in _pairs(folder) if person_id not in meta.person_ids]
    notes = [*result.notes, f"Person {person_id} was erased on request."]
    return Bundle(
        result=result.model_copy(update={"persons": kept, "pair_count": len(pairs), "notes": notes}),
        persons=tuple(_person(folder, person.person_id) for person in kept),
        pair=tuple(PairFile(path.relative_to(folder).as_posix(), _bytes(path), meta) for path, meta in pairs),
    )


def _person(folder: Path, person_id: int) -> PersonFiles:
    person = read_person(folder, person_id)

    def of(kind: str) -> tuple[ImageFile, ...]:
        return tuple(_image(folder, image) for image in person.images if image.meta.type == kind)

    return PersonFiles(person_folder(person_id), person.meta, of("anchor"), of("coverage"), of("challenge"))


def _image(folder: Path, image: PublishedImage) -> ImageFile:
    return ImageFile(image.path.relative_to(folder).as_posix(), _bytes(image.path), image.meta)


def _pairs(folder: Path) -> Iterator[tuple[Path, PairMeta]]:
    for document in sorted((folder / PAIR_FOLDER).glob(f"*{META_SUFFIX}")):
        meta = read_document(PairMeta, _bytes(document), str(document))
        stem = document.name.removesuffix(META_SUFFIX)
        for suffix in IMAGE_SUFFIXES:
            if (path := document.with_name(stem + suffix)).is_file():
                yield path, meta


def _images(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in IMAGE_SUFFIXES and path.is_file())


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(str(path), error.strerror or type(error).__name__) from error
