"""The ladders live beside the benchmark that climbs them with many faces; its tests import them from there."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
