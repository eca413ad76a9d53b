"""Makes `data/run-log-vN.sqlite`, a log of a scripted ride as the present schema version has it; once for each version.

python -m tests.identity_builder.runlog.make_log
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.ecosystem.upstream import RIDER
from tests.identity_builder.runlog.rides import ride
from vpx_identity_builder.runlog.schema import SCHEMA_VERSION

DATA = Path(__file__).parent / "data"


def path_of(version: int) -> Path:
    """The file that a version wrote."""
    return DATA / f"run-log-v{version}.sqlite"


def main() -> int:
    """Write the file, unless it is there."""
    path = path_of(SCHEMA_VERSION)
    if path.exists():
        sys.stderr.write(f"{path} exists: what version {SCHEMA_VERSION} wrote must not change\n")
        return 1
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        ride(Path(folder), 1.2, (RIDER,), run_log_crops_mb=0)
        shutil.copyfile(Path(folder) / "ride" / "run.sqlite", path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
