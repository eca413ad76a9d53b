"""Under which conditions a person is seen: unrecognisable, covered, dark (what the ratio of §10 goes by)."""

from __future__ import annotations

from dataclasses import replace

from .buckets import lighting_bin
from .cast import Rider
from .config import Config
from .results import Conditions
from .types import FaceSample

DRIFTING = frozenset({"unstable", "identity_unsettled"})
"""Fates of a face whose Face-ID embedding is off its person's prototype."""


def counted(rider: Rider, sample: FaceSample, fate: str, cfg: Config) -> Rider:
    """With one more face, and what became of it, among the conditions under which the person was seen."""
    drifting = fate in DRIFTING
    covered = (sample.occlusion_ratio or 0.0) > cfg.gates.strict_occlusion
    lighting = lighting_bin(sample.measures.lighting_level, rider.person.brightness.median, cfg.selection)
    seen = Conditions(1, int(drifting), int(covered), int(drifting or covered), int(lighting == "dark"))
    return replace(rider, conditions=rider.conditions + seen)
