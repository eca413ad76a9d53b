"""Under which conditions a person is seen: unrecognisable, covered, dark (what the ratio of §10 goes by)."""

from __future__ import annotations

from .buckets import lighting_bin
from .config import Config
from .results import Conditions
from .types import FaceSample

DRIFTING = frozenset({"unstable", "identity_unsettled"})
"""Fates of a face whose Face-ID embedding is off its person's prototype."""


def counted(seen: Conditions, sample: FaceSample, fate: str, usual_level: float | None, cfg: Config) -> Conditions:
    """With one more face, and what became of it. `usual_level`: the person's median brightness, 0..255."""
    drifting = fate in DRIFTING
    covered = (sample.occlusion_ratio or 0.0) > cfg.gates.strict_occlusion
    dark = lighting_bin(sample.measures.lighting_level, usual_level, cfg.selection) == "dark"
    return seen + Conditions(1, int(drifting), int(covered), int(drifting or covered), int(dark))
