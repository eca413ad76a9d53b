"""A bounded sample of everything offered, evenly spread from the first to the last moment. Deterministic."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

import numpy as np

T = TypeVar("T")

ROTATION = 2_654_435_769
"""2**32 divided by the golden ratio: multiples of it modulo 2**32 favour no place."""


@dataclass(frozen=True, slots=True, eq=False)
class Thinned(Generic[T]):
    """Every `stride`-th value offered, at most `capacity` (3 or more), with its time, in order of arrival.

    When full, every second is dropped and the stride doubles. Two samples merge so that each counts by how much it was
    offered, however many values it still holds, and so that it does not matter which of them is asked.
    """

    capacity: int
    times_ns: tuple[int, ...] = ()
    values: tuple[T, ...] = ()
    stride: int = 1
    offered: int = 0

    def add(self, value: T, t_ns: int) -> Self:
        """With one more value offered."""
        return type(self)(self.capacity, *self.kept_with(value, t_ns), self.offered + 1)

    @property
    def keeps_next(self) -> bool:
        """True where the next value offered will be kept."""
        return self.offered % self.stride == 0

    def passing(self) -> Self:
        """With one more value offered where that is not kept."""
        return type(self)(self.capacity, self.times_ns, self.values, self.stride, self.offered + 1)

    def kept_with(self, value: T, t_ns: int) -> tuple[tuple[int, ...], tuple[T, ...], int]:
        """Times, values and stride once a value is offered; the same values where it is not kept."""
        times, values, stride = self.times_ns, self.values, self.stride
        if self.keeps_next:
            times, values = (*times, t_ns), (*values, value)
            if len(values) > self.capacity:
                times, values, stride = times[::2], values[::2], stride * 2
        return times, values, stride

    def merged(self, other: Self) -> Self:
        """Both together in order of time, thinned to one stride."""
        if not other.values:
            return self
        if not self.values:
            return other
        ones, others = len(self.values), len(other.values)
        weighted = [
            *((*item, self.offered * others) for item in zip(self.times_ns, self.values, strict=True)),
            *((*item, other.offered * ones) for item in zip(other.times_ns, other.values, strict=True)),
        ]
        weighted.sort(key=lambda item: (item[0], self.tie_break(item[1]), item[2]))
        weights, offered = [weight for _, _, weight in weighted], self.offered + other.offered
        stride = max(self.stride, other.stride)
        chosen = _evenly(weights, stride * ones * others, offered)
        while len(chosen) > self.capacity:
            stride *= 2
            chosen = _evenly(weights, stride * ones * others, offered)
        times, values = tuple(weighted[k][0] for k in chosen), tuple(weighted[k][1] for k in chosen)
        return type(self)(self.capacity, times, values, stride, offered)

    def tie_break(self, value: T) -> bytes:
        """What orders values of the same moment."""
        return np.asarray(value).tobytes()

    def __len__(self) -> int:
        return len(self.values)


def _evenly(weights: list[int], spacing: int, turn: int) -> list[int]:
    """Indices of the values that marks `spacing` apart fall on, when the values lie side by side, each as wide as its
    weight. The first mark moves with `turn`, so that many small samples merged one after another get their share."""
    mark = ((turn * ROTATION) % 2**32 * spacing) >> 32
    chosen, end = [], 0
    for index, weight in enumerate(weights):
        end += weight
        if mark < end:
            chosen.append(index)
            mark += -(-(end - mark) // spacing) * spacing
    return chosen


MEDIAN_SAMPLES = 256


@dataclass(frozen=True, slots=True, eq=False)
class Spread(Thinned[float]):
    """A bounded, evenly thinned sample of one measure, for its median and quantiles.

    `ordered`: the values in order of size, kept beside them because they are asked for more often than they change.
    """

    capacity: int = MEDIAN_SAMPLES
    ordered: tuple[float, ...] = ()

    def add(self, value: float, t_ns: int) -> Spread:
        """With one more value offered."""
        times, values, stride = self.kept_with(value, t_ns)
        ordered = self.ordered
        if len(values) > len(self.values):
            place = bisect_right(ordered, value)
            ordered = (*ordered[:place], value, *ordered[place:])
        elif values is not self.values:
            ordered = tuple(sorted(values))
        return Spread(self.capacity, times, values, stride, self.offered + 1, ordered)

    def merged(self, other: Spread) -> Spread:
        """Both together, see `Thinned`."""
        both = Thinned.merged(self, other)
        return replace(both, ordered=tuple(sorted(both.values)))

    @property
    def median(self) -> float | None:
        """The median, None before the first value."""
        half, odd = divmod(len(self.ordered), 2)
        if not self.ordered:
            return None
        return self.ordered[half] if odd else (self.ordered[half - 1] + self.ordered[half]) / 2

    def quantile(self, share: float) -> float | None:
        """The value that this share (0..1) of the sample lies below, as NumPy tells it; None before the first value."""
        if not self.ordered:
            return None
        place = share * (len(self.ordered) - 1)
        rank = int(place)
        below, above = self.ordered[rank], self.ordered[min(rank + 1, len(self.ordered) - 1)]
        part, step = place - rank, above - below
        return above - step * (1.0 - part) if part >= 0.5 else below + step * part
