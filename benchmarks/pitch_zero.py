"""Whether a face's shape tells its own pitch zero: an experiment whose answer is no (docs/calibration.md, Head pose).

    python benchmarks/pitch_zero.py [--heads 24] [--seed 5]

Renders heads of random proportions in nine poses each and reads their pitch. A head's offset is its mean pitch error.
It is then predicted from measures of the mesh turned straight, each head left out: once from the head's mean measures,
where the poses average to straight ahead, and once frame by frame with the measured pitch given, which is what a video
of somebody who looks down all the time would have to go by.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from visualbase import Frame
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.face_detect.pose import turned_straight

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples"))

from rendering.people import Look, Proportions, fitted, make_riders, second_rider  # noqa: E402
from rendering.photograph import DEFAULT_PATH, load_photograph  # noqa: E402
from rendering.plan import Moment  # noqa: E402
from rendering.scene import Rider, Stage  # noqa: E402

Floats = NDArray[np.float64]
POSES = [(yaw, pitch) for yaw in (-20.0, 0.0, 20.0) for pitch in (-15.0, 0.0, 15.0)]
PLAIN = Look(skin_gamma=1.0, tint=(1, 1, 1), hair=1.0, beard=1.0, brows=1.0, under_eyes=1.0, lines=0.0)
RIDGE = 0.01
MEASURES = ("nose length", "nose relief", "chin", "height", "jaw", "width", "eyes' relief", "temples' height")


@dataclass(frozen=True)
class Seen:
    """One head in one pose: its number, true and measured pitch in degrees, and the mesh's measures."""

    head: int
    true: float
    read: float
    shape: Floats


def measures(mesh: Floats) -> Floats:
    """`MEASURES` of a (468, 3) mesh, over the outer-eye distance."""
    head = turned_straight(mesh)
    if head is None:
        raise ValueError("the mesh has no extent")
    head = head / np.linalg.norm(head[33] - head[263])
    width = [np.linalg.norm(head[a] - head[b]) for a, b in ((172, 397), (127, 356))]
    heights = [head[a, 1] - head[b, 1] for a, b in ((168, 2), (2, 152), (10, 152))]
    eyes, temples = head[[33, 263], 2].mean(), head[[127, 356], 1].mean()
    return np.array([heights[0], head[1, 2], heights[1], heights[2], *width, eyes, temples])


def riders(count: int, seed: int) -> list[Rider]:
    """The first rider, the second, and others of random proportions, half of them as strong as the second's."""
    picture, rng = load_photograph(), np.random.default_rng(seed)
    mesh, _ = fitted(picture)
    first, standard = make_riders(picture, 1)[0], Proportions()
    made = [first, second_rider(first, mesh)]
    for index in range(count - 2):
        reach = {f.name: (1.0 if index % 2 else 0.5) * abs(getattr(standard, f.name)) for f in fields(Proportions)}
        changed = Proportions(**{name: float(rng.uniform(-most, most)) for name, most in reach.items()})
        made.append(second_rider(first, mesh, changed, PLAIN if index % 3 else None))
    return made


def seen(heads: list[Rider]) -> list[Seen]:
    """Every head in every pose, as the real module reads it."""
    found = []
    with FaceDetectionAnalyzer(embed=False, appearance=False) as module:
        for number, rider in enumerate(heads):
            stage = Stage([rider], 0)
            for yaw, pitch in POSES:
                picture, _ = stage.frame(1.0, [Moment(yaw=yaw, pitch=pitch)])
                faces = module.process(Frame.from_array(picture, frame_id=0, t_src_ns=0)).data.detected_faces
                for face in faces[:1]:
                    found.append(Seen(number, pitch, face.pitch, measures(face.mesh)))
    return found


def predicted(known: Floats, wanted: Floats, groups: NDArray[np.intp]) -> Floats:
    """Ridge regression of `wanted` (n,) on `known` (n, k), each group predicted from the others."""
    result = np.zeros(len(wanted))
    for group in np.unique(groups):
        others = groups != group
        middle, spread = known[others].mean(axis=0), known[others].std(axis=0)
        rows = np.column_stack([(known - middle) / spread, np.ones(len(known))])
        penalty = RIDGE * others.sum() * np.diag([1.0] * known.shape[1] + [0.0])
        weights = np.linalg.solve(rows[others].T @ rows[others] + penalty, rows[others].T @ wanted[others])
        result[~others] = rows[~others] @ weights
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, default=24)
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    if not DEFAULT_PATH.is_file():
        print(f"skipped: no photograph at {DEFAULT_PATH}; run: make .venv/sample/astronaut.png")
        return 0
    cv2.setNumThreads(1)
    rows = seen(riders(max(4, given.heads), given.seed))
    head, shape = np.array([r.head for r in rows]), np.array([r.shape for r in rows])
    true, read = np.array([r.true for r in rows]), np.array([r.read for r in rows])
    numbers = np.unique(head)

    def means(values: Floats) -> Floats:
        return np.array([values[head == number].mean(axis=0) for number in numbers])

    offset = means(read - true)
    print(f"{len(numbers)} heads: offset {offset.mean():+.2f}, standard deviation {offset.std():.2f} degrees")
    for index, name in enumerate(MEASURES):
        follows = [np.corrcoef(true[head == number], shape[head == number, index])[0, 1] for number in numbers]
        print(f"  {name:16} follows the pitch within a head at a correlation of {np.mean(follows):+.2f}")
    rest = offset - predicted(means(shape), offset, numbers)
    print(f"  from mean measures, looking straight ahead on average: {np.sqrt((rest**2).mean()):.2f} degrees left")
    rest = offset - means(predicted(np.column_stack([shape, read]), read - true, head))
    print(f"  frame by frame, the measured pitch given: {np.sqrt((rest**2).mean()):.2f} degrees left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
