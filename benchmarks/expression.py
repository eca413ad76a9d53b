"""Measures face.expression on labelled pictures: balanced accuracy at the document's cut points, and time per face.

    .venv/bin/python benchmarks/expression.py [--raw FILE.csv]

The labels below were given by eye to seconds of the test videos and to photos by position; the portraits' labels are
in their file names. Transitions and doubtful expressions carry no label; blinks were looked for around low readings.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from visualbase import Frame
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.face_expression import ExpressionAnalyzer
from vpx.face_expression.calibration import CUT

DATA = Path(os.environ.get("IDENTITY_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
Spans = dict[str, list[tuple[float, float]]]

STEP = {"franck": 6, "cap12": 6, "hand_over_mouth": 3, "carphone": 3}

SMILE: Spans = {
    "franck": [(1.5, 3.75), (55, 57.25), (84.5, 88.75), (97.75, 101.5), (107, 110.5), (113, 116.75), (151, 171.5),
               (174.5, 176), (179.5, 183.5)],
    "hand_over_mouth": [(10.3, 11.4), (12.3, 19.7)],
}  # fmt: skip
NO_SMILE: Spans = {
    "franck": [(5, 6.75), (8, 17.5), (21, 45), (58.5, 76), (79.25, 83.5), (90.5, 96.5), (119.5, 149), (186.5, 200)],
    "cap12": [(0, 7), (10.2, 60)],
    "hand_over_mouth": [(0, 0.5)],
    "carphone": [(0, 10)],
}
PRESSED_GRIMACE: Spans = {"hand_over_mouth": [(0.6, 2.35)]}
MOUTH_OPEN: Spans = {
    "cap12": [(4.2, 4.9), (11.2, 12.1), (13.4, 14.85), (15.7, 15.8), (16.4, 16.9), (17.4, 17.9), (18.5, 18.85)],
}
LAUGH: Spans = {
    "franck": [(1.75, 3.5), (88, 88.2), (99, 99.5), (113, 115), (151, 160.5), (164, 172), (180, 183)],
    "hand_over_mouth": [(10.3, 11.5), (12.2, 19.7)],
}
MOUTH_CLOSED: Spans = {
    "franck": [(5, 6.75), (8, 30), (32, 42.5), (51, 73), (76, 81.5), (84.5, 87.5), (90.5, 98.5), (119.5, 131),
               (139, 149), (192.5, 200)],
    "cap12": [(0, 4.1), (5.2, 5.9), (9.95, 11.1), (12.5, 13.1), (14.95, 15.45), (17.05, 17.35), (19.4, 43)],
    "hand_over_mouth": [(0, 2.3)],
}  # fmt: skip
CLOSED_AT = {
    "franck": [9.25, 9.5, 9.75, 10.0, 10.25, 10.5, 10.75, 11.0, 49.75, 51.5, 58.0, 59.5, 71.5, 72.5, 73.5, 78.5, 80.25,
               91.0, 98.75, 100.5, 108.0, 115.5, 122.0, 127.75, 130.0, 144.25, 159.25, 159.5, 159.75, 160.0, 167.25,
               167.5, 169.0, 169.25, 173.0, 184.25],
}  # fmt: skip
HALF_CLOSED_AT = {
    "cap12": [25.68],
    "franck": [36.75, 44.5, 45.0, 66.5, 131.25, 134.5, 146.0, 174.25, 176.25, 189.0, 192.0, 199.5],
}
EYES_CLOSED: Spans = {"hand_over_mouth": [(0.6, 3.9), (18.35, 19.7)]}
EYES_DOUBTFUL: Spans = {"hand_over_mouth": [(4.0, 5.95), (11.85, 12.15), (15.95, 16.3), (17.7, 17.95)]}

PHOTO_SMILES = {"0.9", "1.4", "1.5", "1.6", "1.8", "1.9", "2.3", "2.5", "3.3", "3.6", "3.7", "3.8", "4.5"}
PHOTO_EYES_DOUBTFUL = {"4.3"}
PHOTO_DOUBTFUL = {"0.0", "0.1", "0.3", "1.2", "1.3", "2.6", "2.7", "3.1", "3.2"}


@dataclass(frozen=True)
class Sample:
    """One measured face: where it comes from, its labels, and the module's signals."""

    source: str
    place: str
    smile: str
    mouth: str
    eyes: str
    signals: dict[str, float]


def _within(spans: Spans, source: str, seconds: float) -> bool:
    return any(start <= seconds <= end for start, end in spans.get(source, ()))


def _at(times: dict[str, list[float]], source: str, seconds: float) -> bool:
    return any(abs(seconds - t) < 0.02 for t in times.get(source, ()))


def _video_labels(source: str, t: float) -> tuple[str, str, str]:
    smile = "yes" if _within(SMILE, source, t) else "no" if _within(NO_SMILE, source, t) else ""
    smile = "grimace" if _within(PRESSED_GRIMACE, source, t) else smile
    mouth = "open" if _within(MOUTH_OPEN, source, t) else "laugh" if _within(LAUGH, source, t) else ""
    mouth = mouth or ("closed" if _within(MOUTH_CLOSED, source, t) else "")
    if _within(EYES_CLOSED, source, t) or _at(CLOSED_AT, source, t):
        return smile, mouth, "closed"
    doubtful = _within(EYES_DOUBTFUL, source, t) or _at(HALF_CLOSED_AT, source, t)
    return smile, mouth, "" if doubtful else "open"


def _portrait_labels(kind: str) -> tuple[str, str, str]:
    eyes = {"sleepy": "closed", "wink": "wink"}.get(kind, "open")
    return ("yes" if kind == "happy" else "no"), {"surprised": "open", "happy": "laugh"}.get(kind, "closed"), eyes


def _grey_gif(path: Path) -> np.ndarray:
    """(h, w, 3) uint8 of a GIF's first frame."""
    capture = cv2.VideoCapture(str(path))
    ok, picture = capture.read()
    capture.release()
    if not ok:
        raise OSError(f"cannot read {path.name}")
    return picture


def _pictures() -> Iterator[tuple[str, str, tuple[str, str, str], np.ndarray]]:
    for path in sorted((DATA / "photos" / "expression").glob("*.gif")):
        kind = path.stem.split(".")[1]
        yield "portraits", path.stem, _portrait_labels(kind), _grey_gif(path)
    for person, folder in enumerate(sorted((DATA / "photos" / "identity").glob("*"))):
        for number, path in enumerate(sorted(folder.glob("*.jpg"))):
            place = f"{person}.{number}"
            smile = "yes" if place in PHOTO_SMILES else "" if place in PHOTO_DOUBTFUL else "no"
            eyes = "" if place in PHOTO_EYES_DOUBTFUL else "open"
            yield "photos", place, (smile, "", eyes), cv2.imread(str(path))
    for source, step in STEP.items():
        capture = cv2.VideoCapture(str(DATA / "videos" / f"{source}.mp4"))
        fps, index = capture.get(cv2.CAP_PROP_FPS), 0
        while capture.grab():
            if index % step == 0:
                seconds = index / fps
                yield source, f"{seconds:.2f}", _video_labels(source, seconds), capture.retrieve()[1]
            index += 1
        capture.release()


def measure() -> tuple[list[Sample], dict[str, float]]:
    """All samples, and mean milliseconds per step."""
    samples: list[Sample] = []
    spent: dict[str, list[float]] = {}
    with FaceDetectionAnalyzer() as detector, ExpressionAnalyzer() as module:
        for number, (source, place, labels, picture) in enumerate(_pictures()):
            detector.reset()
            frame = Frame.from_array(picture, frame_id=number, t_src_ns=number * 10**9)
            found = detector.process(frame)
            result = module.process(frame, {"face.detect": found}) if found is not None else None
            faces = result.data.faces if result is not None else []
            if not faces:
                continue
            largest = max(faces, key=lambda face: face.bbox[2] * face.bbox[3])
            samples.append(Sample(source, place, *labels, dict(largest.signals)))
            for step, ms in (result.timing or {}).items():
                spent.setdefault(step, []).append(ms / len(faces))
    return samples, {step: float(np.mean(values)) for step, values in spent.items()}


def _share(samples: list[Sample], label: str, value: str, key: str, holds_below: bool) -> tuple[int, int]:
    """(hits, known) of the condition among samples with this label."""
    known = [s.signals[key] for s in samples if getattr(s, label) == value and key in s.signals]
    return sum((v < CUT) == holds_below for v in known), len(known)


def report(samples: list[Sample]) -> None:
    """Print one line per source and condition."""
    conditions = (
        ("smile", "smile_intensity", "yes", ("no",), ("grimace",), False),
        ("mouth", "mouth_open_ratio", "open", ("closed", "laugh"), (), False),
        ("eyes", "eye_open_ratio", "closed", ("open",), ("wink",), True),
    )
    for label, key, positive, negatives, others, below in conditions:
        print(f"\n{key}: condition holds / known samples")
        for source in [*dict.fromkeys(s.source for s in samples), "all"]:
            chosen = [s for s in samples if source in (s.source, "all")]
            cells, rates = [], {}
            for value in (positive, *negatives, *others):
                hits, known = _share(chosen, label, value, key, below)
                cells.append(f"{value} {hits}/{known}")
                rates[value] = (hits, known)
            wrong = [rates[n] for n in negatives]
            total = sum(n for _, n in wrong)
            accuracy = ""
            if rates[positive][1] and total:
                right = rates[positive][0] / rates[positive][1]
                accuracy = f"balanced accuracy {(right + 1 - sum(h for h, _ in wrong) / total) / 2:.3f}"
            print(f"  {source:16} {'  '.join(cells):52} {accuracy}")


def main() -> int:
    """Run the benchmark; 0 also where the test material is absent, with a line that says so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, help="write every sample with its raw measures to this CSV file")
    arguments = parser.parse_args()
    if not (DATA / "videos").is_dir():
        print(f"skipped: no test material at {DATA} (set IDENTITY_TEST_DATA)")
        return 0
    samples, timing = measure()
    report(samples)
    print("\nms per face: " + "  ".join(f"{step} {ms:.2f}" for step, ms in sorted(timing.items())))
    if arguments.raw:
        keys = sorted({key for s in samples for key in s.signals})
        with arguments.raw.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["source", "place", "smile", "mouth", "eyes", *keys])
            for s in samples:
                writer.writerow([s.source, s.place, s.smile, s.mouth, s.eyes, *(s.signals.get(k, "") for k in keys)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
