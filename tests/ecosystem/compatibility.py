"""Writes `docs/compatibility.md` from what the suite finds: host × behaviour × result.

python -m tests.ecosystem.compatibility
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from .behaviours import ANALYZERS, BUILDER, DIRECT, JPEG_COSINE, JPEG_PX, UNTOLD, agrees, analyzer_clips
from .hosts import HOSTS, Host, HostRun, title

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
INTRODUCTION = """\
# Compatibility

What the plugins and the modules under `ecosystem/` do under every kind of host of the vpx ecosystem. The hosts are
small ones written for the tests: their lifecycle, their threads, what they pass as dependencies and what becomes of
observations between processes are those of the ecosystem. This page is written by
`python -m tests.ecosystem.compatibility`; a test fails when it is not what the suite finds.

## Hosts

| host | calls | dependencies | thread | observations |
|---|---|---|---|---|
"""


@cache
def analyzer_run(name: str, host: Host) -> HostRun:
    """One run of an analyzer under a host, shared by the suite and this page."""
    return host.run(ANALYZERS[name], analyzer_clips())


@cache
def builder_result(index: int, host: Host) -> str:
    """What a behaviour of the builder comes to under a host, found once."""
    with tempfile.TemporaryDirectory() as folder:
        return BUILDER[index].check(host, Path(folder))


@cache
def analyzer_result(name: str, host: Host) -> str:
    """The same of an analyzer, compared with a direct run."""
    return agrees(host, name, analyzer_run(name, host), analyzer_run(name, DIRECT))


def page() -> str:
    """The whole page."""
    hosts = "\n".join(_row([title(host), _calls(host), _deps(host), _thread(host), _trip(host)]) for host in HOSTS)
    behaviours = _table("identity_builder", [b.text for b in BUILDER], builder_result, range(len(BUILDER)))
    analyzers = _table("module", list(ANALYZERS), analyzer_result, list(ANALYZERS))
    return f"""{INTRODUCTION}{hosts}

## identity_builder

{behaviours}

"{UNTOLD}": such a host kills its worker, and no call says that the video ended. The
set is whole; the video since the last checkpoint is missing (one second in the tests, `checkpoint_s` elsewhere).

## vision.embed and the ecosystem's modules

Every frame is answered, nothing is lost on the way, the second video is answered like the first, and the answers are
those of a direct run; across JPEG 95 within {_tolerance()}.

{analyzers}

Over base classes that have the contract's names of one era and nothing of ours, both plugins run unchanged
(`tests/ecosystem/test_both_eras.py`). What they read from which module is in [inputs.md](inputs.md).
"""


def _tolerance() -> str:
    return f"{JPEG_PX:g} px and a cosine of {JPEG_COSINE:g} on random textures"


def _table(corner: str, names: Sequence[str], find: Callable[..., str], keys: Sequence[object]) -> str:
    head = _row([corner, *map(title, HOSTS)])
    rule = "|---" * (len(HOSTS) + 1) + "|"
    rows = [_row([name, *(find(key, host) for host in HOSTS)]) for name, key in zip(names, keys, strict=True)]
    return "\n".join([head, rule, *rows])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _calls(host: Host) -> str:
    start = "initialize, warmup" if host.warmup else "initialize"
    reset = "; reset before each video" if host.reset_before_each else ""
    return f"{start}{reset}; {', '.join(host.endings) or 'killed'}"


def _deps(host: Host) -> str:
    nothing = "{}" if host.empty_dict else "None"
    return f"{nothing} when there are none{'' if host.optional_deps else '; optional ones dropped'}"


def _thread(host: Host) -> str:
    together = "; one level's modules at once" if host.parallel else ""
    return f"another for every frame{together}" if host.changing_threads else "one"


def _trip(host: Host) -> str:
    if host.reuses_buffer:
        return "as they are, all frames in one array"
    return "as JSON, frames as JPEG 95" if host.json else "as they are"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
