"""Images chosen so far, what the next one would add to the objective, and what it must differ from."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping, Sequence
from copy import copy

import numpy as np

from .buckets import PARTIAL_OCCLUSION_FROM
from .config import NoveltyScale
from .eligible import Judged
from .novelty import NOTHING_SAVED
from .objective import Array, distances, gains, represented, worth


def covered(item: Judged) -> float:
    """Covered share of the face; one that could not be judged counts as just not covered."""
    ratio = item.sample.occlusion_ratio
    return PARTIAL_OCCLUSION_FROM if ratio is None else ratio


class Choice:
    """Images chosen so far by index, and what the next one would add. The candidates are in order of time."""

    def __init__(self, items: Sequence[Judged], face: NoveltyScale, body: NoveltyScale) -> None:
        self.items = tuple(sorted(items, key=lambda item: item.candidate.key))
        samples = [item.sample for item in self.items]
        self.distances = distances(samples, face, body)
        self.worths = worth(self.distances, np.array([item.quality for item in self.items]), face.threshold)
        self.scale = face
        self.chosen: list[int] = []
        self._held: Array = represented(self.worths, [])

    def copy(self) -> Choice:
        """The same candidates and images chosen so far, to go on with apart."""
        other = copy(self)
        other.chosen = list(self.chosen)
        return other

    def add(self, index: int) -> None:
        """Take one."""
        self.chosen.append(index)
        self._held = np.maximum(self._held, self.worths[:, index])

    def free(self, indices: Collection[int]) -> list[int]:
        """Those not taken yet."""
        return [index for index in indices if index not in self.chosen]

    def novelty(self, index: int, among: Sequence[int] | None = None) -> float:
        """Distance to the nearest chosen image (§7), or to the nearest `among` them."""
        others = self.chosen if among is None else among
        return float(self.distances[index, list(others)].min()) if others else NOTHING_SAVED

    def apart(self, index: int, among: Sequence[int], gap_ms: float) -> bool:
        """True when none `among` the chosen lies within `gap_ms`."""
        t_ns = self.items[index].sample.t_ns
        return all(abs(t_ns - self.items[other].sample.t_ns) >= gap_ms * 1e6 for other in among)

    def surer_and_clearer(self, indices: Collection[int]) -> dict[int, int]:
        """Of these, one point for the half that is most surely this person, one for the half that is least covered."""
        if not indices:
            return {}
        sure = {index: self.items[index].stability for index in indices}
        clear = {index: 1.0 - covered(self.items[index]) for index in indices}
        middle = statistics.median(sure.values()), statistics.median(clear.values())
        return {index: (sure[index] >= middle[0]) + (clear[index] >= middle[1]) for index in indices}

    def best(
        self, able: Collection[int], scores: Mapping[int, float], margin: float, rank: Mapping[int, int] | None = None
    ) -> int:
        """The highest score; among near-ties the highest rank (0 unless given), then highlights (§15), then what looks
        different from all that is chosen (the novelty plateau apart), then the score after all.

        How different, or how much more of it all it shows, has no say: that hangs on the last digits of the embeddings.
        `able` must not be empty.
        """
        top = max(scores[index] for index in able)
        ranked = {} if rank is None else rank

        def order(index: int) -> tuple[int, bool, bool, float, int]:
            looks_new = self.novelty(index) >= self.scale.plateau
            return ranked.get(index, 0), self.items[index].sample.in_highlight, looks_new, scores[index], -index

        return max((index for index in able if scores[index] >= top - margin), key=order)

    def most_telling(self, able: Sequence[int]) -> int:
        """What adds most to the objective, the earliest of equals. `able` must not be empty."""
        more = gains(self.worths[:, able], self._held)
        return able[int(np.argmax(more))]
