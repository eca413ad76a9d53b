"""Weight files of the bundled models: one table, verified by SHA-256 before every use.

`load_weights(key)` and `weight_path(key)` hand out a verified file or raise `WeightsError`; nothing is ever fetched
silently. `python -m vpx.sdk.weights pull` fetches what is missing, `list` shows the state of each file.
The table is `weights.toml` beside this file.
"""

from vpx.sdk.weights.files import (
    WeightRow,
    WeightsError,
    bundled_dir,
    load_weights,
    sha256_hex,
    weight_path,
    weight_table,
)

__all__ = [
    "WeightRow",
    "WeightsError",
    "bundled_dir",
    "load_weights",
    "sha256_hex",
    "weight_path",
    "weight_table",
]
