"""Frames of a run offered once more after its end: what would have been kept, had only their pictures been there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .cast import Cast, Rider
from .config import Config
from .fates import FaceFate
from .frame_views import Encoder
from .offer import Scales, consider
from .pair_offer import offer_pair
from .pool import Pool
from .types import FaceSample


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """What became of one frame's faces. `bystanders`, `encode`: see `IdentitySetBuilder.add`."""

    fates: tuple[FaceFate, ...]
    bystanders: tuple[FaceSample, ...]
    encode: Encoder


def choosing_among(
    cast: Cast,
    frames: Sequence[SeenFrame],
    renamed: Mapping[int, int],
    frames_total: int,
    scales: Scales,
    cfg: Config,
) -> Cast:
    """Everybody with no other candidates than those of these frames, judged by all that is known of them now.

    `frames`: in order of time. `renamed`: person numbers that were joined → those that stand for them.
    """
    cast = Cast({number: rider.with_pool(Pool(rider.pool.bucket_moments)) for number, rider in cast.riders.items()})
    current = [replace(frame, fates=tuple(_present(frame.fates, cast, renamed))) for frame in frames]
    for frame in current:
        for fate in frame.fates:
            cast = cast.with_rider(_offered(cast.riders[fate.person], fate, frame, scales, cfg))
    for frame in current:
        cast = offer_pair(cast, frame.fates, frame.bystanders, frame.encode, frames_total, scales, cfg)
    return cast


def _present(fates: Sequence[FaceFate], cast: Cast, renamed: Mapping[int, int]) -> list[FaceFate]:
    """Those of people who are still there, under their present numbers."""
    found = []
    for fate in fates:
        number = fate.person
        while number in renamed:
            number = renamed[number]
        if number in cast.riders:
            found.append(replace(fate, person=number))
    return found


def _offered(rider: Rider, fate: FaceFate, frame: SeenFrame, scales: Scales, cfg: Config) -> Rider:
    """The rider with this face among the candidates, where the pool wants it and its picture is there."""
    if fate.assignment.contradicts:
        return rider
    sample, smooth_box = fate.assignment.sample, fate.assignment.tracklet.smooth_box
    faces = [*(other.assignment.sample for other in frame.fates), *frame.bystanders]
    outcome = consider(rider, sample, smooth_box, faces, scales, cfg)
    image = None if outcome.draft is None else frame.encode(outcome.draft.crop_box)
    return rider if image is None else rider.with_pool(outcome.placed(rider.pool, image))
