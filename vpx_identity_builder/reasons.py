"""Reason codes in plain words: what became of a face, and why (`fates` in `result.json`, `decision` of each frame)."""

from __future__ import annotations

from .core.gates import GATE_WORDS

REASONS = {
    "saved": "kept: the first of its bucket",
    "added": "kept: it looks new beside everything kept of this person",
    "other_moment": "kept in reserve: another moment of its bucket; whether it looks different shows at the end",
    "replaced": "kept: better than the image of its bucket and moment, which went",
    "anchor_candidate": "kept as a possible anchor: the best frontal face of its moment",
    "challenge_candidate": "kept as a possible challenge image: the most extreme of its moment",
    "extra_bin_candidate": "kept: the best of a bin that a plugin added",
    "not_novel": "not kept: its bucket has an image of this moment that is as good, and it looks like what is kept",
    "worse_than_kept": "not kept: its bucket has an image of this moment that is as good or better",
    "outside_buckets": "not kept: turned further than the bins go, or too poor for its bucket",
    "unknown_pose": "not kept: the head pose is unknown",
    "no_identity": "not kept: no Face-ID embedding, so nobody can say who it is",
    "unstable": "not kept: not surely this person",
    "identity_unsettled": "not kept: it contradicts the face that was followed so far; the next frames tell who it is",
    "other_face_in_crop": "not kept: somebody else's face would be in the picture",
    "no_picture": "not kept: the frame held no picture to cut it from",
}


def in_words(code: str) -> str:
    """A reason code as a sentence; one that is not known (another version's) is given as it stands."""
    kind, _, component = code.partition(":")
    if kind == "gate":
        return f"not kept: {GATE_WORDS.get(component, component.replace('_', ' '))}"
    return REASONS.get(code, code.replace("_", " "))
