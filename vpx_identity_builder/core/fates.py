"""What the builder tells while a video runs: what became of each face, and where the run stands."""

from __future__ import annotations

from dataclasses import dataclass

from .tracks import Assignment


@dataclass(frozen=True, slots=True, eq=False)
class FaceFate:
    """What became of one face: its tracklet, the person it was taken for while the video runs, and a reason code.

    `lost_to_t_ns`: time of the kept image that a face lost to which was not kept.
    """

    assignment: Assignment
    person: int
    code: str
    lost_to_t_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the run stands after the frames so far; `should_stop` is §9 for every person that would be published."""

    person_count: int
    saved_total: int
    coverage_yaw: int
    coverage_pitch: int
    coverage_expression: int
    should_stop: bool
