"""A highlight_vector-style consumer: where does a ride change most? It shares vision.embed's embeddings.

Each face's embedding is compared with a moving average of those before it; a peak of that temporal delta is a moment.

    python examples/highlight_delta.py ride.mp4
"""

from __future__ import annotations

import sys
from pathlib import Path

from visualbase import Frame
from vpx.runner import LiteRunner
from vpx.sdk import Module, Observation

from vpx_vision_embed.vectors import EmaDelta


class TemporalDelta(Module):
    """Per frame the largest distance of a face's embedding to that track's average so far."""

    name = "highlight.delta"
    depends = ["vision.embed"]  # noqa: RUF012 - the contract wants a plain list
    stateful = True

    def __init__(self, alpha: float = 0.1) -> None:
        self._alpha = alpha
        self._averages: dict[int, EmaDelta] = {}

    def reset(self) -> None:
        self._averages.clear()

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation | None:
        embedded = (deps or {}).get("vision.embed")
        deltas = []
        for face in getattr(getattr(embedded, "data", None), "faces", None) or []:
            if face.e_face is not None and face.face_id is not None:
                average = self._averages.setdefault(face.face_id, EmaDelta(self._alpha))
                deltas.append(average.update(face.e_face))
        if not deltas:
            return None
        return Observation(self.name, frame.frame_id, frame.t_src_ns, {"delta": max(deltas)})


def moments(deltas: dict[int, float], count: int = 3, apart_ns: int = 1_000_000_000) -> list[int]:
    """Times of the largest deltas, at least `apart_ns` from each other."""
    chosen: list[int] = []
    for t_ns in sorted(deltas, key=lambda t: (-deltas[t], t)):
        if len(chosen) < count and all(abs(t_ns - other) >= apart_ns for other in chosen):
            chosen.append(t_ns)
    return sorted(chosen)


def main(video: Path) -> None:
    deltas: dict[int, float] = {}

    def note(obs: Observation) -> None:
        if obs.source == TemporalDelta.name:
            deltas[obs.t_ns] = obs.signals["delta"]

    LiteRunner([TemporalDelta()], on_observation=note).run(video, fps=10)
    for t_ns in moments(deltas):
        print(f"{t_ns / 1e9:.1f} s: delta {deltas[t_ns]:.3f}")
    print(f"{len(deltas)} frames with a face")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/highlight_delta.py VIDEO")
    main(Path(sys.argv[1]))
