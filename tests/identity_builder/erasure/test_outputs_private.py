"""What is written is for its owner only and tells nothing of the machine; what is logged holds no embedding."""

from __future__ import annotations

import json
import logging
import re
import stat
import traceback
from pathlib import Path

import pytest

from tests.identity_builder.erasure.kept import call
from tests.identity_builder.runlog.rides import killed, ride
from vpx_identity_builder.errors import MemoryBankError
from vpx_identity_builder.memory_files import load_bank
from vpx_identity_builder.rebuilding import settings_for
from vpx_identity_builder.runlog.reader import RunLog

NUMBERS = re.compile(r"(?:[-+]?\d*\.\d+(?:e[-+]?\d+)?[,\s]+){5,}")


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_everything_is_for_its_owner_only(tmp_path: Path) -> None:
    ride(tmp_path / "out")
    killed(tmp_path / "out2", 4.0)
    for out in (tmp_path / "out", tmp_path / "out2"):
        for name, mode in modes(out).items():
            expected = 0o700 if (out / name).is_dir() else 0o600
            if "sqlite" in name and out.name == "out2":
                continue  # written again by the test itself
            assert oct(mode) == oct(expected), name
        assert stat.S_IMODE(out.stat().st_mode) == 0o700


def test_nothing_written_names_the_machine_its_user_or_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "unlikely-user-name")
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "unlikely-user-name"))
    monkeypatch.setattr("socket.gethostname", lambda: "unlikely-host-name")
    monkeypatch.setattr("platform.node", lambda: "unlikely-host-name")
    bank = Path.home() / "bank"
    ride(tmp_path / "out", memory_bank=bank)
    assert call("rebuild", tmp_path / "out" / "ride", "--set", "identity_builder.anchors_max=3").exit_code == 0
    with RunLog(tmp_path / "out" / "ride" / "run.sqlite") as log:
        assert settings_for(log, {}).output.memory_bank == bank
    for path in [*(tmp_path / "out").rglob("*"), *bank.rglob("*")]:
        if path.is_file():
            content = path.read_bytes()
            for secret in (
                b"unlikely-user-name",
                b"unlikely-host-name",
                str(tmp_path).encode(),
                str(Path.home()).encode() + b"/",
            ):
                assert secret not in content, (path, secret)


def test_images_carry_no_metadata(tmp_path: Path) -> None:
    ride(tmp_path / "out")
    images = sorted((tmp_path / "out").rglob("*.jpg"))
    assert len(images) > 10
    for path in images:
        content = path.read_bytes()
        head = content[: content.index(b"\xff\xda")]
        assert b"Exif" not in head
        assert b"\xff\xe1" not in head
        assert b"\xff\xfe" not in head


def test_logs_hold_no_embedding(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        ride(tmp_path / "out")
        logging.getLogger("vpx_identity_builder").debug("the log is heard")
    assert "the log is heard" in caplog.text
    assert NUMBERS.search(caplog.text) is None


def test_an_error_about_a_bank_quotes_nothing_of_it(tmp_path: Path) -> None:
    ride(tmp_path / "out", memory_bank=tmp_path / "bank")
    path = next((tmp_path / "bank").glob("*/memory_bank.json"))
    document = json.loads(path.read_text())
    document["nodes"] = document["nodes"][0]["vec_id"]
    path.write_text(json.dumps(document))
    with pytest.raises(MemoryBankError) as caught:
        load_bank(path)
    assert NUMBERS.search("".join(traceback.format_exception(caught.value))) is None
    assert "input_value" not in "".join(traceback.format_exception(caught.value))


def test_a_log_leaves_nothing_in_temporary_files(tmp_path: Path) -> None:
    ride(tmp_path / "out")
    with RunLog(tmp_path / "out" / "ride" / "run.sqlite") as log:
        assert log.connection.execute("PRAGMA temp_store").fetchone() == (2,)
