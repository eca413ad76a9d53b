"""The fuzzer finds what lies behind several steps, by itself and again by what it prints."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.torture.guided import Dice, Guide, again, written

HERE = Path(__file__).parent


def door(dice: random.Random) -> None:
    """Four steps, each one in sixteen: one try in 65,536 gets through without a guide."""
    if dice.randrange(16) == 3:  # noqa: SIM102 - each step must be a line of its own
        if dice.randrange(16) == 7:  # noqa: SIM102
            if dice.randrange(16) == 11:  # noqa: SIM102
                if dice.randrange(16) == 2:
                    raise KeyError("through")


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_what_reaches_new_lines_is_followed(seed: str) -> None:
    guide = Guide(seed, HERE)

    def knock() -> None:
        for _ in range(6000):
            guide.next(door)

    with pytest.raises(KeyError) as found:
        knock()
    with pytest.raises(KeyError, match="through"):
        again(door, written(found.value.choices))  # type: ignore[attr-defined]


def test_the_same_seed_tries_the_same() -> None:
    def tried() -> list[tuple[int, ...]]:
        guide = Guide("5", HERE)
        return [guide.next(lambda dice: door(dice) if dice.random() < 0.9 else dice.randbytes(9)) for _ in range(200)]

    assert tried() == tried()


def test_a_dice_gives_what_it_is_given_then_more() -> None:
    dice = Dice((1 << 63, 0), 7)
    assert (dice.random(), dice.randrange(8)) == (0.5, 0)
    more = [dice.random() for _ in range(50)]
    assert len(set(more)) == 50
    assert Dice(tuple(dice.drawn), 1).random() == 0.5
