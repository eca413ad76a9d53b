"""Whom of many remembered persons an embedding shows: cost and exactness of `core/memory_gallery.py`.

    python benchmarks/memory.py [PERSONS]

A gallery of PERSONS (100,000) with ten nodes each, on both Face-ID scales, and 2,000 queries: new frames of random
persons. People lie as far apart, and nodes and frames of one person as near, as the test suite's synthetic rides have
them. Per gallery: building, memory, recall@1 against comparing all nodes exactly, time per query, and how long
comparing all takes. Exit 1 where recall@1 is below .999 or the median CPU time is over 50 ms.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from vpx_identity_builder.core.config import FACE_ID_MODELS, FaceIdModel
from vpx_identity_builder.core.memory_gallery import Gallery

NODES = 10
QUERIES = 2_000
SPREAD_OUT = 5_000
"""Persons made at once: bounds the memory that making them takes."""
RECALL, MILLISECONDS = 0.999, 50.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Cosines of one Face-ID model: between two good frames of a person, and between two people."""

    model: FaceIdModel
    same: float
    other: float


SCALES = (Scale(FACE_ID_MODELS[0], 0.65, 0.08), Scale(FACE_ID_MODELS[1], 0.965, 0.85))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def noise(rng, *shape):
    return unit(rng.standard_normal(shape, dtype=np.float32))


def frames(rng, scale, people):
    """`(n, d)`: one frame of each of these people."""
    return unit(np.sqrt(scale.same) * people + np.sqrt(1 - scale.same) * noise(rng, *people.shape))


def made(scale, persons, seed=7):
    """Vectors `(persons * NODES, d)`, owners, and queries `(QUERIES, d)` with whom they show."""
    rng = np.random.default_rng(seed)
    dim = scale.model.dim
    common = noise(rng, dim)
    # what two people share of a frame's squared length, so that two frames of two people are `other` apart
    shared = scale.other / scale.same
    people = np.sqrt(shared) * common + np.sqrt(1 - shared) * noise(rng, persons, dim)
    vectors = np.empty((persons, NODES, dim), np.float32)
    for start in range(0, persons, SPREAD_OUT):
        block = people[start : start + SPREAD_OUT, None]
        vectors[start : start + SPREAD_OUT] = frames(rng, scale, np.repeat(block, NODES, axis=1))
    who = rng.integers(0, persons, QUERIES)
    queries = frames(rng, scale, people[who]).astype(np.float32)
    return vectors.reshape(-1, dim), np.repeat(np.arange(persons), NODES), queries, who


def nearest_of_all(vectors, queries):
    """Row of the nearest node of every query, by comparing all of them."""
    best, row = np.full(len(queries), -2.0, np.float32), np.zeros(len(queries), np.int64)
    for start in range(0, len(vectors), 50_000):
        near = vectors[start : start + 50_000] @ queries.T
        top = near.argmax(0)
        value = near[top, np.arange(len(queries))]
        row = np.where(value > best, top + start, row)
        best = np.maximum(best, value)
    return row


def milliseconds(call, values):
    """Sorted wall and CPU times of calls."""
    wall, cpu = [], []
    for value in values:
        start, used = time.perf_counter(), time.process_time()
        call(value)
        wall.append((time.perf_counter() - start) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
    return sorted(wall), sorted(cpu)


def report(scale, persons) -> bool:
    vectors, owners, queries, who = made(scale, persons)
    start = time.process_time()
    gallery = Gallery(vectors, owners)
    building = time.process_time() - start
    truth = nearest_of_all(vectors, queries)
    found = [gallery.match(query) for query in queries]
    same_node = np.mean([match.person * NODES + match.node == row for match, row in zip(found, truth, strict=True)])
    right = np.mean([match.person for match in found] == who)
    wall, cpu = milliseconds(gallery.match, queries[:300])
    all_wall, all_cpu = milliseconds(lambda query: int(np.argmax(vectors @ query)), queries[:15])
    middle, late = len(wall) // 2, int(0.95 * len(wall))
    print(
        f"{scale.model.name:16} {persons:8,} x {NODES} x {scale.model.dim:3}  {vectors.nbytes / 1e9:4.1f} GB  "
        f"built in {building:5.1f} s CPU  recall@1 {same_node:.4f}  right person {right:.4f}\n"
        f"{'':17}per query: CPU median {cpu[middle]:.1f}, 95 % {cpu[late]:.1f} ms; wall median {wall[middle]:.1f}, "
        f"95 % {wall[late]:.1f} ms; comparing all: CPU {all_cpu[len(all_cpu) // 2]:.0f}, "
        f"wall {all_wall[len(all_wall) // 2]:.0f} ms",
        flush=True,
    )
    return bool(same_node >= RECALL and cpu[middle] <= MILLISECONDS)


def main() -> int:
    persons = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    missed = [scale.model.name for scale in SCALES if not report(scale, persons)]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
