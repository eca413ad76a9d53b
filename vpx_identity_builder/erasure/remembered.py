"""The mark of a video that a memory bank learnt from: its erasure is not complete before that bank was searched.

It lies in the video's folder, outlives sets and logs that are made again or expire, and names neither bank nor person.
"""

from __future__ import annotations

from pathlib import Path

from vpx_identity_builder.errors import MemoryBankError
from vpx_identity_builder.export.files import FILE_MODE, FOLDER_MODE

MARK = "remembered"
UNSEARCHED = "this video was remembered in a memory bank: give it with --bank DIR"


def mark(video_folder: Path) -> None:
    """Note that a memory bank learns from a video. Raises `MemoryBankError`; nothing may be learnt then."""
    path = video_folder / MARK
    try:
        video_folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        path.touch(mode=FILE_MODE)
    except OSError as error:
        raise MemoryBankError(path, f"cannot be written: {error.strerror or type(error).__name__}") from error


def is_marked(video_folder: Path) -> bool:
    """True where a memory bank learnt from a video and was not searched since."""
    return (video_folder / MARK).is_file()
