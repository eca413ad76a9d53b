"""Of an image that moves within a set, the difference says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vpx_identity_builder.core.config import SelectionConfig
from vpx_identity_builder.difference import Shown, published_images, told_in_place
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


def test_pictures_that_keep_their_place_are_compared_byte_by_byte(meta: ImageMeta) -> None:
    x1, y1, x2, y2 = meta.crop_box
    smaller = meta.model_copy(update={"crop_box": (x1 + 1, y1 + 1, x2 - 1, y2 - 1)})
    was, same, cut, other, gone = (
        Shown("person_0/anchors/anchor_001", shown, picture)
        for shown, picture in ((meta, "a"), (meta, "a"), (smaller, "b"), (meta, "c"), (meta, None))
    )
    assert told_in_place([(was, same), (was, same)], [], []) == ["2 images stay as they are"]
    assert told_in_place([(was, cut)], [], []) == ["1 image is cut otherwise"]
    named = "1 image is cut otherwise (crop_scale, smoothing_iou)"
    assert told_in_place([(was, cut)], ["jpeg_quality"], ["crop_scale", "smoothing_iou"]) == [named]
    assert told_in_place([(was, cut), (was, same), (was, cut)], [], []) == [
        "2 images are cut otherwise",
        "1 image stays as it is",
    ]
    assert told_in_place([(was, other)], ["jpeg_quality"], ["crop_scale"]) == ["1 image is encoded anew (jpeg_quality)"]
    assert told_in_place([(gone, was)], [], []) == ["1 image is written again: the picture was missing"]
    assert told_in_place([], [], []) == ["0 images stay as they are"]


def test_settings_that_cut_pictures_otherwise_than_the_published_ones_are_named(tmp_path: Path) -> None:
    ride(tmp_path)
    folder = tmp_path / "ride" / "identity_builder"
    picture = folder / "person_0" / "anchors" / "anchor_001.jpg"
    picture.write_bytes(picture.read_bytes() + b"of another crop")
    for path, key in ((picture.with_name("anchor_001_meta.json"), "crop_box"), (folder / "result.json", "settings")):
        document = json.loads(path.read_text())
        document[key] = {"crop_box": [1, 2, 30, 31], "settings": {**document.get("settings", {}), "crop_scale": 3}}[key]
        path.write_text(json.dumps(document))
    told = call("rebuild", tmp_path / "ride", "--dry-run").stdout
    assert "1 image is cut otherwise (crop_scale)\n" in told


def test_a_picture_that_was_removed_or_changed_by_hand_is_told(tmp_path: Path) -> None:
    ride(tmp_path)
    pictures = sorted((tmp_path / "ride" / "identity_builder" / "person_0" / "anchors").glob("*.jpg"))
    pictures[0].unlink()
    pictures[1].write_bytes(b"painted over")
    *_, another, missing, rest = call("rebuild", tmp_path / "ride", "--dry-run").stdout.splitlines()
    assert missing == "1 image is written again: the picture was missing"
    assert another == "1 image is written again: the picture was another one"
    assert rest.endswith(" images stay as they are")
