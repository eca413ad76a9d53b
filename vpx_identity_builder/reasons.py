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


FAULTS = {
    "bad_appearance": "aligned face pictures that could not be used",
    "bad_face_id_embedding": "Face-ID embeddings that could not be used",
    "bad_vision_embedding": "vision embeddings that could not be used",
    "embedding_unusable": "embeddings that are not finite or have no length",
    "expression_mismatch": "expressions that fit no face of their frame",
    "face_id_dimension": "Face-ID embeddings of a length that no known model has",
    "face_id_model_changed": "frames in which the Face-ID model changed",
    "face_id_model_unknown": "the Face-ID model has no thresholds of its own here",
    "frame_limit": "a limit on frames ended the run",
    "frame_quality_rejected": "frames that frame.quality rejects",
    "malformed_frame": "frames whose picture is none",
    "malformed_face": "faces that were told without a usable box",
    "no_face_detect": "frames without word from face.detect",
    "persons_forgotten": "fleeting persons dropped to keep memory bounded",
    "run_log_lost": "the run log could not be written",
    "source_truncated": "the file is cut off",
    "source_unreadable_part": "parts of the input that could not be read",
    "timestamp_not_increasing": "frames that came out of order",
    "unreadable_frame": "frames that could not be read",
    "vision_not_embedded": "kept faces that go by the vision embedding of an earlier frame, as embedding them failed",
    "vision_model_changed": "frames in which the vision model changed",
}
FAULTS_OF = {
    "hook": "failures of the plugin hook",
    "pitch_reversed": "pitch turned round, as the video proves it reversed:",
    "unreadable": "frames without readable word from",
}
"""Faults that name whose they are behind a colon."""


def fault_in_words(name: str) -> str:
    """A fault as a sentence; one that is not known (another version's) is given as it stands."""
    kind, colon, whose = name.partition(":")
    if colon and kind in FAULTS_OF:
        return f"{FAULTS_OF[kind]} {whose}"
    return FAULTS.get(name, name.replace("_", " "))


def in_words(code: str) -> str:
    """A reason code as a sentence; one that is not known (another version's) is given as it stands."""
    kind, _, component = code.partition(":")
    if kind == "gate":
        return f"not kept: {GATE_WORDS.get(component, component.replace('_', ' '))}"
    return REASONS.get(code, code.replace("_", " "))
