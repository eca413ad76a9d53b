"""The report in a real browser: every picture loads, nothing overflows the window."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vpx_identity_builder.core.results import RunResult
from vpx_identity_builder.documents import RunContext
from vpx_identity_builder.export.folder import publish

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
POLICY = "default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'"
"""The report forbids all scripts; only the probed copy runs one."""
PROBE = """<script>
window.addEventListener("load", () => {
  const images = [...document.images];
  const found = {
    images: images.length,
    broken: images.filter((image) => image.naturalWidth === 0).map((image) => image.getAttribute("src")),
    unnamed: images.filter((image) => !image.alt).length,
    overflow: document.documentElement.scrollWidth - window.innerWidth,
  };
  document.documentElement.setAttribute("data-probe", JSON.stringify(found));
});
</script>"""


def probe(page: Path, profile: Path, width_px: int) -> dict[str, object]:
    """Load a page in headless chromium and say what its pictures and its width are."""
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    command = [
        str(CHROMIUM),
        *flags.split(),
        "--allow-file-access-from-files",
        f"--user-data-dir={profile}",
        f"--window-size={width_px},900",
        "--virtual-time-budget=5000",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    match = re.search(r'data-probe="([^"]*)"', done.stdout)
    if match is None:
        raise AssertionError(f"the page never finished loading: {done.stderr[-500:]}")
    found: dict[str, object] = json.loads(match.group(1).replace("&quot;", '"'))
    return found


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("width_px", [1200, 500])
def test_every_picture_of_the_report_loads(
    tmp_path: Path, result_of: Callable[[int], RunResult], context: RunContext, width_px: int
) -> None:
    result = result_of(2)
    folder = publish(result, tmp_path / "out" / "ride" / "identity_builder", context)
    page = folder / "probe.html"
    report = (folder / "report.html").read_text()
    assert report.count(POLICY) == 1
    page.write_text(report.replace(POLICY, "").replace("</body>", f"{PROBE}</body>"))
    shown = sum(len(person.images) for person in result.persons) + len(result.pair)
    found = probe(page, tmp_path / "profile", width_px)
    assert found == {"images": shown, "broken": [], "unnamed": 0, "overflow": found["overflow"]}
    assert isinstance(found["overflow"], int)
    assert found["overflow"] <= 0
