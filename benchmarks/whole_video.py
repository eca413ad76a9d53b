"""What a video holds, seen with all its frames at once: the reference that `selection.py` measures the builder against.

Faces are a published person's by similarity alone: its final prototype fits at least as well as `tau_id` asks and
better than anybody else's. Medians and the gallery of clear moments come from all of the person's faces. What the
builder holds back because a face contradicts its tracklet (the first frames after a cut) is out of reach by design.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from real_faces import Footage

from vpx_identity_builder.builder import IdentitySetBuilder
from vpx_identity_builder.core import geometry
from vpx_identity_builder.core.buckets import EXPRESSION_BINS, bucket_key, fills_bucket
from vpx_identity_builder.core.config import Config, StopConfig
from vpx_identity_builder.core.eligible import Judged, is_anchor, judge
from vpx_identity_builder.core.eyes import beside_usual, reading
from vpx_identity_builder.core.frame_views import Look, not_looked
from vpx_identity_builder.core.gallery import Gallery
from vpx_identity_builder.core.gates import challenge_gate
from vpx_identity_builder.core.occlusion import judged
from vpx_identity_builder.core.offer import crop_box, other_boxes
from vpx_identity_builder.core.results import ChosenImage, PersonSet, RunResult, StopReason
from vpx_identity_builder.core.thinned import Spread
from vpx_identity_builder.core.types import Box, Buckets, Candidate, FaceSample

READ_ON = Config(stop=StopConfig(stop_when_covered=False))
NO_IMAGE = b"\x89PNG"


def has_bucket(face: Judged) -> bool:
    """True for a face in one of the buckets of §5: yaw, pitch and expression are known."""
    return fills_bucket(face.buckets) and face.buckets.expression in EXPRESSION_BINS


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Everything a video holds of one person, judged with final medians and prototype, in order of time."""

    person: PersonSet
    faces: tuple[Judged, ...]

    @property
    def gated(self) -> list[Judged]:
        """What may become a coverage image."""
        return [face for face in self.faces if face.loose.passed and has_bucket(face)]

    @property
    def frontal(self) -> list[Judged]:
        """What may become an anchor."""
        return [face for face in self.faces if is_anchor(face.sample, face.buckets, face.strict.passed, READ_ON)]

    @property
    def showable(self) -> list[Judged]:
        """What may become a challenge image, if its condition is extreme."""
        return [face for face in self.faces if challenge_gate(face.sample, READ_ON.gates).passed]

    def quality(self, image: ChosenImage) -> float:
        """The image's quality as judged with everything known."""
        found = [face.quality for face in self.faces if face.candidate.key == image.candidate.key]
        return found[0] if found else image.quality

    def best(self) -> dict[str, float]:
        """Reachable bucket → best quality in it."""
        found: dict[str, float] = {}
        for face in self.gated:
            key = bucket_key(face.buckets)
            found[key] = max(found.get(key, 0.0), face.quality)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Streamed:
    """A run's result, the Face-ID threshold it went by, and the faces it held back, by time and box."""

    result: RunResult
    tau_id: float
    held_back: frozenset[tuple[int, Box]]


def streamed(
    clip: Footage,
    config: Config = READ_ON,
    on_frame: Callable[[IdentitySetBuilder], bool] | None = None,
    look: Callable[[int], Look] = lambda _t_ns: not_looked,
) -> Streamed:
    """The builder over a clip, frame by frame; `on_frame` says True to stop, `look` looks at the frame of a time."""
    builder = IdentitySetBuilder(config, face_novelty=clip.face_novelty, body_novelty=clip.body_novelty)
    reason, held_back = StopReason.END_OF_VIDEO, set()
    for shot in clip.shots:
        builder.add(shot.t_ns, shot.faces, lambda _box: NO_IMAGE, look(shot.t_ns))
        contradicting = [fate.assignment.sample for fate in builder.last_fates if fate.code == "identity_unsettled"]
        held_back |= {(face.t_ns, face.bbox) for face in contradicting}
        if on_frame is not None and on_frame(builder):
            reason = StopReason.COVERAGE_SATISFIED
            break
    model = builder.face_id_model
    return Streamed(builder.finish(reason), 1.0 if model is None else model.tau_id, frozenset(held_back))


def everything_held(clip: Footage, run: Streamed) -> list[Held]:
    """All faces of each published person in the whole clip."""
    persons = run.result.persons
    prototypes = np.stack([person.prototype for person in persons])
    own: list[list[tuple[FaceSample, tuple[FaceSample, ...]]]] = [[] for _ in persons]
    for shot in clip.shots:
        for face in shot.faces:
            if face.e_id is None or (face.t_ns, face.bbox) in run.held_back:
                continue
            fits = prototypes @ face.e_id
            if fits.max() >= run.tau_id:
                own[int(fits.argmax())].append((face, shot.faces))
    return [_held(person, found) for person, found in zip(persons, own, strict=True)]


def _held(person: PersonSet, found: Sequence[tuple[FaceSample, tuple[FaceSample, ...]]]) -> Held:
    gallery, openings = Gallery(), Spread()
    for face, _ in found:
        gallery = gallery.add(face)
    for face, _ in found:
        opening = reading(judged(face, gallery))
        openings = openings if opening is None else openings.add(opening, face.t_ns)
    sharpness = [f.measures.sharpness for f, _ in found if f.measures.sharpness is not None]
    brightness = [f.measures.lighting_level for f, _ in found if f.measures.lighting_level is not None]
    medians = statistics.median(sharpness), statistics.median(brightness)
    faces = []
    for face, everybody in found:
        others = other_boxes(face, everybody)
        crop = crop_box(face, face.bbox, others, READ_ON.selection.crop_scale)
        if geometry.contains_other_face(crop, face.bbox, others):
            continue
        told = judged(face, gallery)
        shown = replace(told, expression=beside_usual(told.expression, openings))
        candidate = Candidate(shown, Buckets(*["unknown"] * 5), crop, NO_IMAGE, 0.0)
        faces.append(judge(candidate, float(person.prototype @ face.e_id), *medians, READ_ON))
    return Held(person, tuple(faces))


def baseline(held: Held, gap_ns: float, size: int, per_bucket: int = 2) -> list[Judged]:
    """The simple way: sort by quality, two per bucket, so far apart in time."""
    chosen: list[Judged] = []
    counts: dict[str, int] = {}
    for face in sorted(held.gated, key=lambda f: (-f.quality, f.sample.t_ns)):
        key = bucket_key(face.buckets)
        apart = all(abs(face.sample.t_ns - other.sample.t_ns) >= gap_ns for other in chosen)
        if counts.get(key, 0) < per_bucket and apart and len(chosen) < size:
            chosen.append(face)
            counts[key] = counts.get(key, 0) + 1
    return chosen


def redundancy(faces: Sequence[FaceSample]) -> float:
    """Mean over the images of the highest cosine to another one of the set, by face vision embedding."""
    rows = np.stack([face.e_vis_face for face in faces if face.e_vis_face is not None])
    alike = rows @ rows.T
    np.fill_diagonal(alike, -1.0)
    return float(alike.max(axis=1).mean()) if len(rows) > 1 else 0.0
