"""Constraint cues of challenge images (§8): what they show of the person, and what a generator should avoid."""

from __future__ import annotations

from vpx_identity_builder.core.challenge import CUES
from vpx_identity_builder.schema_images import Cues

AVOID: dict[str, tuple[str, ...]] = {
    "yaw_left": ("profile view", "face turned away"),
    "yaw_right": ("profile view", "face turned away"),
    "pitch_up": ("head thrown back", "foreshortened face"),
    "pitch_down": ("head bowed", "foreshortened face"),
    "dark": ("dark, underexposed face", "heavy shadow", "image noise"),
    "overexposed": ("overexposed, washed-out skin", "blown highlights"),
    "occluded": ("covered face", "hands or objects in front of the face"),
}


def cues_for(condition: str) -> Cues:
    """Cues of a challenge condition; one that this table does not know (a plugin's) is avoided under its own name."""
    readable = condition.replace("_", " ")
    return Cues(condition=condition, shows=CUES.get(condition, readable), avoid=list(AVOID.get(condition, (readable,))))
