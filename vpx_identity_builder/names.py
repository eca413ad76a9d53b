"""Names of folders: what may be one, and which folder a video's results belong into (design: names and places)."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path

from vpx_identity_builder.errors import FolderNameError, InputError

MAX_NAME_BYTES = 180
_FORBIDDEN = '/\\:*?"<>|'
_RESERVED = re.compile(r"(con|conin\$|conout\$|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_BLOCK_BYTES = 1 << 20
_CYRILLIC_SMALL = "\u0430\u0441\u0501\u0435\u04bb\u0456\u0458\u04cf\u043e\u0440\u051b\u0455\u051d\u0445\u0443\u04af"
_CYRILLIC_LARGE = "\u0410\u0412\u0421\u0415\u041d\u0406\u0408\u041a\u041c\u041e\u0420\u0405\u0422\u0425\u0423\u04ae"
_GREEK_SMALL = "\u03b1\u03b3\u03b9\u03bd\u03bf\u03c1\u03c3\u03c5"
_GREEK_LARGE = "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
_ARMENIAN = "\u0570\u0578\u057d\u0585\u0581\u0566"
_SIGNS = "\u2010\u2012\u2013\u2014\u2212\u2019"
LOOKS_LATIN = dict(
    zip(
        _CYRILLIC_SMALL + _CYRILLIC_LARGE + _GREEK_SMALL + _GREEK_LARGE + _ARMENIAN + _SIGNS,
        "acdehijlopqswxyy" + "ABCEHIJKMOPSTXYY" + "ayivopou" + "ABEZHIKMNOPTYX" + "hnuogq" + "-----'",
        strict=True,
    )
)
"""Letters of other scripts and signs → what they look like (after Unicode Technical Standard 39, confusables)."""
_AS_LATIN = str.maketrans(LOOKS_LATIN)


def safe_video_id(text: str) -> str:
    """`text` as one folder name: Unicode-normalised (NFKC, so that look-alikes collapse), spaces around it dropped.

    Raises `FolderNameError` for what could leave the folder, cannot be seen, or is no name on some system.
    """
    name = unicodedata.normalize("NFKC", text).strip()
    reason = _objection(name)
    if reason:
        raise FolderNameError(text, reason)
    return name


def video_id_from_stem(stem: str) -> str:
    """The folder name for a file stem: as `safe_video_id`, with what is not allowed replaced by `_`."""
    name = unicodedata.normalize("NFKC", stem)
    name = "".join("_" if _is_bad(character) else character for character in name)
    name = name.strip().strip(".").strip()
    while len(name.encode()) > MAX_NAME_BYTES or name.endswith((" ", ".")):
        name = name[:-1]
    name = unicodedata.normalize("NFKC", name)
    if _objection(name):
        name = f"video_{name}" if name and not _objection(f"video_{name}") else "video"
    return name


def look_of(name: str) -> str:
    """What a folder's name looks like: two names of one look are taken for each other, by people or by a file system
    that does not tell capitals from small letters."""
    return unicodedata.normalize("NFKC", name).translate(_AS_LATIN).casefold()


def printable(text: str) -> str:
    """`text` for people and documents: what cannot be seen or is no character becomes `\\x1b` or `\\udcff`."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def contained(root: Path, *parts: str) -> Path:
    """`root/parts`, checked to lie inside `root` even through links. Raises `FolderNameError`."""
    path = root.joinpath(*parts)
    if not path.resolve().is_relative_to(root.resolve()) or path.resolve() == root.resolve():
        raise FolderNameError("/".join(parts), f"it leads out of {root}")
    return path


def content_hash(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes, read in blocks; of a folder: of its files' names and hashes, in name order.

    Raises `InputError`.
    """
    try:
        if not path.is_dir():
            return _file_hash(path)
        lines = [
            f"{item.name}\0{_file_hash(item)}\n"
            for item in sorted(path.iterdir(), key=lambda item: item.name)
            if item.is_file()
        ]
    except OSError as error:
        raise InputError(str(path), error.strerror or type(error).__name__) from error
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def frame_hash(pixels: bytes, t_ns: int) -> str:
    """SHA-256 (hex) that stands for a video without a file: of its first frame's bytes and time."""
    return hashlib.sha256(f"{t_ns}\0".encode() + pixels).hexdigest()


def unnamed_video_id(content: str) -> str:
    """The name of a video that nobody named: `video-<12 hex of its content hash>`."""
    return f"video-{content[:12]}"


def _file_hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _is_bad(character: str) -> bool:
    category = unicodedata.category(character)
    return character in _FORBIDDEN or category.startswith("C") or category in ("Zl", "Zp")


def _objection(name: str) -> str | None:
    """Why `name`, already normalised, cannot be a folder's name; None when it can."""
    if not name:
        return "it is empty"
    if any(_is_bad(character) for character in name):
        bad = next(character for character in name if _is_bad(character))
        return f"it holds {bad!r}" if bad.isprintable() else f"it holds the invisible character U+{ord(bad):04X}"
    if name.startswith("."):
        return "it starts with a dot"
    if name.endswith((".", " ")):
        return "it ends with a dot or a space"
    if _RESERVED.fullmatch(name):
        return "the name is reserved on some systems"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    return None
