"""Folder names: nothing leaves the output folder, look-alikes collapse, and content is told apart by its hash."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpx_identity_builder.errors import FolderNameError, InputError
from vpx_identity_builder.names import (
    LOOKS_LATIN,
    MAX_NAME_BYTES,
    contained,
    content_hash,
    frame_hash,
    look_of,
    printable,
    safe_video_id,
    unnamed_video_id,
    video_id_from_stem,
)

REFUSED = {
    "": "empty",
    "  ": "empty",
    ".": "dot",
    "..": "dot",
    ".hidden": "dot",
    "a/b": "'/'",
    "a\\b": "'\\\\'",
    "a\0b": "U+0000",
    "a\nb": "U+000A",
    "a\u202eb": "U+202E",
    "a\u200bb": "U+200B",
    "\uff0e\uff0e\uff0fetc": "'/'",
    "c:x": "':'",
    "CON": "reserved",
    "nul.txt": "reserved",
    "conout$": "reserved",
    "lpt1": "reserved",
    "ends.": "ends with",
    "é" * 100: "longer than",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_what_is_no_folder_name_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(FolderNameError) as caught:
        safe_video_id(text)
    assert reason in caught.value.reason
    assert caught.value.name == text


@pytest.mark.parametrize(
    ("text", "name"), [("ride 1", "ride 1"), (" ride ", "ride"), ("\uff52\uff49\uff44\uff45", "ride"), ("탑승", "탑승")]
)
def test_ordinary_names_are_kept_and_look_alikes_collapse(text: str, name: str) -> None:
    assert safe_video_id(text) == name


def test_letters_of_other_scripts_look_like_the_latin_ones_that_they_are_named_like() -> None:
    for sign, latin in LOOKS_LATIN.items():
        assert look_of(f"a{sign}z") == look_of(f"a{latin}z")
        assert sign.isascii() is False
        assert latin.isascii()
        assert sign.isupper() == latin.isupper()
        assert unicodedata.normalize("NFKC", sign) == sign, "only what stays in a name is worth a line"


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789_- .\uac00\ud0d1"))
def test_names_that_can_be_told_apart_look_different(name: str) -> None:
    assert look_of(name) == name


@given(st.text())
def test_any_stem_becomes_an_allowed_name_that_stays_inside(text: str) -> None:
    name = video_id_from_stem(text)
    assert safe_video_id(name) == name
    root = Path("/root-folder")
    assert (root / name).parent == root
    assert len(name.encode()) <= MAX_NAME_BYTES


@given(st.text())
def test_an_accepted_name_is_its_own_normal_form_and_one_path_part(text: str) -> None:
    try:
        name = safe_video_id(text)
    except FolderNameError:
        return
    assert safe_video_id(name) == name == unicodedata.normalize("NFKC", name)
    assert Path(name).parts == (name,)


def test_stems_keep_what_can_be_kept() -> None:
    assert video_id_from_stem("GX01: ride?") == "GX01_ ride_"
    assert video_id_from_stem("con") == "video_con"
    assert video_id_from_stem("...") == "video"


def test_a_link_out_of_the_output_folder_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "out"
    root.mkdir()
    (root / "away").symlink_to(tmp_path)
    assert contained(root, "ride") == root / "ride"
    for parts in (("away",), ("..",), ("ride", "..", "..")):
        with pytest.raises(FolderNameError, match="leads out"):
            contained(root, *parts)


def test_content_hash_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    data = b"x" * 3_000_000
    (tmp_path / "a.mp4").write_bytes(data)
    assert content_hash(tmp_path / "a.mp4") == hashlib.sha256(data).hexdigest()


def test_content_hash_of_a_folder_knows_names_and_bytes(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    first = content_hash(tmp_path)
    (tmp_path / "b.jpg").write_bytes(b"other")
    second = content_hash(tmp_path)
    (tmp_path / "b.jpg").rename(tmp_path / "c.jpg")
    assert len({first, second, content_hash(tmp_path)}) == 3


def test_content_hash_of_nothing_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        content_hash(tmp_path / "absent.mp4")


def test_a_nameless_video_is_named_by_its_first_frame() -> None:
    content = frame_hash(b"pixels", 5)
    assert content != frame_hash(b"pixels", 6)
    assert unnamed_video_id(content) == f"video-{content[:12]}"


@given(st.text(st.characters()))
def test_what_is_shown_is_one_line_that_any_terminal_takes(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown.encode().decode() == shown


def test_ordinary_names_are_shown_as_they_are() -> None:
    assert printable("탑승 ride_1.mp4") == "탑승 ride_1.mp4"
    assert printable("a\x1b[2Jb\n\udcff") == "a\\x1b[2Jb\\n\\udcff"
