"""Which program chose: a choice that was recorded stands for a new one only where the same program would make it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from .core.policy import AS_DESIGNED, Policy
from .place import app_version

NO_CHOICE = ("commands", "erasure", "export")
"""Parts of the package that have no say in which images are chosen."""
OCCLUSION = ("buckets", "config", "face_cells", "gallery", "moments", "occlusion", "thinned", "types")
"""Modules of the core that have a say in how much of a face is covered."""


def program_of(policy: Policy) -> str | None:
    """A fingerprint of the code that chooses, its version and NumPy's; None where plugins have a say.

    A plugin, such as a memory bank, may answer otherwise next time.
    """
    return fingerprint() if policy == AS_DESIGNED else None


@cache
def fingerprint() -> str:
    """Stands for the code that chooses, its version and NumPy's."""
    root = Path(__file__).parent
    chooses = [path for path in root.rglob("*.py") if path.relative_to(root).parts[0] not in NO_CHOICE]
    return _digest(f"{app_version()} {np.__version__}", root, chooses)


@cache
def occlusion_fingerprint() -> str:
    """Stands for the code that tells how much of a face is covered, and for NumPy's version."""
    core = Path(__file__).parent / "core"
    return _digest(np.__version__, core, [core / f"{name}.py" for name in OCCLUSION])


def _digest(version: str, root: Path, files: Iterable[Path]) -> str:
    digest = hashlib.sha256(version.encode())
    for path in sorted(files):
        digest.update(f"\0{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()
