import importlib
import sys

import pytest
from vpx.sdk import ModuleLoadError, ModuleNameMismatchError, ModuleNotInstalledError, discover_modules
from vpx.sdk.discovery import load_module_class


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Install a small distribution on the path, with one entry point per given line."""

    def install(source, *lines, name="sdk_test_plugin"):
        (tmp_path / f"{name}.py").write_text(source)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[visualpath.modules]\n" + "\n".join(lines) + "\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()

    yield install
    for module in [key for key in sys.modules if key.startswith("sdk_test_plugin")]:
        del sys.modules[module]


SOURCE = """
class Good:
    name = "test.good"
    def process(self, frame, deps=None):
        return None
NOT_A_CLASS = 3
"""


def test_an_installed_module_is_found_and_loaded(plugin):
    plugin(SOURCE, "test.good = sdk_test_plugin:Good")
    assert discover_modules()["test.good"].value == "sdk_test_plugin:Good"
    assert load_module_class("test.good").name == "test.good"


def test_an_unknown_name_lists_what_there_is(plugin):
    plugin(SOURCE, "test.good = sdk_test_plugin:Good")
    with pytest.raises(ModuleNotInstalledError, match=r"'test\.bad'.*test\.good"):
        load_module_class("test.bad")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("sdk_test_plugin:Absent", "AttributeError"),
        ("sdk_test_absent:Good", "ModuleNotFoundError"),
        ("sdk_test_plugin:NOT_A_CLASS", "not a class"),
    ],
)
def test_a_broken_entry_point_is_explained(plugin, target, reason):
    plugin(SOURCE, f"test.broken = {target}")
    with pytest.raises(ModuleLoadError, match=reason) as caught:
        load_module_class("test.broken")
    assert (caught.value.name, caught.value.value) == ("test.broken", target)


def test_key_and_name_must_be_equal(plugin):
    plugin(SOURCE, "test.other = sdk_test_plugin:Good")
    with pytest.raises(ModuleNameMismatchError, match=r"'test\.other'.*'test\.good'"):
        load_module_class("test.other")


def test_of_two_claims_one_wins_and_the_other_is_logged(plugin, caplog):
    plugin(SOURCE, "test.good = sdk_test_plugin:Good")
    plugin(SOURCE, "test.good = sdk_test_plugin_two:Good", name="sdk_test_plugin_two")
    assert discover_modules()["test.good"].value == "sdk_test_plugin:Good"
    assert "sdk_test_plugin_two:Good is not" in caplog.text
