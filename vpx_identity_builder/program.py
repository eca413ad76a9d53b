"""Which program chose: a choice that was recorded stands for a new one only where the same program would make it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

from .core.policy import AS_DESIGNED, Policy
from .place import app_version

NO_CHOICE = ("commands", "erasure", "export")
"""Parts of the package that have no say in which images are chosen."""


def program_of(policy: Policy) -> str | None:
    """A fingerprint of the code that chooses, its version and NumPy's; None where plugins have a say.

    A plugin, such as a memory bank, may answer otherwise next time.
    """
    return fingerprint() if policy == AS_DESIGNED else None


@cache
def fingerprint() -> str:
    """Stands for the code that chooses, its version and NumPy's."""
    digest = hashlib.sha256(f"{app_version()} {np.__version__}".encode())
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        if place.parts[0] not in NO_CHOICE:
            digest.update(f"\0{place.as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()
