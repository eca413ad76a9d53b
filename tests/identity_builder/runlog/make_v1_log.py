"""Makes `data/run-log-v1.sqlite`, a log of schema version 1 of a scripted ride. Never to be made anew for version 1.

python -m tests.identity_builder.runlog.make_v1_log
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.ecosystem.upstream import RIDER
from tests.identity_builder.runlog.rides import ride

PATH = Path(__file__).parent / "data" / "run-log-v1.sqlite"


def main() -> int:
    """Write the file, unless it is there."""
    if PATH.exists():
        sys.stderr.write(f"{PATH} exists: what version 1 wrote must not change\n")
        return 1
    PATH.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        ride(Path(folder), 1.2, (RIDER,), run_log_crops_mb=0)
        shutil.copyfile(Path(folder) / "ride" / "run.sqlite", PATH)
    return 0


if __name__ == "__main__":
    sys.exit(main())
