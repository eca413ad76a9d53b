"""A synthetic ride with exact truth: people as vectors on the sphere, faces that move, turn and smile, and a driver.

Two scales of Face-ID similarity: dlib's (one person ~.96, two people ~.85) and ArcFace's (one ~.65, two ~.05). Looking
aside bends every embedding towards one common direction, as real models do.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from vpx_identity_builder.builder import Encoder, IdentitySetBuilder
from vpx_identity_builder.core import geometry
from vpx_identity_builder.core.config import Config, NoveltyScale, StopConfig
from vpx_identity_builder.core.results import ChosenImage, PersonSet, RunResult, StopReason
from vpx_identity_builder.core.types import Box, FaceSample, IntBox

from .strategies import SECOND, sample, unit

VISION = NoveltyScale(threshold=0.15, plateau=0.05)
VISION_DIM = 48
READ_ALL = Config(stop=StopConfig(stop_when_covered=False))


@dataclass(frozen=True)
class Scale:
    """Similarities of one Face-ID model: `same` between two good frames of a person, `other` between two people."""

    name: str
    dim: int
    same: float
    other: float
    profile: float
    """Length of the common direction added at 90 degrees of yaw."""


DLIB = Scale("dlib-resnet-128", 128, 0.965, 0.88, 0.25)
ARCFACE = Scale("arcface-512", 512, 0.65, 0.08, 0.6)
SCALES = (DLIB, ARCFACE)


@dataclass(frozen=True)
class Look:
    """How a face looks in one frame."""

    yaw: float = 0.0
    pitch: float = 0.0
    smile: float = 0.0
    mouth: float = 0.0
    eyes: float = 1.0
    other_eye: float | None = None
    occlusion: float = 0.0
    brightness: float = 120.0
    sharpness: float = 200.0


@dataclass(frozen=True)
class Seen:
    """A detected face and who it truly is."""

    who: int
    face: FaceSample


@dataclass(frozen=True)
class Shot:
    """One frame."""

    t_ns: int
    seen: tuple[Seen, ...]


class World:
    """People with fixed identities; every face is a pure function of (person, frame number)."""

    def __init__(self, scale: Scale, people: int = 3, seed: int = 7, fps: float = 10.0) -> None:
        self.scale, self.seed, self.fps = scale, seed, fps
        rng = np.random.default_rng(seed)
        basis = np.linalg.qr(rng.normal(size=(scale.dim, people + 2)))[0].T
        common, self._aside = basis[0], basis[1]
        self._people = [math.sqrt(scale.other) * common + math.sqrt(1 - scale.other) * own for own in basis[2:]]
        self._vision = np.linalg.qr(rng.normal(size=(VISION_DIM, VISION_DIM)))[0]

    def look(self, who: int, index: int) -> Look:
        """A lively rider: turns within 50 degrees, nods, smiles, speaks and blinks in turn."""
        t = index / self.fps + 3.1 * who
        phase = int(t / 2.3) % 5
        return Look(
            yaw=50 * math.sin(2 * math.pi * t / 17),
            pitch=28 * math.sin(2 * math.pi * t / 11 + 1),
            smile=0.8 if phase == 1 else 0.05,
            mouth=0.6 if phase == 2 else 0.05,
            eyes=0.1 if phase == 3 and t % 2.3 < 0.4 else 0.9,
            sharpness=200 + 60 * math.sin(2 * math.pi * t / 5),
        )

    def identity(self, who: int, index: int, yaw: float) -> np.ndarray:
        """Face-ID embedding of a person in one frame."""
        noise = self._noise(who, index, self.scale.dim)
        aside = self.scale.profile * math.sin(math.radians(abs(yaw))) ** 2 * self._aside
        return unit(math.sqrt(self.scale.same) * self._people[who] + math.sqrt(1 - self.scale.same) * noise + aside)

    def vision(self, who: int, index: int, look: Look) -> np.ndarray:
        """General vision embedding: who, pose, expression, light, and a little noise."""
        axes = self._vision
        noise = self._noise(who + 100, index, VISION_DIM)
        return unit(
            axes[who]
            + 1.2 * math.sin(math.radians(look.yaw)) * axes[10]
            + 1.2 * math.sin(math.radians(look.pitch)) * axes[11]
            + 0.6 * (look.smile * axes[12] + look.mouth * axes[13] + (1 - look.eyes) * axes[14])
            + 0.6 * (look.brightness / 120 - 1) * axes[15]
            + 0.6 * look.occlusion * axes[16]
            + 0.05 * noise
        )

    def random_identity(self, who: int, index: int) -> np.ndarray:
        """An embedding of nobody: what a failed alignment gives."""
        return unit(self._noise(who + 200, index, self.scale.dim))

    def face(
        self,
        who: int,
        index: int,
        seat: tuple[float, float] = (400.0, 340.0),
        size: float = 130.0,
        look: Look | None = None,
        face_id: int | None = None,
        spoilt: bool = False,
    ) -> Seen:
        """One detected face around a seat, shaken by the ride."""
        look = look or self.look(who, index)
        x = seat[0] + 12 * math.sin(index / 9 + who)
        y = seat[1] + 6 * math.sin(index / 4 + who)
        box = (x - size / 2, y - 0.6 * size, x + size / 2, y + 0.6 * size)
        face = sample(
            t_ns=self.time(index),
            bbox=box,
            yaw=look.yaw,
            pitch=look.pitch,
            smile=look.smile,
            mouth=look.mouth,
            eyes=look.eyes,
            occlusion=look.occlusion,
            brightness=look.brightness,
            sharpness=look.sharpness,
            face_id=who if face_id is None else face_id,
            e_id=self.random_identity(who, index) if spoilt else self.identity(who, index, look.yaw),
            vis=self.vision(who, index, look),
        )
        return Seen(who, replace(face, expression=replace(face.expression, eye_open_least=look.other_eye)))

    def time(self, index: int) -> int:
        """Time of a frame."""
        return round(index * SECOND / self.fps)

    def shot(self, index: int, *seen: Seen) -> Shot:
        """A frame with these faces."""
        return Shot(self.time(index), seen)

    def _noise(self, who: int, index: int, dim: int) -> np.ndarray:
        values = np.random.default_rng((self.seed, who, index)).normal(size=dim)
        return values / np.linalg.norm(values)


@dataclass(frozen=True)
class Run:
    """A finished run with the truth of every face."""

    result: RunResult
    builder: IdentitySetBuilder
    truth: dict[tuple[int, Box], int]
    sightings: Counter[int]
    counts: list[int] = field(default_factory=list)

    def owner(self, person: PersonSet) -> int:
        """Whom most of a published person's images show."""
        return Counter(self.shown(image) for image in person.images).most_common(1)[0][0]

    def shown(self, image: ChosenImage) -> int:
        """Whose face an image was made of."""
        face = image.candidate.sample
        return self.truth[(face.t_ns, face.bbox)]

    @cached_property
    def impure(self) -> list[tuple[int, str]]:
        """(person id, image) of all images that show somebody else, or hold a second face."""
        return [
            (person.person_id, image.name)
            for person in self.result.persons
            for image in person.images
            if self.shown(image) != self.owner(person)
            or json.loads(image.candidate.image)["whole"] != [self.owner(person)]
            or json.loads(image.candidate.image)["touched"] != [self.owner(person)]
        ]

    def completeness(self, person: PersonSet) -> float:
        """Frames counted for a published person, of those in which it was detected."""
        return person.frames_seen / self.sightings[self.owner(person)]


def tag(shot: Shot) -> Encoder:
    """Encodes a crop as JSON: its frame, its box, whose faces lie in it wholly and whose by more than a quarter."""

    def encode(crop: IntBox) -> bytes:
        inside = [
            (seen.who, geometry.intersection(crop, seen.face.bbox) / geometry.area(seen.face.bbox))
            for seen in shot.seen
        ]
        return json.dumps(
            {
                "t_ns": shot.t_ns,
                "crop": crop,
                "whole": sorted(who for who, share in inside if share > 0.999),
                "touched": sorted(who for who, share in inside if share > 0.25),
            }
        ).encode()

    return encode


def drive(
    shots: Iterable[Shot],
    config: Config = READ_ALL,
    builder: IdentitySetBuilder | None = None,
    watch: Callable[[IdentitySetBuilder], int] | None = None,
) -> Run:
    """Feed all shots to a builder and finish."""
    builder = builder or IdentitySetBuilder(config, face_novelty=VISION, body_novelty=VISION)
    truth: dict[tuple[int, Box], int] = {}
    sightings: Counter[int] = Counter()
    counts = []
    for shot in shots:
        for seen in shot.seen:
            truth[(shot.t_ns, seen.face.bbox)] = seen.who
            sightings[seen.who] += 1
        builder.add(shot.t_ns, [seen.face for seen in shot.seen], tag(shot))
        if watch is not None:
            counts.append(watch(builder))
    return Run(builder.finish(StopReason.END_OF_VIDEO), builder, truth, sightings, counts)


def fingerprint(result: RunResult) -> list[tuple[object, ...]]:
    """What a published result consists of, comparable with ==."""
    return [
        (person.person_id, round(person.track_score, 9), person.frames_seen, image.name, image.candidate.image)
        for person in result.persons
        for image in person.images
    ]


def reordered(shots: Sequence[Shot], order: Callable[[Sequence[Seen]], Sequence[Seen]]) -> list[Shot]:
    """The same shots with the faces of each frame in another order."""
    return [replace(shot, seen=tuple(order(shot.seen))) for shot in shots]
