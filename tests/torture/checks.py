"""What must hold after a build died: a whole set or none, a log that opens, and recovery that leaves both in order."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from tests.ecosystem.behaviours import contents
from vpx_identity_builder.cli import app
from vpx_identity_builder.errors import RunLogError
from vpx_identity_builder.runlog.reader import RunLog

Set = dict[str, bytes]
RIDE = "ride"
LOGS = ("run.sqlite", "run-next.sqlite")


class Violation(Exception):
    """A promise was broken."""


def demand(holds: bool, words: str) -> None:
    """Raise `Violation` where a promise does not hold."""
    if not holds:
        raise Violation(words)


def published(out: Path) -> Set:
    """What is published, without times of creation and the loss of a log; empty where nothing is."""
    target = out / RIDE / "identity_builder"
    found = contents(target) if target.exists() else {}
    if "result.json" in found:
        result = json.loads(found["result.json"])
        result["faults"].pop("run_log_lost", None)
        found["result.json"] = json.dumps(result, sort_keys=True).encode()
    return found


def is_whole(out: Path) -> str | None:
    """What is missing of the published set; None where it is whole, or not there at all."""
    target = out / RIDE / "identity_builder"
    if not target.exists():
        return None
    result = json.loads((target / "result.json").read_bytes())
    for person in result["persons"]:
        folder = target / person["folder"]
        meta = json.loads((folder / "meta.json").read_bytes())
        images = sorted(folder.glob("*/*.jpg"))
        if len(images) != meta["total_saved"]:
            return f"{person['folder']} has {len(images)} of {meta['total_saved']} images"
        for image in images:
            data = image.read_bytes()
            if not (data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9")):
                return f"{image.name} is cut off"
            json.loads(image.with_name(f"{image.stem}_meta.json").read_bytes())
    if len(list(target.glob("pair/*.jpg"))) != result["pair_count"]:
        return "pair images are missing"
    return None if (target / "report.html").stat().st_size else "the report is empty"


def check_before(out: Path, old: Set, new: Set) -> None:
    """Right after the death: nothing half-published, and every log opens or is empty."""
    lack = is_whole(out)
    demand(lack is None, f"the set is not whole: {lack}")
    now = published(out)
    if old and now not in (old, new):
        raise Violation("neither the old set nor the new one is there")
    for name in LOGS:
        path = out / RIDE / name
        if path.exists():
            try:
                RunLog(path).close()
            except RunLogError as error:
                demand(error.empty, f"the log does not open: {error}")


def check_recovery(out: Path, old: Set, new: Set) -> str:
    """Recover and rebuild; says what is published in the end."""
    folder = out / RIDE
    had_log = any((folder / name).exists() for name in LOGS)
    done = CliRunner().invoke(app, ["recover", str(out)])
    demand(done.exit_code in ((0, 4) if had_log else (3,)), f"recover: {done.exit_code} {done.output}")
    lack = is_whole(out)
    demand(lack is None, f"after recovery the set is not whole: {lack}")
    now = published(out)
    if old:
        demand(now in (old, new), "recovery replaced a finished set")
    left = {path.name for path in folder.iterdir()} if folder.exists() else set()
    demand(left <= {"identity_builder", "run.sqlite"}, f"left over: {sorted(left)}")
    if "run.sqlite" in left:
        again = CliRunner().invoke(app, ["rebuild", str(folder)])
        demand(again.exit_code in (0, 4), f"rebuild: {again.exit_code} {again.output}")
        after = published(out)
        differing = sorted(name for name in now.keys() | after.keys() if now.get(name) != after.get(name))
        demand(not differing, f"rebuilding gives another set: {', '.join(differing[:5])}")
    if not now:
        return "nothing"
    if now == new:
        return "new"
    return "old" if now == old else "interrupted"
