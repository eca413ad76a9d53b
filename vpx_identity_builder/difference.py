"""What a rebuild changes of a published set, image by image, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from .core.words import counted
from .difference_moves import why_moved
from .difference_reasons import Key, Reasons, images_of_run, key_of
from .errors import ExportError
from .export.bundle import Bundle
from .published import IMAGE_SUFFIXES, META_SUFFIX, RESULT, read_result
from .rebuilding import Rebuilt, encoded_otherwise
from .runlog.reader import RunLog
from .schema import ImageMeta, ResultMeta, read_document
from .schema_parts import Unpublished

Place = tuple[int, int]
"""Frame and face as the log numbers them."""
STAYS = "as before"
CUT_KEYS = ("crop_scale", "smoothing_alpha", "smoothing_gap_ms", "smoothing_iou")
"""Settings that say where a picture is cut."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One image of a set; `picture` is the SHA-256 of its file, None where that is missing."""

    path: str
    meta: ImageMeta
    picture: str | None

    @property
    def key(self) -> Key:
        """Which face of which frame it shows."""
        return self.meta.timestamp_ms, self.meta.face_bbox


@dataclass(frozen=True, slots=True)
class Whose:
    """A person of the log: the number, how many faces, and the first and last time seen, in ms."""

    number: int
    faces: int
    first_ms: float
    last_ms: float


def published_images(target: Path) -> dict[Key, Shown]:
    """The images of a published set; none where there is no set. Raises `ExportError`, `DamagedDocumentError`."""
    found = {}
    try:
        for path in sorted(target.glob(f"person_*/*/*{META_SUFFIX}")):
            meta = read_document(ImageMeta, path.read_bytes(), str(path))
            beside = (path.with_name(path.name.removesuffix(META_SUFFIX) + suffix) for suffix in IMAGE_SUFFIXES)
            picture = next((sha256(image.read_bytes()).hexdigest() for image in beside if image.is_file()), None)
            shown = Shown(path.relative_to(target).as_posix().removesuffix(META_SUFFIX), meta, picture)
            found[shown.key] = shown
    except OSError as error:
        raise ExportError(target, error.strerror or type(error).__name__) from error
    return found


def told_result(target: Path) -> ResultMeta | None:
    """The run summary of a published set; None where there is no set. Raises as `read_result`."""
    return read_result(target) if (target / RESULT).is_file() else None


def difference(
    before: Mapping[Key, Shown], earlier: ResultMeta | None, after: Bundle, log: RunLog, made: Rebuilt
) -> list[str]:
    """Lines that say which images came, went and moved; `after` is the bundle of the rebuilt result.

    `earlier`: the run summary of the set before.
    """
    unpublished = () if earlier is None else earlier.unpublished
    new = {}
    for person in after.persons:
        for image in person.images:
            shown = Shown(image.path.rpartition(".")[0], image.meta, sha256(image.data).hexdigest())
            new[shown.key] = shown
    places = (made.places or log.boxes()) if new.keys() ^ before.keys() else {}
    faces = {place: key_of(*seen) for place, seen in places.items()}
    was = _codes(faces, log.codes())
    now = _codes(faces, {(frame, face): code for frame, face, _, code in made.fates}) if made.fates else was
    config, unpictured = made.run.settings.config, {key_of(*seen) for seen in made.unpictured}
    reasons = Reasons(was, now, images_of_run(log) if new != before else {}, unpictured, config)
    people = _people(faces, _numbers(log, made))
    metas = [shown.meta for shown in new.values()]
    lines = []
    for key in sorted(new.keys() - before.keys(), key=lambda k: new[k].path):
        nobody = _not_published(key, before, people, unpublished)
        why = f"this person was not published{nobody}" if nobody is not None else reasons.came(key)
        lines.append(f"+ {new[key].path}  {_moment(key)}; before: {why}")
    for key in sorted(before.keys() - new.keys(), key=lambda k: before[k].path):
        nobody = _not_published(key, new, people, after.result.unpublished)
        why = f"this person is not published{nobody}" if nobody is not None else reasons.went(key)
        lines.append(f"- {before[key].path}  {_moment(key)}; now: {why}")
    for key in sorted(new.keys() & before.keys(), key=lambda k: new[k].path):
        if new[key].path != before[key].path:
            pair = before[key].meta, new[key].meta
            why = why_moved(*pair, metas, config.selection, reasons.against_anchor(key))
            lines.append(f"> {before[key].path} -> {new[key].path}  {_moment(key)}; {why}")
    in_place = [(before[key], new[key]) for key in new.keys() & before.keys() if new[key].path == before[key].path]
    cut = [] if earlier is None else cut_otherwise(earlier, after.result)
    return [*lines, *told_in_place(in_place, encoded_otherwise(log, made.run.settings), cut)]


def cut_otherwise(was: ResultMeta, now: ResultMeta) -> list[str]:
    """Settings that say where a picture is cut, and are others now. A summary leaves out what is the default."""
    return [key for key in CUT_KEYS if was.settings.get(key) != now.settings.get(key)]


def told_in_place(images: Sequence[tuple[Shown, Shown]], anew: Sequence[str], cut: Sequence[str]) -> list[str]:
    """How many images keep their place, by what becomes of their pictures.

    `anew`: settings that encode them anew; `cut`: settings that cut them otherwise.
    """
    fates = Counter(_picture_fate(was, now, anew, cut) for was, now in images)
    stay = fates.pop(STAYS, 0)
    lines = [
        f"{counted(count, 'image')} {'is' if count == 1 else 'are'} {fate}" for fate, count in sorted(fates.items())
    ]
    if stay or not lines:
        lines.append(f"{counted(stay, 'image')} {'stays as it is' if stay == 1 else 'stay as they are'}")
    return lines


def _picture_fate(was: Shown, now: Shown, anew: Sequence[str], cut: Sequence[str]) -> str:
    if was.picture == now.picture:
        return STAYS
    if was.picture is None:
        return "written again: the picture was missing"
    if was.meta.crop_box != now.meta.crop_box:
        return f"cut otherwise{_named(cut)}"
    return f"encoded anew{_named(anew)}" if anew else "written again: the picture was another one"


def _named(settings: Sequence[str]) -> str:
    return f" ({', '.join(settings)})" if settings else ""


def _numbers(log: RunLog, made: Rebuilt) -> Mapping[Place, int]:
    """The person number of each face, by the one that stands for it in the end."""
    if not made.fates:
        return log.person_numbers()
    last = made.people.get("stands_for", {})
    return {(frame, face): last.get(str(number), number) for frame, face, number, _ in made.fates}


def _people(faces: Mapping[Place, Key], numbers: Mapping[Place, int]) -> dict[Key, Whose]:
    """Whose each face is."""
    times: dict[int, list[float]] = {}
    for place, (time_ms, _) in faces.items():
        if place in numbers:
            times.setdefault(numbers[place], []).append(time_ms)
    whose = {number: Whose(number, len(seen), min(seen), max(seen)) for number, seen in times.items()}
    return {key: whose[numbers[place]] for place, key in faces.items() if place in numbers}


def _not_published(
    key: Key, images: Mapping[Key, Shown], people: Mapping[Key, Whose], unpublished: Sequence[Unpublished]
) -> str | None:
    """Why a set of these images shows nothing at all of the person of a face; None where it does, or nobody knows."""
    person = people.get(key)
    if person is None or person in (people.get(other) for other in images):
        return None
    near = [one for one in unpublished if one.first_seen_ms <= person.last_ms and one.last_seen_ms >= person.first_ms]
    if not near:
        return ""
    return f" ({min(near, key=lambda one: _unlike(one, person)).reason})"


def _unlike(told: Unpublished, person: Whose) -> tuple[float, int]:
    """How little somebody whom a document tells of seems to be that person: by the times, then by the faces."""
    apart_ms = abs(told.first_seen_ms - person.first_ms) + abs(told.last_seen_ms - person.last_ms)
    return apart_ms, abs(told.frames_seen - person.faces)


def _codes(faces: Mapping[Place, Key], codes: Mapping[Place, str]) -> dict[Key, str]:
    """Reason codes by what a document says of a face."""
    return {key: codes[place] for place, key in faces.items() if place in codes}


def _moment(key: Key) -> str:
    return f"at {key[0] / 1000:.2f} s"
