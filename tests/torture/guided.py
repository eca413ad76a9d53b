"""Inputs that reach new lines are kept and changed further: coverage-guided fuzzing of anything that draws from a dice.

A try draws all its choices from a `Dice`. The choices are recorded; a next try repeats recorded ones with some of them
changed, cut off, or taken from another, and new ones after them. Everything follows from the seed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

Choices = tuple[int, ...]
"""Numbers below 2**64, in the order in which they are drawn."""
Line = tuple[CodeType, int, int]
"""A line and the one before it in the same call."""
Try = Callable[[random.Random], object]
BITS = 64
FRESH = 0.25
"""Share of tries that start from nothing."""
MOST_CHOICES = 200_000


class Dice(random.Random):
    """Draws what it is given, then what its seed gives; `drawn` is everything drawn."""

    def __new__(cls, _given: Choices, _seed: int) -> Dice:
        return super().__new__(cls)

    def __init__(self, given: Choices, seed: int) -> None:
        super().__init__(seed)
        self._given, self._more = given, random.Random(seed)
        self.drawn: list[int] = []

    def _next(self) -> int:
        place = len(self.drawn)
        if place > MOST_CHOICES:
            return self._more.getrandbits(BITS)
        self.drawn.append(self._given[place] if place < len(self._given) else self._more.getrandbits(BITS))
        return self.drawn[-1]

    def random(self) -> float:
        """From 0 to below 1."""
        return (self._next() >> (BITS - 53)) * 2.0**-53

    def getrandbits(self, k: int, /) -> int:
        """A number of so many bits."""
        value = 0
        for start in range(0, k, BITS):
            bits = min(BITS, k - start)
            value |= (self._next() >> (BITS - bits)) << start
        return value


class Guide:
    """Tries one thing again and again; `kept` are the choices that reached lines that none before had reached.

    `within`: the folders and files whose lines count.
    """

    def __init__(self, seed: str, *within: Path) -> None:
        self._dice, self._within = random.Random(seed), tuple(str(path) for path in within)
        self.kept: list[Choices] = []
        self.lines: set[Line] = set()

    def next(self, attempt: Try) -> Choices:
        """One try; returns its choices. What the try raises has them as `choices`."""
        dice = Dice(self._proposed(), self._dice.getrandbits(BITS))
        reached: set[Line] = set()
        try:
            with traced(reached, self._within):
                attempt(dice)
        except Exception as error:
            error.choices = tuple(dice.drawn)  # type: ignore[attr-defined]
            raise
        choices = tuple(dice.drawn)
        if not reached <= self.lines:
            self.lines |= reached
            self.kept.append(choices)
        return choices

    def _proposed(self) -> Choices:
        if not self.kept or self._dice.random() < FRESH:
            return ()
        choices = list(self._dice.choice(self.kept))
        for _ in range(int(2 ** self._dice.uniform(0, 4))):
            place = self._dice.randrange(len(choices) + 1)
            kind = self._dice.randrange(4)
            if kind == 0:
                choices[place : place + 1] = [self._dice.getrandbits(BITS)]
            elif kind == 1:
                other = self._dice.choice(self.kept)
                start = self._dice.randrange(len(other) + 1)
                choices[place:] = other[start:]
            elif kind == 2:
                del choices[place : place + self._dice.randrange(1, 9)]
            elif self._dice.random() < 0.3:
                del choices[place:]
        return tuple(choices)


def again(attempt: Try, text: str) -> None:
    """One try once more, from what `written` gave."""
    attempt(Dice(tuple(int(text[at : at + 16], 16) for at in range(0, len(text), 16)), 0))


def written(choices: Choices) -> str:
    """Choices as text."""
    return "".join(f"{number:016x}" for number in choices)


@contextmanager
def traced(reached: set[Line], within: tuple[str, ...]) -> Iterator[None]:
    """Note every line, with the one before it, that is run of the files in some folders."""

    watched: dict[CodeType, bool] = {}

    def entered(frame: FrameType, _event: str, _arg: Any) -> Any:
        code, last = frame.f_code, 0
        watch = watched.get(code)
        if watch is None:
            watch = watched[code] = code.co_filename.startswith(within)
        if not watch:
            return None

        def line(frame: FrameType, event: str, _arg: Any) -> Any:
            nonlocal last
            if event == "line":
                reached.add((code, last, frame.f_lineno))
                last = frame.f_lineno
            return line

        return line

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        yield
    finally:
        sys.settrace(before)
