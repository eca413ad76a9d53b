"""What a rebuild changes of a published set, image by image, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .core.types import Box
from .core.words import counted
from .documents_parts import int_box, milliseconds
from .errors import ExportError
from .export.bundle import Bundle
from .reasons import in_words
from .rebuilding import Rebuilt
from .runlog.reader import RunLog
from .schema import ImageMeta, read_document

Key = tuple[float, tuple[int, int, int, int]]
"""Time in ms and face box: the same face in the same frame."""
Place = tuple[int, int]
"""Frame and face as the log numbers them."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One image of a set."""

    path: str
    meta: ImageMeta

    @property
    def key(self) -> Key:
        """Which face of which frame it shows."""
        return self.meta.timestamp_ms, self.meta.face_bbox


def published_images(target: Path) -> dict[Key, Shown]:
    """The images of a published set; none where there is no set. Raises `ExportError`, `DocumentError`."""
    found = {}
    try:
        for path in sorted(target.glob("person_*/*/*_meta.json")):
            meta = read_document(ImageMeta, path.read_bytes(), path.name)
            shown = Shown(path.relative_to(target).as_posix().removesuffix("_meta.json"), meta)
            found[shown.key] = shown
    except OSError as error:
        raise ExportError(target, error.strerror or type(error).__name__) from error
    return found


def difference(before: Mapping[Key, Shown], after: Bundle, log: RunLog, made: Rebuilt) -> list[str]:
    """Lines that say which images came, went and moved; `after` is the bundle of the rebuilt result."""
    new = {}
    for person in after.persons:
        for image in person.images:
            shown = Shown(image.path.rpartition(".")[0], image.meta)
            new[shown.key] = shown
    faces = log.boxes() if new.keys() ^ before.keys() else {}
    was = _codes(faces, log.codes())
    now = _codes(faces, {(frame, face): code for frame, face, _, code in made.fates}) if made.fates else was
    lines = []
    for key in sorted(new.keys() - before.keys(), key=lambda k: new[k].path):
        lines.append(f"+ {new[key].path}  {_moment(key)}; before: {_why(was.get(key))}")
    for key in sorted(before.keys() - new.keys(), key=lambda k: before[k].path):
        lines.append(f"- {before[key].path}  {_moment(key)}; now: {_why(now.get(key))}")
    for key in sorted(new.keys() & before.keys(), key=lambda k: new[k].path):
        if new[key].path != before[key].path:
            lines.append(f"> {before[key].path} -> {new[key].path}  {_moment(key)}")
    same = sum(new[key].path == before[key].path for key in new.keys() & before.keys())
    return [*lines, f"{counted(same, 'image')} {'stays as it is' if same == 1 else 'stay as they are'}"]


def _codes(faces: Mapping[Place, tuple[int, Box]], codes: Mapping[Place, str]) -> dict[Key, str]:
    """Reason codes by what a document says of a face."""
    return {(milliseconds(t_ns), int_box(box)): codes[place] for place, (t_ns, box) in faces.items() if place in codes}


def _moment(key: Key) -> str:
    return f"at {key[0] / 1000:.2f} s"


def _why(code: str | None) -> str:
    """What became of a face; one that was kept while the video ran may still have lost to others at the end."""
    if code is None:
        return "not looked at"
    words = in_words(code)
    return f"{words}; others won at the end" if words.startswith("kept") else words
