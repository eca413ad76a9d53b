"""What of a video's folder was written by this program: that goes with the video, all else in it is the user's."""

from __future__ import annotations

from pathlib import Path

from vpx_identity_builder.claim import NAME as CLAIM
from vpx_identity_builder.erasure.log import LOGS
from vpx_identity_builder.erasure.note import NOTE
from vpx_identity_builder.erasure.remembered import MARK
from vpx_identity_builder.erasure.unfinished import UNFINISHED
from vpx_identity_builder.export.folder import PROBE, SET_FOLDER
from vpx_identity_builder.runlog.schema import SIDECARS

DOCUMENTS = (SET_FOLDER, NOTE, UNFINISHED)
OWN = frozenset(
    (
        *DOCUMENTS,
        *(f".{name}{suffix}" for name in DOCUMENTS for suffix in (".new", ".old")),
        *(f"{name}{suffix}" for name in LOGS for suffix in ("", *SIDECARS)),
        CLAIM,
        MARK,
    )
)
"""Names that a run, what died of one, or an erasure gives in a video's folder."""


def is_own(path: Path, folder: Path) -> bool:
    """True for what lies in a video's folder and was written by this program, or lies in what was."""
    if path == folder or not path.is_relative_to(folder):
        return False
    name = path.relative_to(folder).parts[0]
    return name in OWN or name.startswith(PROBE)


def others_in(folder: Path) -> list[Path]:
    """What else lies in a video's folder, in name order."""
    return [path for path in sorted(folder.iterdir()) if not is_own(path, folder)] if folder.is_dir() else []
