"""Why an image came into a set or went: what became of its face in the run that made the set, and in this choice."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .core.config import Config
from .core.eligible import judge
from .core.notes import objection
from .core.results import ChosenImage, SetName
from .core.types import Box
from .documents_parts import int_box, milliseconds
from .errors import RunLogError
from .reasons import in_words
from .runlog.codec import MalformedError
from .runlog.finalize import recorded_result
from .runlog.reader import RunLog

Key = tuple[float, tuple[int, int, int, int]]
"""Time in ms and face box: the same face in the same frame."""
KEPT = "kept to choose from; others won at the end"


def key_of(t_ns: int, box: Box) -> Key:
    """What a document says of a face."""
    return milliseconds(t_ns), int_box(box)


@dataclass(frozen=True, slots=True)
class Reasons:
    """What is known of the faces of two choices: their reason codes `was` and `now`, the images that the log's run
    published, those faces that are wanted now and whose pictures are gone, and the settings of now."""

    was: Mapping[Key, str]
    now: Mapping[Key, str]
    published: Mapping[Key, ChosenImage]
    unpictured: Collection[Key]
    config: Config

    def came(self, key: Key) -> str:
        """Why an image was not there before."""
        return "chosen by the build, but not in this set" if key in self.published else _told(self.was.get(key))

    def went(self, key: Key) -> str:
        """Why an image is not there any more."""
        if key in self.unpictured:
            return "wanted, but cut otherwise, and that picture was not kept"
        image, reason = self.published.get(key), self.against_anchor(key)
        was_anchor = image is not None and image.set_name is SetName.ANCHOR
        return f"no anchor: {reason}" if was_anchor and reason is not None else _told(self.now.get(key))

    def against_anchor(self, key: Key) -> str | None:
        """Why an image that the log's run published cannot be an anchor now, as the end of a sentence; None: it can."""
        image = self.published.get(key)
        if image is None:
            return None
        stable = 1.0 if image.stability is None else image.stability
        return objection(judge(image.candidate, stable, None, None, self.config), self.config)


def images_of_run(log: RunLog) -> Mapping[Key, ChosenImage]:
    """The images that the log's run published. Raises `RunLogError`."""
    outcome = log.outcome()
    if outcome is None:
        return {}
    try:
        result = recorded_result(outcome, log.header.settings).result
    except MalformedError as error:
        raise RunLogError(log.path, f"it is damaged: {error}", useless=True) from error
    images = [image for person in result.persons for image in person.images]
    return {key_of(image.candidate.sample.t_ns, image.candidate.sample.bbox): image for image in images}


def _told(code: str | None) -> str:
    """What became of a face; one that was kept while the video ran lost to others at the end."""
    if code is None:
        return "not looked at"
    words = in_words(code)
    return KEPT if words.startswith("kept") else words
