"""Of an image that moves within a set, the difference says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpx_identity_builder.core.config import SelectionConfig
from vpx_identity_builder.difference import published_images
from vpx_identity_builder.difference_moves import why_moved
from vpx_identity_builder.schema import ImageMeta

from .rides import ride
from .test_rebuild import call

SETTINGS = SelectionConfig(anchors_max=2, anchors_min=1, challenge_max=1)


@pytest.fixture(scope="module")
def meta(tmp_path_factory: pytest.TempPathFactory) -> ImageMeta:
    """An anchor of a real set."""
    out = tmp_path_factory.mktemp("moves")
    ride(out, 2.0)
    metas = [shown.meta for shown in published_images(out / "ride" / "identity_builder").values()]
    return next(one for one in metas if one.type == "anchor")


def like(meta: ImageMeta, condition: str | None = None, gate: str | None = None, **changes: object) -> ImageMeta:
    details = meta.details
    if condition is not None:
        details = details.model_copy(update={"condition": condition})
    if gate is not None:
        checks = [c.model_copy(update={"passed": c.name != gate}) for c in details.gates.strict.checks]
        strict = details.gates.strict.model_copy(update={"checks": checks, "passed": False})
        details = details.model_copy(update={"gates": details.gates.model_copy(update={"strict": strict})})
    return meta.model_copy(update={"details": details, **changes})


def test_an_anchor_too_many(meta: ImageMeta) -> None:
    now = like(meta, type="coverage")
    full = "no longer an anchor (anchors_max is 2, and others are better), a coverage image now"
    assert why_moved(meta, now, [now, meta, meta], SETTINGS) == full
    plain = "it is a coverage image now, no longer an anchor"
    assert why_moved(meta, now, [now, meta], SETTINGS) == plain
    of_another = [now, meta, like(meta, person_id=meta.person_id + 1)]
    assert why_moved(meta, now, of_another, SETTINGS) == plain


def test_an_anchor_that_fails_the_gate(meta: ImageMeta) -> None:
    now = like(meta, gate="blur", type="coverage")
    said = "no longer an anchor (the face is too blurred), a coverage image now"
    assert why_moved(meta, now, [now, meta, meta], SETTINGS) == said


def test_another_bucket_person_condition_or_number(meta: ImageMeta) -> None:
    was = like(meta, type="coverage", yaw_bin="[-5,5]", expression_bin="smile")
    now = like(was, yaw_bin="[5,15]", expression_bin="eyes_closed")
    words = "its yaw counts as [5,15] now, not as [-5,5]; its expression counts as eyes closed now, not as smile"
    assert why_moved(was, now, [now], SETTINGS) == words
    assert why_moved(was, was, [was], SETTINGS) == "only its number changed, as others of its kind came or went"
    other = like(was, person_id=1 - was.person_id)
    assert why_moved(was, other, [other], SETTINGS) == f"person {was.person_id} is person {other.person_id} now"
    dark, far = (like(meta, condition=name, type="challenge") for name in ("dark", "extreme_pose"))
    assert why_moved(dark, far, [far], SETTINGS) == "it stands for extreme pose now, not for dark"
    limit = "no longer a challenge image (challenge_max is 1, and others are more extreme), a coverage image now"
    assert why_moved(dark, was, [far], SETTINGS) == limit


def test_every_image_that_moves_has_its_reason(tmp_path: Path) -> None:
    ride(tmp_path)
    sizes = ("--set", "identity_builder.loose_face_px=80", "--set", "identity_builder.strict_face_px=84")
    done = call("rebuild", tmp_path / "ride", "--diff", "--dry-run", *sizes)
    moved = [line for line in done.stdout.splitlines() if line.startswith("> ")]
    assert moved
    for line in moved:
        assert " s; no longer a coverage image (the face is too small), a challenge image now" in line
