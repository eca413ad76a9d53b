"""Real faces made worse step by step: does the quality score ever rise?

    python benchmarks/quality.py [--ladder NAME] [--verbose]

Every face (moments of the videos, photos) goes through the ladders of `degradations.py` and each picture through
face.detect, `to_samples` and `quality_score`. What covers a face is judged against the person's clear moments, so only
faces from videos climb that ladder. A rise is counted against the lowest score before. A face that is not found any
more ends its ladder.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import real_faces
from degradations import LADDERS, Box, Picture, Step
from visualbase import FileSource, Frame, sample
from vpx.face_detect import FaceDetectionAnalyzer

from vpx_identity_builder.core.config import GateConfig
from vpx_identity_builder.core.gallery import Gallery
from vpx_identity_builder.core.geometry import iou
from vpx_identity_builder.core.occlusion import judged
from vpx_identity_builder.core.quality import components, quality_score
from vpx_identity_builder.core.types import FaceSample
from vpx_identity_builder.observations import to_samples

MOMENTS_S = {
    "two_riders_120s.mp4": (20.0, 70.0),
    "franck.mp4": (6.0, 60.0, 120.0),
    "cap12.mp4": (10.0, 25.0, 45.0),
    "cap13.mp4": (5.0, 15.0, 25.0),
    "hand_over_mouth.mp4": (1.0, 11.0, 15.0),
    "foreman.mp4": (0.5, 3.0),
    "turns.mp4": (0.3, 2.0),
    "carphone.mp4": (1.0, 3.0),
    "noface_face.mov": (4.5, 5.5),
    "dark_stage.mp4": (1.0,),
}
SEVERAL_PEOPLE = "dark_stage.mp4"
GALLERY_FPS, GALLERY_S = 2, 30
PHOTOS_EACH = 2
LEAST_OVERLAP = 0.3
LARGE_RISE = 0.02


@dataclass(frozen=True)
class Start:
    """A face to make worse: its picture, its box, and the person's clear moments if known."""

    name: str
    picture: Picture
    box: Box
    gallery: Gallery


def main() -> int:
    """Run the benchmark; 0 also where the test material is absent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ladder", choices=list(LADDERS), help="only this one")
    parser.add_argument("--verbose", action="store_true", help="every step of every face")
    given = parser.parse_args()
    if not real_faces.available():
        return 0
    with FaceDetectionAnalyzer(embed=False) as detector:
        starts = list(_starts(detector))
        print(
            f"{'':14} {'faces':>5} {'lost':>5}  median score by step; rises over {LARGE_RISE} of score, and the largest"
        )
        for name, ladder in LADDERS.items():
            if given.ladder in (None, name):
                _climb(detector, starts, name, ladder, given.verbose)
    return 0


def _climb(
    detector: FaceDetectionAnalyzer, starts: list[Start], name: str, ladder: tuple[Step, ...], verbose: bool
) -> None:
    rows, rises, lost = [], [], 0
    for start in starts:
        if name == "covered" and start.gallery.moments is None:
            continue
        scores, notes = [], []
        for step in ladder:
            picture = step(start.picture, start.box)
            found = _score(detector, start, picture, picture.shape[1] / start.picture.shape[1])
            if found is None:
                lost += 1
                break
            scores.append(found[0])
            notes.append(found[1])
        rows.append(scores + [np.nan] * (len(ladder) - len(scores)))
        rise = max([0.0, *(b - min(scores[: i + 1]) for i, b in enumerate(scores[1:]))])
        rises.append((rise, start.name))
        if verbose:
            print(f"   {start.name:22} rise {rise:.3f}  " + " ".join(f"{s:.3f}" for s in scores))
            if rise > LARGE_RISE:
                for note in notes:
                    print("      ", note)
    rises.sort(reverse=True)
    medians = " ".join(f"{value:.2f}" for value in np.nanmedian(np.array(rows), axis=0))
    large = sum(rise > LARGE_RISE for rise, _ in rises)
    print(f"{name:14} {len(rows):5} {lost:5}  {medians:62} {large:3}  {rises[0][0]:.3f} {rises[0][1]}", flush=True)


def _score(
    detector: FaceDetectionAnalyzer, start: Start, picture: Picture, scale: float
) -> tuple[float, dict[str, float]] | None:
    """Quality of the same face in another picture, with its components; None where it is not found."""
    found = _nearest(_samples(detector, picture), tuple(side * scale for side in start.box))
    if found is None:
        return None
    face = judged(found, start.gallery)
    parts = {key: round(value, 3) for key, value in components(face, GateConfig()).items()}
    return quality_score(face, GateConfig()), parts


def _samples(detector: FaceDetectionAnalyzer, picture: Picture, t_ns: int = 0) -> tuple[FaceSample, ...]:
    detector.reset()
    frame = Frame.from_array(picture, frame_id=0, t_src_ns=t_ns)
    return to_samples(frame, {"face.detect": detector.process(frame)}, frame_idx=0, t_ns=t_ns).samples


def _nearest(samples: tuple[FaceSample, ...], box: tuple[float, ...]) -> FaceSample | None:
    best = max(samples, key=lambda face: iou(face.bbox, box), default=None)
    return best if best is not None and iou(best.bbox, box) >= LEAST_OVERLAP else None


def _starts(detector: FaceDetectionAnalyzer) -> Iterator[Start]:
    for file, moments in MOMENTS_S.items():
        path, gallery = real_faces.DATA / "videos" / file, None
        capture = cv2.VideoCapture(str(path))
        for seconds in moments:
            capture.set(cv2.CAP_PROP_POS_MSEC, seconds * 1000)
            ok, picture = capture.read()
            largest = max(_samples(detector, picture) if ok else (), key=lambda s: s.measures.face_px, default=None)
            if largest is not None:
                gallery = gallery or (_gallery(detector, path, largest) if file != SEVERAL_PEOPLE else Gallery())
                yield Start(f"{path.stem} {seconds:g} s", picture, largest.bbox, gallery)
        capture.release()
    for folder in sorted((real_faces.DATA / "photos" / "identity").glob("*")):
        for path in sorted(folder.glob("*.jpg"))[:PHOTOS_EACH]:
            picture = cv2.imread(str(path))
            largest = max(_samples(detector, picture), key=lambda s: s.measures.face_px, default=None)
            if largest is not None:
                yield Start(path.stem, picture, largest.bbox, Gallery())


def _gallery(detector: FaceDetectionAnalyzer, path: Path, face: FaceSample) -> Gallery:
    """The moments of whoever is in this place of the picture, twice a second."""
    gallery, middle = Gallery(), face.frame_size_px[0] / 2
    side = face.bbox[0] < middle
    with FileSource(path) as source:
        for frame in sample(source, GALLERY_FPS):
            if frame.t_src_ns > GALLERY_S * 1e9:
                break
            found = _samples(detector, frame.data, frame.t_src_ns)
            for one in found:
                if len(found) == 1 or (one.bbox[0] < middle) == side:
                    gallery = gallery.add(one)
    return gallery


if __name__ == "__main__":
    sys.exit(main())
