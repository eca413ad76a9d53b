"""Rebuild `cover_look.npz` of the builder's core: the network that tells covers from a face's look alone.

    python benchmarks/make_cover_look.py --out cover_look.npz [--workers N] [PICTURE ...]

Faces are those of the test material (photos and clips in which nothing covers them; hand_over_mouth, cap12 and
dark_stage take no part), of a rendered ride, and of the PICTUREs: the samples that `make_clear_face.py` names. Each is
painted over with what `occluders.py` and `lookalikes.py` hold and goes through face.detect anew. Only weights are
stored. Prints what people left out of the training show, then trains on everybody.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import real_faces
from lookalikes import LOOKALIKES, filmed, unlit
from network import Weights, log_odds_of, trained
from occluders import OCCLUDERS, Picture
from visualbase import Frame
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.face_detect.appearance import FACE_CELLS, GRID, LATTICE, frontal, lattice_placing

from vpx_identity_builder.core.cover_look import SURE, certainty, features
from vpx_identity_builder.core.moments import JUDGED_DEG

TIMES = {"hand": 5, "microphone": 4, "beard": 4, "shadow": 3, "lipstick": 1, "open mouth": 1}
"""How often each thing is painted on each face; the others twice."""
CLIPS = {
    "franck.mp4": ("franck", np.linspace(1, 190, 24)),
    "cap13.mp4": ("cap13", np.linspace(0.8, 30, 14)),
    "turns.mp4": ("turns", np.linspace(0.2, 7.8, 10)),
    "carphone.mp4": ("carphone", np.linspace(0.1, 3.9, 6)),
    "foreman.mp4": ("foreman", np.linspace(0.1, 5.9, 8)),
    "noface_face.mov": ("noface", np.linspace(3.5, 6.3, 6)),
}
RIDE = "ride1_*.json"
RIDE_STEP = 13
FACE_PX, LEAST_PX, LEAST_CONFIDENCE = 120, 36, 0.6
ALSO_LOOKALIKE, ALSO_DIM = 0.25, 0.08
"""How often a covered face also wears something, and how often any picture is dark."""
HALF_COVERED, TWO_CELLS = 0.5, 2
FOLDS = 5


@dataclass(frozen=True)
class Source:
    """One picture of somebody: a file, or a frame of a video by its time in ms."""

    person: str
    path: str
    at_ms: float | None = None

    def picture(self) -> Picture | None:
        if self.at_ms is None and not self.path.endswith(".gif"):
            return cv2.imread(self.path)
        capture = cv2.VideoCapture(self.path)
        if self.at_ms is not None:
            capture.set(cv2.CAP_PROP_POS_MSEC, self.at_ms)
        return capture.read()[1]


@dataclass(frozen=True)
class Example:
    """One painted face: who, what was painted, its description (cells, channels + 1), each cell's covered share."""

    person: str
    kind: str
    appearance: np.ndarray
    covered: np.ndarray


def sources(pictures: list[Path]) -> Iterator[Source]:
    photos = real_faces.DATA / "photos"
    for path in sorted(photos.glob("identity/*/*.jpg")):
        yield Source(path.parent.name, str(path))
    for path in sorted(photos.glob("expression/*.gif")):
        yield Source(path.stem.split(".")[0], str(path))
    for path in sorted(photos.glob("pose/*.jpg")):
        yield Source(path.stem, str(path))
    for file, (person, seconds) in CLIPS.items():
        for second in seconds:
            yield Source(person, str(real_faces.DATA / "videos" / file), 1000 * float(second))
    for truth in sorted(real_faces.CACHE.glob(RIDE)):
        frames = json.loads(truth.read_text())
        clear = [frame for frame in frames["frames"] if frame["riders"][0]["occluder"] is None]
        for frame in clear[::RIDE_STEP]:
            yield Source("rendered", str(truth.with_suffix(".mp4")), 1000 * frame["t_s"])
    for path in pictures:
        yield Source("", str(path))


class Painter:
    """Paints on the faces of pictures and describes the results."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self._detector = FaceDetectionAnalyzer(embed=False)
        self._detector.initialize()
        with resources.files("vpx.face_detect").joinpath("clear_face.npz").open("rb") as file:
            self._placing = lattice_placing(np.load(file)["layout"].astype(np.float64))

    def examples(self, source: Source) -> list[Example]:
        picture = source.picture()
        if picture is None:
            return []
        faces = [f for f in self._faces(picture) if f.bbox[2] >= LEAST_PX and f.confidence > LEAST_CONFIDENCE]
        faces.sort(key=lambda face: -face.bbox[2])
        found = []
        for number, face in enumerate(faces if not source.person else faces[:1]):
            person = source.person or f"{Path(source.path).name} {number}"
            seed = zlib.crc32(f"{Path(source.path).name} {source.at_ms} {number}".encode())
            found += self._painted(person, around(picture, face.bbox), np.random.default_rng(seed))
        return found

    def _faces(self, picture: Picture) -> list:
        self._detector.reset()
        frame = Frame.from_array(np.ascontiguousarray(picture), frame_id=0, t_src_ns=0)
        found = self._detector.process(frame).data.detected_faces
        return [face for face in found if face.appearance is not None]

    def _middle_face(self, picture: Picture):
        """The face nearest to the middle of the picture; None where none is near."""
        middle = np.array(picture.shape[1::-1]) / 2
        distances = [
            (float(np.linalg.norm(np.array(f.bbox[:2]) + np.array(f.bbox[2:]) / 2 - middle)), index, f)
            for index, f in enumerate(self._faces(picture))
        ]
        nearest = min(distances, default=None)
        return nearest[2] if nearest is not None and nearest[0] < FACE_PX / 2 else None

    def _painted(self, person: str, picture: Picture, rng: np.random.Generator) -> list[Example]:
        face = self._middle_face(picture)
        if face is None:
            return []
        points, found = face.mesh[:, :2].astype(np.float64), []
        for kind in [name for name in (*LOOKALIKES, *OCCLUDERS) for _ in range(TIMES.get(name, 2))]:
            alpha = np.zeros(picture.shape[:2], np.uint8)
            if kind in LOOKALIKES:
                shown = LOOKALIKES[kind](picture, points, rng)
            else:
                worn = str(rng.choice(list(LOOKALIKES))) if rng.random() < ALSO_LOOKALIKE else "clear"
                paint, alpha = OCCLUDERS[kind](picture, points, rng)
                alpha = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.5, 1.4))
                share = alpha[..., None] / 255
                shown = LOOKALIKES[worn](picture, points, rng) * (1 - share) + paint * share
            seen = filmed(shown, rng)
            if rng.random() < ALSO_DIM:
                seen = np.clip(unlit(seen, points, rng), 0, 255).astype(np.uint8)
            again = self._middle_face(seen)
            if again is not None and max(abs(again.yaw), abs(again.pitch)) <= JUDGED_DEG:
                found.append(Example(person, kind, again.appearance, self._cells(alpha, again.mesh)))
        return found

    def _cells(self, alpha: np.ndarray, mesh: np.ndarray) -> np.ndarray:
        """Covered share of each cell, where the mesh that was found on the painted face puts it."""
        places = (self._placing @ mesh[:, :2].astype(np.float64)).reshape(LATTICE, LATTICE, 2)
        shown = frontal(np.repeat(alpha[..., None], 3, axis=2), places)[..., 0] / 255
        side = shown.shape[0] // GRID
        return shown.reshape(GRID, side, GRID, side).mean(axis=(1, 3)).reshape(-1)[FACE_CELLS]


def around(picture: Picture, box: tuple[float, ...]) -> Picture:
    """A face with what surrounds it, in the middle, at the size at which it is painted on."""
    x, y, width, height = box
    side = max(width, height)
    scale = min(1.0, FACE_PX / side)
    size = round(2.8 * side)
    cut = cv2.getRectSubPix(picture, (size, size), (x + width / 2, y + height / 2))
    return cut if scale == 1 else cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _examples_of(source: Source) -> list[Example]:
    global _painter
    if _painter is None:
        _painter = Painter()
    return _painter.examples(source)


_painter: Painter | None = None


def rows_of(example: Example) -> np.ndarray:
    look = example.appearance.astype(np.float32)
    return features(look[:, :-1], look[:, -1], np.any(look[:, :-1] != 0, axis=1))


def trained_on(examples: list[Example], rows: np.ndarray) -> Weights:
    """A network trained on the cells of these that can be seen."""
    seen = np.array([np.any(example.appearance[:, :-1] != 0, axis=1) for example in examples])
    return trained(rows[seen], np.array([example.covered for example in examples], np.float32)[seen])


def certainties(weights: Weights, examples: list[Example], rows: np.ndarray) -> np.ndarray:
    odds = log_odds_of(weights, rows)
    unseen = np.array([~np.any(example.appearance[:, :-1] != 0, axis=1) for example in examples])
    odds[unseen] = np.nan
    return np.array([certainty(one) for one in odds])


def report(examples: list[Example], rows: np.ndarray) -> None:
    """What networks say of people whom they were not trained on."""
    people = sorted({example.person for example in examples})
    fold = {person: place % FOLDS for place, person in enumerate(np.random.default_rng(1).permutation(people))}
    folds = np.array([fold[example.person] for example in examples])
    sure = np.zeros(len(examples))
    for number in range(FOLDS):
        inside, left = np.flatnonzero(folds != number), np.flatnonzero(folds == number)
        weights = trained_on([examples[i] for i in inside], rows[inside])
        sure[left] = certainties(weights, [examples[i] for i in left], rows[left])
    kinds = np.array([example.kind for example in examples])
    large = np.array([(example.covered >= HALF_COVERED).sum() >= TWO_CELLS for example in examples])
    print(f"{len(examples)} pictures of {len(people)} people; share called covered, {FOLDS} times a part left out")
    for kind in (*LOOKALIKES, *OCCLUDERS):
        chosen = (kinds == kind) & (large | (kind in LOOKALIKES))
        print(f"  {kind:12} {chosen.sum():5}  {(sure[chosen] >= SURE).mean():.3f}")


def main() -> int:
    """Paint, report, train, store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    if not real_faces.available():
        return 0
    with ProcessPoolExecutor(given.workers) as pool:
        groups = list(pool.map(_examples_of, sources(sorted(given.pictures))))
    examples = [example for group in groups for example in group]
    rows = np.array([rows_of(example) for example in examples])
    report(examples, rows)
    weights = trained_on(examples, rows)
    np.savez_compressed(given.out, **weights.stored())
    print(f"{given.out}: {given.out.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    import make_cover_look  # what worker processes send must carry this module's real name

    sys.exit(make_cover_look.main())
