"""Trying whether a place can be written: it leaves nothing behind, and tells a full disk from a wrong place."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vpx_identity_builder.commands.edge import exit_code
from vpx_identity_builder.errors import ExportError, UnwritableError
from vpx_identity_builder.export.folder import PROBE, check_writable


def test_a_try_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / f"{PROBE}left-by-a-killed-process").mkdir()
    (tmp_path / f"{PROBE}somebodys-own").mkdir()
    (tmp_path / f"{PROBE}somebodys-own" / "file").touch()
    check_writable(tmp_path / "out" / "deeper")
    assert [path.name for path in tmp_path.iterdir()] == [f"{PROBE}somebodys-own"]


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [(errno.ENOSPC, ExportError, 1), (errno.EDQUOT, ExportError, 1), (errno.EROFS, UnwritableError, 2)],
)
def test_a_full_disk_is_no_wrong_place(
    number: int, kind: type[ExportError | UnwritableError], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> str:
        raise OSError(number, os.strerror(number), str(tmp_path))

    monkeypatch.setattr("tempfile.mkdtemp", refused)
    with pytest.raises(kind, match=os.strerror(number)) as found:
        check_writable(tmp_path)
    assert exit_code(found.value) == code
