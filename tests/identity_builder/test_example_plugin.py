"""The example plugin, from its own wheel: found, listed, asked; and what a broken distribution is told as."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from vpx_identity_builder import hooks

ROOT = Path(__file__).resolve().parents[2]
MAIN = "from vpx_identity_builder.cli import main; main()"
EXAMPLE = ROOT / "examples" / "lighting_direction"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed example, as an installer lays out its wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=EXAMPLE, check=True, capture_output=True, text=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "120"}
    return subprocess.run([sys.executable, *words], env=environ, cwd=site, capture_output=True, text=True, check=False)


def test_it_is_listed_with_its_version_and_hooks(site: Path) -> None:
    done = run(site, "-c", MAIN, "plugins")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["lighting_direction", "0.1.0", "bucket_axes"] in lines
    assert lines[0] == ["plugin", "version", "hooks"]


def test_it_says_from_which_side_each_face_is_lit(site: Path) -> None:
    script = """
        import numpy as np
        from vpx_identity_builder.core.types import FaceMeasures, FaceSample, Pose
        from vpx_identity_builder.hooks_calls import Hooks

        ramp = np.tile(np.linspace(40, 200, 80), (100, 1))[..., None].repeat(3, axis=2)
        frames = {"right": ramp, "left": ramp[:, ::-1], "front": np.full((100, 80, 3), 120.0)}
        for yaw in (0.0, 40.0):
            sample = FaceSample(0, 0, (80, 100), (0, 0, 80, 100), 0.9, FaceMeasures(80, 1.0), pose=Pose(yaw))
            for name, frame in frames.items():
                hooks = Hooks()
                (seen,) = hooks.with_extra_bins([sample], frame.astype(np.uint8))
                assert hooks.faults == []
                print(yaw, name, dict(seen.extra_bins).get("lighting_direction"))
    """
    done = run(site, "-c", textwrap.dedent(script))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "0.0 right right",
        "0.0 left left",
        "0.0 front front",
        "40.0 right None",
        "40.0 left None",
        "40.0 front None",
    ]


def test_every_hook_stands_in_the_docs_with_its_arguments() -> None:
    page = (ROOT / "docs" / "hooks.md").read_text()
    specs = [name for name in vars(hooks) if name.startswith(hooks.PROJECT + "_")]
    assert len(specs) == 7
    missing = [n for n in specs if f"`{n}({', '.join(inspect.signature(getattr(hooks, n)).parameters)})`" not in page]
    assert missing == []


def test_it_can_be_left_alone(site: Path) -> None:
    load = "from vpx_identity_builder.hooks_plugins import plugin_manager"
    names = "('lighting_direction', 'other')"
    script = f"{load}; print(*(plugin_manager([], [], [name])[0].list_name_plugin() for name in {names}), sep='\\n')"
    off, on = run(site, "-c", script).stdout.splitlines()
    assert (off, "('lighting_direction', " in on) == ("[]", True)


def test_a_distribution_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    info = tmp_path / "broken-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[identity_builder.hooks]\nbroken = not_there:Plugin\n")
    done = run(tmp_path, "-c", MAIN, "plugins")
    assert done.returncode == 1
    assert "broken" in done.stdout
    assert done.stderr == "error: plugin broken cannot be used: ModuleNotFoundError: No module named 'not_there'\n"
    asked = run(tmp_path, "-c", "from vpx_identity_builder.hooks_calls import Hooks; print(*Hooks().faults)")
    assert asked.stdout.startswith("plugin broken: loading failed: ModuleNotFoundError")


@pytest.mark.real
def test_a_faulty_hook_is_one_line_and_code_1_and_the_set_is_published(tmp_path: Path) -> None:
    info = tmp_path / "site" / "broken-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[identity_builder.hooks]\nbroken = broken_plugin:Plugin\n")
    hook = "def identity_builder_export(self, bundle): raise OSError('no space for lists')"
    plugin = f"from vpx_identity_builder.hooks import hookimpl\nclass Plugin:\n    @hookimpl\n    {hook}\n"
    (tmp_path / "site" / "broken_plugin.py").write_text(plugin)
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((120, 160, 3), 120, np.uint8))
    done = run(tmp_path / "site", "-c", MAIN, "build", str(tmp_path / "wall.png"), "-o", str(tmp_path / "out"))
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "plugin" in line]
    assert line.startswith(
        f"error: {tmp_path / 'wall.png'}: plugin broken: identity_builder_export failed: OSError: no"
    )
    assert line.endswith("called with bundle=Bundle; the run went on without it")
    assert (tmp_path / "out" / "wall" / "identity_builder" / "report.html").is_file()


def test_brightness_balance_has_the_side_of_the_light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    from lighting_direction import BALANCE, balance

    even = np.random.default_rng(1).integers(100, 140, (120, 100, 3), dtype=np.uint8)
    assert abs(balance(even)) < BALANCE / 2
    lit = even.copy()
    lit[:, 50:] += 90
    assert balance(lit) > BALANCE
    assert balance(lit[:, ::-1]) == pytest.approx(-balance(lit), abs=0.02)
    assert balance(np.zeros((20, 20, 3), np.uint8)) == 0.0
