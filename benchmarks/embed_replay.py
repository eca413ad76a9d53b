"""Footage with every face's own vision embedding, and with those that the default prefilter leaves.

The faces are those of `real_faces`; the pictures are read once more, each face and body crop is embedded, and a second
planner with the default settings says which of these embeddings it would have asked for. What the builder then asks for
late, because it keeps a crop, is counted as it builds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import real_faces
from visualbase import FileSource, sample
from whole_video import READ_ON, streamed

from vpx_identity_builder.core.buckets import UNKNOWN, bucket_key, fills_bucket
from vpx_identity_builder.core.frame_views import Look, OwnVectors
from vpx_identity_builder.core.results import RunResult, SetName
from vpx_identity_builder.core.types import Box, FaceSample
from vpx_vision_embed import VisionEmbedder
from vpx_vision_embed.inputs import Face
from vpx_vision_embed.plan import FramePlanner, planner_for
from vpx_vision_embed.settings import VisionEmbedSettings

EVERY_CROP = VisionEmbedSettings(unchanged_below=0, max_rate_hz=0, refresh_s=0, min_sharpness=0)


@dataclass(frozen=True)
class Replayed:
    """The same faces with all their own vectors, and as the prefilter leaves them; embeddings computed for each.

    `carried`: time and box of a face → how many of its vectors are an earlier crop's.
    """

    own: real_faces.Footage
    left: real_faces.Footage
    computed: int
    asked_for: int
    carried: Mapping[tuple[int, Box], int]


@dataclass
class LateLooks:
    """Looks at faces of a replay; `asked` are those that carried a vector."""

    run: Replayed
    asked: set[tuple[int, Box]] = field(default_factory=set)
    _own: Mapping[tuple[int, Box], FaceSample] = field(init=False)

    def __post_init__(self) -> None:
        self._own = {(face.t_ns, face.bbox): face for shot in self.run.own.shots for face in shot.faces}

    def at(self, t_ns: int) -> Look:
        """The look at the frame of this time."""

        def look(box: Box) -> OwnVectors | None:
            if not self.run.carried[t_ns, box]:
                return None
            self.asked.add((t_ns, box))
            face = self._own[t_ns, box]
            return OwnVectors(face.e_vis_face, face.e_vis_body)

        return look

    @property
    def computed(self) -> int:
        """Embeddings that were computed late."""
        return sum(self.run.carried[face] for face in self.asked)


@dataclass(frozen=True)
class Kept:
    """What the prefilter changes of one video's published sets, 0..1, and mean qualities without and with it.

    `same` counts pair images too. `buckets` are those of §5: an image whose expression cannot be told fills none.
    `late`: embeddings that were computed for kept crops alone.
    """

    same: float
    near: float
    buckets: float
    images: tuple[int, int]
    quality: tuple[float, float]
    late: int


def replayed(name: str) -> Replayed:
    """Both versions of one of `real_faces.VIDEOS`."""
    clip = real_faces.footage(name)
    path = next(real_faces.DATA / "videos" / video for video in real_faces.VIDEOS if video.startswith(f"{name}."))
    planners = (planner_for(EVERY_CROP), planner_for(VisionEmbedSettings()))
    own, left, counts = [], [], np.zeros(2, int)
    carried: dict[tuple[int, Box], int] = {}
    with VisionEmbedder("bundled") as embedder, FileSource(path) as source:
        for frame, shot in zip(sample(source, real_faces.FPS), clip.shots, strict=False):
            if frame.t_src_ns != shot.t_ns:
                raise RuntimeError(f"{name}: the cache holds other frames than the video; fill it anew")
            faces = _both(embedder, planners, frame.data, shot, counts, carried)
            own.append(replace(shot, faces=tuple(every for every, _ in faces)))
            left.append(replace(shot, faces=tuple(some for _, some in faces)))
    both = replace(clip, shots=tuple(own)), replace(clip, shots=tuple(left))
    return Replayed(*both, int(counts[0]), int(counts[1]), carried)


def _both(
    embedder: VisionEmbedder,
    planners: tuple[FramePlanner, FramePlanner],
    image: np.ndarray,
    shot: real_faces.Shot,
    counts: np.ndarray,
    carried: dict[tuple[int, Box], int],
) -> list[tuple[FaceSample, FaceSample]]:
    order = sorted(range(len(shot.faces)), key=lambda index: -_area(shot.faces[index]))
    listed = [Face(shot.faces[index].bbox, shot.faces[index].face_id) for index in order]
    every, asked = (planner.plan(image, listed, [], shot.t_ns) for planner in planners)
    pairs: dict[int, tuple[FaceSample, FaceSample]] = {}
    for index, all_of, some_of in zip(order, every, asked, strict=True):
        vectors: tuple[dict[str, object], dict[str, object]] = ({}, {})
        face = shot.faces[index]
        carried[face.t_ns, face.bbox] = 0
        for name, crop, rule in (
            ("e_vis_face", all_of.crop, some_of.crop),
            ("e_vis_body", all_of.body, some_of.body),
        ):
            vector = None if crop is None else embedder.embed([crop.image])[0]
            counts[0] += crop is not None
            if rule is not None and rule.slot is not None and rule.is_fresh:
                rule.slot.vector = vector
                counts[1] += 1
            elif rule is not None and rule.slot is not None:
                carried[face.t_ns, face.bbox] += 1
            vectors[0][name] = vector
            vectors[1][name] = rule.slot.vector if rule is not None and rule.slot is not None else None
        pairs[index] = replace(face, **vectors[0]), replace(face, **vectors[1])
    return [pairs[index] for index in range(len(shot.faces))]


def _area(face: FaceSample) -> float:
    x1, y1, x2, y2 = face.bbox
    return (x2 - x1) * (y2 - y1)


def noisy(clip: real_faces.Footage, distance: float, seed: int) -> real_faces.Footage:
    """The same faces, every vision embedding turned in a random direction by a cosine distance."""
    random = np.random.default_rng(seed)

    def turned(vector: np.ndarray | None) -> np.ndarray | None:
        if vector is None:
            return None
        aside = random.standard_normal(vector.size)
        aside -= (aside @ vector) * vector
        cosine = 1.0 - distance
        other = cosine * vector + np.sqrt(1.0 - cosine**2) * aside / np.linalg.norm(aside)
        return np.asarray(other, np.float32)

    def face(sample: FaceSample) -> FaceSample:
        return replace(sample, e_vis_face=turned(sample.e_vis_face), e_vis_body=turned(sample.e_vis_body))

    return replace(clip, shots=tuple(replace(shot, faces=tuple(face(f) for f in shot.faces)) for shot in clip.shots))


def published(clip: real_faces.Footage) -> list[tuple[int, int]]:
    """Person and time of every image that is published of a clip."""
    persons = streamed(clip, READ_ON).result.persons
    return [(person.person_id, image.candidate.sample.t_ns) for person in persons for image in person.images]


def same(images: list[tuple[int, int]], others: list[tuple[int, int]]) -> float:
    """Share of the images that are among the others too."""
    return float(np.mean([image in others for image in images]))


def kept(run: Replayed) -> Kept:
    """The published sets of both versions, compared."""
    looks = LateLooks(run)
    results = streamed(run.own).result, streamed(run.left, look=looks.at).result
    without, with_it = map(_images, results)
    frames = {(person, sample.t_ns) for person, _, _, sample, _ in with_it}
    near = [
        any(other == person and abs(t_ns - sample.t_ns) <= 5e8 for other, t_ns in frames)
        for person, _, _, sample, _ in without
    ]
    buckets, others = (
        {
            (person, key)
            for person, name, key, _, _ in images
            if name is not SetName.CHALLENGE and not key.endswith(UNKNOWN)
        }
        for images in (without, with_it)
    )
    pairs, other_pairs = ([image.candidate.first.sample.t_ns for image in result.pair] for result in results)
    found = [(person, sample.t_ns) in frames for person, _, _, sample, _ in without]
    return Kept(
        float(np.mean(found + [t_ns in other_pairs for t_ns in pairs])),
        float(np.mean(near)),
        len(buckets & others) / len(buckets),
        (len(without), len(with_it)),
        (float(np.mean([row[4] for row in without])), float(np.mean([row[4] for row in with_it]))),
        looks.computed,
    )


def _images(result: RunResult) -> list[tuple[int, SetName, str, FaceSample, float]]:
    """Person, set, bucket, face and quality of every image."""
    return [
        (
            person.person_id,
            image.set_name,
            bucket_key(image.candidate.buckets) if fills_bucket(image.candidate.buckets) else UNKNOWN,
            image.candidate.sample,
            image.quality,
        )
        for person in result.persons
        for image in person.images
    ]
