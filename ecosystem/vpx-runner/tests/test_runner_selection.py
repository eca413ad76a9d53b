import pytest
from vpx.runner import LiteRunner, SettingsError
from vpx.sdk import (
    DependencyCycleError,
    DuplicateModuleError,
    ModuleLoadError,
    ModuleNotInstalledError,
)
from vpx.sdk.testing import FakeModule


def test_names_bring_their_required_modules(plugins):
    names = [module.name for module in LiteRunner(["run.second"]).modules]
    assert names == ["run.first", "run.second"]


def test_optional_modules_come_on_request_if_installed(plugins):
    names = [module.name for module in LiteRunner(["run.second"], include_optional=True).modules]
    assert sorted(names) == ["run.extra", "run.first", "run.second"]
    assert names[-1] == "run.second"


def test_names_and_instances_mix(plugins):
    mine = FakeModule("run.first")
    runner = LiteRunner(["run.second", mine])
    assert runner.modules[0] is mine
    assert runner.resolve()[1] is runner.modules[1]


def test_an_absent_requirement_says_who_needs_it(plugins):
    with pytest.raises(ModuleNotInstalledError, match=r"'no\.such'") as caught:
        LiteRunner([FakeModule("a", depends=["no.such"])]).resolve()
    assert caught.value.__notes__ == ["it is needed by 'a'"]


def test_selection_errors_are_the_sdks(plugins):
    with pytest.raises(ModuleLoadError, match="AttributeError"):
        LiteRunner(["run.broken"]).resolve()
    with pytest.raises(DuplicateModuleError):
        LiteRunner([FakeModule("a"), FakeModule("a")]).resolve()
    with pytest.raises(DependencyCycleError):
        LiteRunner([FakeModule("a", depends=["b"]), FakeModule("b", depends=["a"])]).resolve()


def test_a_broken_optional_module_is_left_out_with_a_warning(plugins, caplog):
    names = [
        m.name for m in LiteRunner([FakeModule("a", optional_depends=["run.broken"])], include_optional=True).modules
    ]
    assert names == ["a"]
    assert "'a' runs without it" in caplog.text


def test_settings_reach_constructors_as_json_or_text(plugins):
    module = LiteRunner(["run.first"], settings={"run.first.size": "7", "run.first.mode": "deep"}).modules[0]
    assert (module.size, module.mode) == (7, "deep")


def test_settings_reach_from_settings_as_text(plugins):
    assert LiteRunner(["run.texts"], settings={"run.texts.good": "7"}).modules[0].values == {"good": "7"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"run.first.depth": "1"}, "no setting depth; its settings are: size, mode"),
        ({"run.extra.depth": "1"}, "no module 'run.extra' in this run"),
        ({"run.first.size": "big"}, "size must be a whole number"),
        ({"size": "1"}, r"module\.key=value"),
    ],
)
def test_wrong_settings_are_explained(plugins, settings, message):
    with pytest.raises(SettingsError, match=message):
        LiteRunner(["run.first"], settings=settings).resolve()


def test_settings_cannot_reach_instances():
    with pytest.raises(SettingsError, match="ready-made"):
        LiteRunner([FakeModule("a")], settings={"a.x": "1"}).resolve()
