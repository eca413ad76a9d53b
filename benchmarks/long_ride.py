"""Memory of the builder over an hour of two riders at 30 frames per second: it must not grow with the video.

Feeds 108,000 synthetic frames of two lively faces (every embedding and appearance is new, every kept crop is 60 kB) and
prints at six marks the process's resident memory and the size of the builder's whole state, crops included, when
pickled, which goes up and down as slots of time fill and fuse. Run: `python benchmarks/long_ride.py [MINUTES]`; exit 1
where the state in the second half is over a quarter larger than in the first.
"""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from identity_cost import CONFIG, records

from vpx_identity_builder.builder import IdentitySetBuilder
from vpx_identity_builder.core.face_cells import ROWS
from vpx_identity_builder.core.results import StopReason
from vpx_identity_builder.core.types import FaceSample, IntBox

RIDE_FPS = 30
CHANNELS = 40
CROP_BYTES = 60_000
GROWTH = 1.25


def ride(frames: int) -> Iterator[tuple[int, list[FaceSample]]]:
    """Two faces per frame, side by side, each a different person of `records`."""
    rng = np.random.default_rng(2)
    left, right = records(frames, seed=1), records(frames, seed=5)
    for index in range(frames):
        t_ns = round(index / RIDE_FPS * 1e9)
        faces = []
        for face, shift_px in ((next(left), -350.0), (next(right), 150.0)):
            x1, y1, x2, y2 = face.bbox
            cells = rng.normal(size=(sum(ROWS), CHANNELS + 1)).astype(np.float32)
            moved = (x1 + shift_px, y1, x2 + shift_px, y2)
            faces.append(replace(face, t_ns=t_ns, frame_idx=index, bbox=moved, appearance=cells))
        yield t_ns, faces


def resident_mb() -> float:
    """Resident memory of this process in MB, from the kernel."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def image(_box: IntBox) -> bytes:
    """A crop of usual size; each is another object."""
    return bytes(bytearray(CROP_BYTES))


def main() -> int:
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    frames = minutes * 60 * RIDE_FPS
    marks = {frames * tenth // 6: tenth for tenth in range(1, 7)}
    builder = IdentitySetBuilder(CONFIG)
    start, sizes = time.process_time(), []
    print(f"{'minute':>6} {'RSS MB':>8} {'state MB':>9} {'CPU s':>7}  persons")
    for count, (t_ns, faces) in enumerate(ride(frames), 1):
        builder.add(t_ns, faces, image)
        if count in marks:
            sizes.append(len(pickle.dumps(builder)) / 1e6)
            spent = time.process_time() - start
            print(
                f"{count / RIDE_FPS / 60:6.1f} {resident_mb():8.1f} {sizes[-1]:9.2f} {spent:7.1f}  "
                f"{builder.progress().person_count}",
                flush=True,
            )
    result = builder.finish(StopReason.END_OF_VIDEO)
    print(f"published: {[len(person.images) for person in result.persons]} images")
    return 0 if max(sizes[3:]) <= GROWTH * max(sizes[:3]) else 1


if __name__ == "__main__":
    sys.exit(main())
