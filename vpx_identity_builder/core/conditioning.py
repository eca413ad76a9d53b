"""How many references of each set a generator is given (§10): the rows of the table, and counts from a ratio. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .results import SetName

DRIFT_FROM = 0.2
"""Share of a person's faces off their prototype or covered from which identity drifts often: every fifth face."""
DARK_FROM = 0.2
"""Share of a person's faces that are dark from which darkness is frequent: every fifth face."""
DIVERSE_FROM: Mapping[str, int] = {"yaw": 3, "pitch": 2, "expression": 2}
"""Bins per axis below which poses or expressions lack diversity: half of what the stop condition asks for (§9)."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Parts of anchors, coverage and challenge images; only their proportion counts."""

    anchor: float
    coverage: float
    challenge: float

    def parts(self) -> dict[SetName, float]:
        """By set."""
        return {SetName.ANCHOR: self.anchor, SetName.COVERAGE: self.coverage, SetName.CHALLENGE: self.challenge}

    def __str__(self) -> str:
        return f"{self.anchor:g}:{self.coverage:g}:{self.challenge:g}"


DEFAULT_RATIO = Ratio(20, 70, 10)
DRIFT_RATIO = Ratio(30, 60, 10)
DIVERSITY_RATIO = Ratio(15, 75, 10)
DARK_RATIO = Ratio(20, 65, 15)

NEXT: Mapping[SetName, tuple[SetName, SetName]] = {
    SetName.ANCHOR: (SetName.COVERAGE, SetName.CHALLENGE),
    SetName.COVERAGE: (SetName.ANCHOR, SetName.CHALLENGE),
    SetName.CHALLENGE: (SetName.COVERAGE, SetName.ANCHOR),
}
"""Which sets fill in for a short one, in this order: challenge images last, for they show the person at its hardest."""


def parse_ratio(text: str) -> Ratio:
    """`20:70:10` as anchors : coverage : challenge. Raises `ValueError` that says what is wrong."""
    try:
        anchor, coverage, challenge = (float(part) for part in text.split(":"))
    except ValueError as error:
        raise ValueError("must be three numbers, as in 20:70:10 (anchors : coverage : challenge), or auto") from error
    parts = (anchor, coverage, challenge)
    if not all(math.isfinite(part) and part >= 0 for part in parts) or not sum(parts):
        raise ValueError("its three numbers must be 0 or more, and not all 0")
    return Ratio(anchor, coverage, challenge)


@dataclass(frozen=True, slots=True)
class Measured:
    """What of a person's set bears on the ratio: shares of its faces 0..1 (None = not measured), bins filled."""

    drift_share: float | None
    dark_share: float | None
    filled: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Advice:
    """A ratio and, in one sentence, why."""

    ratio: Ratio
    why: str


def advised(measured: Measured) -> Advice:
    """The row of §10's table that fits. Identity goes first: where several rows fit, the earlier one is taken."""
    thin = [
        f"{axis} {measured.filled[axis]} bins, fewer than {least}"
        for axis, least in DIVERSE_FROM.items()
        if measured.filled[axis] < least
    ]
    rows = [
        (
            DRIFT_RATIO,
            (measured.drift_share or 0.0) >= DRIFT_FROM,
            f"identity drifts often: {measured.drift_share or 0.0:.0%} of the faces are off the prototype or covered",
        ),
        (DIVERSITY_RATIO, bool(thin), f"poses or expressions lack diversity: {', '.join(thin)}"),
        (
            DARK_RATIO,
            (measured.dark_share or 0.0) >= DARK_FROM,
            f"darkness is frequent: {measured.dark_share or 0.0:.0%} of the faces are dark",
        ),
    ]
    fitting = [(ratio, why) for ratio, fits, why in rows if fits]
    unknown = "; stability and darkness were not measured" if measured.drift_share is None else ""
    if not fitting:
        return Advice(DEFAULT_RATIO, f"the default: no drift, lack of diversity or frequent darkness measured{unknown}")
    ratio, why = fitting[0]
    further = "".join(f"; also, {reason}" for _, reason in fitting[1:])
    return Advice(ratio, f"{why}{further}{unknown}")


def largest_remainder(ratio: Ratio, count: int) -> dict[SetName, int]:
    """`count` divided in this proportion; what rounding down leaves goes to the largest remainders, earlier first."""
    parts = ratio.parts()
    total = sum(parts.values())
    exact = {name: count * part / total for name, part in parts.items()}
    whole = {name: math.floor(value) for name, value in exact.items()}
    left = count - sum(whole.values())
    for name in sorted(exact, key=lambda name: whole[name] - exact[name])[:left]:
        whole[name] += 1
    return whole


@dataclass(frozen=True, slots=True)
class Allocation:
    """How many images of each set, and which sets filled in for short ones: (short set, its stand-in, how many)."""

    asked: Mapping[SetName, int]
    given: Mapping[SetName, int]
    moved: tuple[tuple[SetName, SetName, int], ...]

    @property
    def missing(self) -> int:
        """Images asked for that no set has."""
        return sum(self.asked.values()) - sum(self.given.values())


def allocate(ratio: Ratio, count: int, available: Mapping[SetName, int]) -> Allocation:
    """Counts per set that exist: what a short set lacks comes from the others (`NEXT`), as far as they reach.

    However few are asked for, one is an anchor where any exists, unless the ratio wants none.
    """
    asked = _with_an_anchor(largest_remainder(ratio, count), ratio, available)
    given = {name: min(number, available[name]) for name, number in asked.items()}
    moved = []
    for name in asked:
        lacking = asked[name] - min(asked[name], available[name])
        for other in NEXT[name]:
            taken = min(lacking, available[other] - given[other])
            if taken > 0:
                given[other] += taken
                lacking -= taken
                moved.append((name, other, taken))
    return Allocation(asked, given, tuple(moved))


def _with_an_anchor(
    asked: Mapping[SetName, int], ratio: Ratio, available: Mapping[SetName, int]
) -> Mapping[SetName, int]:
    """With one anchor instead of one of the most asked-for images, where rounding left none."""
    if asked[SetName.ANCHOR] or not ratio.anchor or not available[SetName.ANCHOR]:
        return asked
    most = max(asked, key=lambda name: asked[name])
    return {**asked, most: asked[most] - 1, SetName.ANCHOR: 1}
