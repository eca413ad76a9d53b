"""Why an image of a set is another one's now: its role, its bucket, its number or its person changed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .core.config import SelectionConfig
from .core.gates import GATE_WORDS
from .schema import ImageMeta
from .schema_images import Gate

BINS = {"yaw_bin": "yaw", "pitch_bin": "pitch", "expression_bin": "expression"}
WHAT = {"anchor": "an anchor", "coverage": "a coverage image", "challenge": "a challenge image"}

LIMITS = {"anchor": ("anchors_max", "better"), "challenge": ("challenge_max", "more extreme")}
"""The setting that limits a set, and what its images are before others."""


def why_moved(
    was: ImageMeta,
    now: ImageMeta,
    images: Collection[ImageMeta],
    settings: SelectionConfig,
    against_anchor: str | None = None,
) -> str:
    """The reason in words. `images`: all of the new set; `settings`: those that it was chosen with.

    `against_anchor`: why the face can be no anchor with them, as the end of a sentence.
    """
    said = []
    if was.person_id != now.person_id:
        said.append(f"person {was.person_id} is person {now.person_id} now")
    if was.type != now.type:
        said.append(_role(was, now, images, settings, against_anchor))
    elif was.type == "challenge" and was.details.condition != now.details.condition:
        said.append(f"it stands for {_words(now.details.condition)} now, not for {_words(was.details.condition)}")
    elif was.type == "coverage" and (bins := _other_bins(was, now)):
        said.append("; ".join(bins))
    return "; ".join(said) or "only its number changed, as others of its kind came or went"


def _role(
    was: ImageMeta,
    now: ImageMeta,
    images: Collection[ImageMeta],
    settings: SelectionConfig,
    against_anchor: str | None,
) -> str:
    limit = LIMITS.get(was.type)
    most = None if limit is None else getattr(settings, limit[0])
    held = sum(image.type == was.type and image.person_id == now.person_id for image in images)
    gate = now.details.gates.strict if was.type == "anchor" else now.details.gates.loose
    failed = _failed(gate) if was.type in ("anchor", "coverage") else []
    if failed:
        reason = "; ".join(failed)
    elif was.type == "anchor" and against_anchor is not None:
        reason = against_anchor
    elif limit is not None and most is not None and held >= most:
        reason = f"{limit[0]} is {most}, and others are {limit[1]}"
    elif bins := _other_bins(was, now):
        reason = "; ".join(bins)
    else:
        return f"it is {WHAT[now.type]} now, no longer {WHAT[was.type]}"
    return f"no longer {WHAT[was.type]} ({reason}), {WHAT[now.type]} now"


def _failed(gate: Gate) -> Sequence[str]:
    return [GATE_WORDS.get(check.name, _words(check.name)) for check in gate.checks if not check.passed]


def _other_bins(was: ImageMeta, now: ImageMeta) -> list[str]:
    """Which bins of its bucket are others now."""
    changed = [(word, getattr(was, name), getattr(now, name)) for name, word in BINS.items()]
    return [f"its {word} counts as {_words(new)} now, not as {_words(old)}" for word, old, new in changed if old != new]


def _words(name: str | None) -> str:
    return "nothing" if name is None else name.replace("_", " ")
