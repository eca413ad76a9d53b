#!/usr/bin/env bash
# The builder as a plugin of the vpx command: it brings what it needs, and uses what else is installed.
#   examples/vpx_run.sh ride.mp4 out/
set -euo pipefail
vpx run --plugins identity_builder --input "$1" --output "$2" --fps 10 --set identity_builder.max_persons=2
