#!/usr/bin/env bash
# The builder as a plugin of the vpx command: it brings what it needs, and uses what else is installed.
# The commands must be on PATH: source .venv/bin/activate
#   examples/vpx_run.sh ride.mp4 out/
set -euo pipefail
if [ $# -ne 2 ]; then
    echo "usage: examples/vpx_run.sh VIDEO OUTPUT_DIR" >&2
    exit 2
fi
if ! command -v vpx > /dev/null; then
    echo "vpx is not on PATH: source .venv/bin/activate first" >&2
    exit 2
fi
vpx run --plugins identity_builder --input "$1" --output "$2" --fps 10 --set identity_builder.max_persons=2
