"""How long `identity-builder rebuild` takes, as a whole command with all its imports.

    python benchmarks/rebuild.py RUN [PACKAGE_ROOT ...]

Each command runs on a fresh copy of the folder RUN of a finished build, five times after one that warms up: wall time
and processor time, the least and the median. Further roots of this package, such as an older checkout, run in turn with
it, so that what else the machine does meets all of them alike; read the ratios then.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
TIMES = 5
COMMAND = "from vpx_identity_builder_start import identity_builder as main; main()"
CASES: dict[str, tuple[str, ...]] = {
    "same settings, --dry-run": ("--dry-run",),
    "anchors_max=4, --dry-run": ("--dry-run", "--set", "identity_builder.anchors_max=4"),
    "strict_confidence=0.8, --dry-run": ("--dry-run", "--set", "identity_builder.strict_confidence=0.8"),
    "max_persons=1, --dry-run": ("--dry-run", "--set", "identity_builder.max_persons=1"),
    "anchors_max=4, published": ("--set", "identity_builder.anchors_max=4"),
}
Spent = tuple[float, float]
"""Wall time and processor time in s."""


def once(root: Path, run: Path, options: tuple[str, ...], scratch: Path) -> Spent:
    """One command of the package in `root` on a copy of a run."""
    copy = scratch / "copy" / run.name
    shutil.rmtree(copy.parent, ignore_errors=True)
    shutil.copytree(run, copy)
    caches = scratch / f"bytecode{abs(hash(root))}"
    env = {**os.environ, "PYTHONPATH": str(root), "PYTHONPYCACHEPREFIX": str(caches), "PYTHONDONTWRITEBYTECODE": ""}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-c", COMMAND, "rebuild", str(copy), *options]
    subprocess.run(command, env=env, cwd=scratch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    run, roots = Path(sys.argv[1]).resolve(), [HERE, *(Path(root).resolve() for root in sys.argv[2:])]
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as scratch:
        for name, options in CASES.items():
            rounds = [[once(root, run, options, Path(scratch)) for root in roots] for _ in range(TIMES + 1)][1:]
            for place, root in enumerate(roots):
                walls, cpus = zip(*(spent[place] for spent in rounds), strict=True)
                print(
                    f"{name:34} {root.name:16} wall {min(walls):.2f} s, median {statistics.median(walls):.2f} s; "
                    f"processor {min(cpus):.2f} s, median {statistics.median(cpus):.2f} s"
                )
    print(f"load {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
