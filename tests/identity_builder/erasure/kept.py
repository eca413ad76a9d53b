"""What is kept of a ride, looked at without the code that erases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from typer.testing import CliRunner, Result

from vpx_identity_builder.cli import app
from vpx_identity_builder.runlog.reader import RunLog

Vector = np.ndarray
ARRAYS = ("e_id", "e_vis_face", "e_vis_body")


def call(*words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert "Traceback" not in result.output
    return result


def embeddings(out: Path, person_id: int | None = None) -> list[Vector]:
    """Embeddings in the log, of one published person or of everybody."""
    with RunLog(out / "ride" / "run.sqlite") as log:
        ids, numbers = log.ending.ids, log.person_numbers()
        return [
            array
            for frame in log.frames()
            for place, sample in enumerate(frame.translation.samples)
            if person_id is None or ids.get(numbers.get((frame.seq, place), -1)) == person_id
            for array in (getattr(sample, name) for name in ARRAYS)
            if array is not None
        ]


def held(out: Path, vectors: list[Vector]) -> int:
    """How many of the embeddings are in some file, as float32 or float16; looked for without our own search."""
    content = b"\0".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    forms = [(vector.astype("<f4").tobytes()[:64], vector.astype("<f2").tobytes()[:32]) for vector in vectors]
    return sum(any(form in content for form in both) for both in forms)


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
