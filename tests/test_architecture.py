"""The house: imports point one way, and our distributions can only come from this repository."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ECOSYSTEM = ("visualbase", "vpx-sdk", "vpx-runner", "vpx-face-detect", "vpx-face-expression", "vpx-body-pose")
BUILDER, EMBED = ROOT / "vpx_identity_builder", ROOT / "vpx_vision_embed"

SDK_OF_BOTH_ERAS = {
    "BBoxMark",
    "BarMark",
    "Capability",
    "DrawStyle",
    "ErrorPolicy",
    "KeypointsMark",
    "LabelMark",
    "Module",
    "ModuleCapabilities",
    "Observation",
    "PortSchema",
    "ProcessingStep",
    "get_home_dir",
    "get_models_dir",
    "get_processing_steps",
    "processing_step",
    "toposort_modules",
}


def imports_of(path: Path, *, at_run_time: bool = False) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(absolute module, names) of every import in a file, relative ones resolved."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(node)
        for guard in ast.walk(tree)
        if at_run_time and isinstance(guard, ast.If) and ast.unparse(guard.test) == "TYPE_CHECKING"
        for node in ast.walk(guard)
    }
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            yield module, tuple(alias.name for alias in node.names)


def modules_imported(path: Path) -> set[str]:
    """Modules a file imports, with `from package import module` counted as the module."""
    return {f"{module}.{name}" if names else module for module, names in imports_of(path) for name in names or ("",)}


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def test_core_needs_numpy_and_the_standard_library_only() -> None:
    allowed = set(sys.stdlib_module_names) | {"numpy"}
    strangers = {
        (path.name, module)
        for path in files(BUILDER / "core")
        for module, _ in imports_of(path)
        if module.split(".")[0] not in allowed and not module.startswith("vpx_identity_builder.core")
    }
    assert strangers == set()


def test_builder_imports_core_only() -> None:
    ours = {m for m, _ in imports_of(BUILDER / "builder.py") if m.startswith("vpx")}
    assert {m for m in ours if not m.startswith("vpx_identity_builder.core")} == set()


@pytest.mark.parametrize("name", ["module", "cli"])
def test_nothing_below_imports_the_module_or_the_command_line(name: str) -> None:
    upper = {BUILDER / "module.py", BUILDER / "cli.py", BUILDER / "__init__.py", *files(BUILDER / "commands")}
    guilty = {
        path.name
        for path in files(BUILDER)
        if path not in upper and any(m.startswith(f"vpx_identity_builder.{name}") for m in modules_imported(path))
    }
    assert guilty == set()


def test_hooks_are_known_to_adapters_and_what_stands_above_them() -> None:
    """The core and the builder take a policy; they know of no plugin."""
    plugin_files = sorted(BUILDER.glob("hooks*.py"))
    assert {path.name for path in plugin_files} >= {"hooks.py", "hooks_calls.py", "hooks_plugins.py"}
    above = {f"vpx_identity_builder.{name}" for name in ("module", "run", "place", "cli", "commands", "settings")}
    for path in plugin_files:
        assert {m for m in modules_imported(path) if ".".join(m.split(".")[:2]) in above} == set()
    below = [BUILDER / "builder.py", *files(BUILDER / "core"), *BUILDER.glob("observations*.py")]
    assert {p.name for p in below for m in modules_imported(p) if m.startswith("vpx_identity_builder.hooks")} == set()


def test_the_memory_is_a_plugin_that_only_a_run_brings_in() -> None:
    memory = sorted(BUILDER.glob("memory*.py"))
    above = {f"vpx_identity_builder.{name}" for name in ("module", "run", "cli", "commands", "settings", "hooks_calls")}
    assert {m for path in memory for m in modules_imported(path) if ".".join(m.split(".")[:2]) in above} == set()
    users = {
        path.relative_to(BUILDER).as_posix()
        for path in files(BUILDER)
        if path not in memory and any(m.startswith("vpx_identity_builder.memory") for m in modules_imported(path))
    }
    assert users <= {"run.py", "commands/plugins.py", "erasure/banks.py"}


def test_only_hooks_know_the_plugin_library() -> None:
    users = {path.name for path in files(BUILDER) for m, _ in imports_of(path) if m.split(".")[0] == "pluggy"}
    assert users == {"hooks.py", "hooks_calls.py", "hooks_plugins.py"}


def test_the_two_plugins_meet_in_types_only() -> None:
    builder = {m for path in files(BUILDER) for m, _ in imports_of(path) if m.startswith("vpx_vision_embed")}
    embed = {m for path in files(EMBED) for m, _ in imports_of(path) if m.startswith("vpx_identity_builder")}
    assert builder <= {"vpx_vision_embed.types"}
    assert embed == set()


def test_the_plugins_import_only_what_both_eras_offer() -> None:
    """At run time: `vpx.runner` is for the command line, `vpx.sdk` for the names that both eras have."""
    offenders = []
    for path in [*files(BUILDER), *files(EMBED)]:
        for module, names in imports_of(path, at_run_time=True):
            command_line = path.name == "cli.py" or path.parent.name == "commands"
            if module == "vpx.sdk":
                offenders += [(path.name, name) for name in names if name not in SDK_OF_BOTH_ERAS]
            elif module.split(".")[0] == "vpx" and not (command_line and module.startswith("vpx.runner")):
                offenders.append((path.name, module))
            elif module.split(".")[0] == "visualbase" and not command_line:
                offenders += [(path.name, f"visualbase.{n}") for n in names if n not in ("Frame", "FileSource")]
    assert offenders == []


def test_only_the_backends_import_inference_libraries() -> None:
    guilty = {
        path.name
        for path in [*files(BUILDER), *files(EMBED)]
        if path.parent.name != "backends"
        for module, _ in imports_of(path)
        if module.split(".")[0] in ("onnxruntime", "torch", "timm")
    }
    assert guilty == set()


def test_every_inference_session_has_options_and_providers() -> None:
    sources = [
        *files(BUILDER),
        *files(EMBED),
        *(p for root in ROOT.glob("ecosystem/*/src") for p in root.rglob("*.py")),
    ]
    calls = [
        (path.name, len(call.args), {keyword.arg for keyword in call.keywords})
        for path in sources
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("InferenceSession")
    ]
    assert {name for name, *_ in calls} == {"onnx.py", "runtime.py", "movenet.py"}
    assert [call for call in calls if call[1] < 2 or "providers" not in call[2]] == []


def names_required(path: Path) -> set[str]:
    """Distribution names in a requirement list, normalised."""
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return {re.split(r"[=<>!~\[; ]", line)[0].lower().replace("_", "-") for line in lines if line}


def test_no_ecosystem_name_can_come_from_a_package_index() -> None:
    assert names_required(ROOT / "constraints.txt").isdisjoint({*ECOSYSTEM, "vpx-identity-builder"})
    ours = [
        line
        for line in (ROOT / "Makefile").read_text().splitlines()
        if "pip install" in line and ("ECOSYSTEM" in line or "--editable ." in line)
    ]
    assert len(ours) == 3  # two for `make setup`, one for `make test-timm`
    assert all("--no-deps" in line and "--no-build-isolation" in line for line in ours)


def test_every_third_party_requirement_is_pinned() -> None:
    pinned = names_required(ROOT / "constraints.txt")
    wanted: set[str] = set()
    for path in [ROOT / "pyproject.toml", *sorted(ROOT.glob("ecosystem/*/pyproject.toml"))]:
        project = tomllib.loads(path.read_text())["project"]
        extras = project.get("optional-dependencies", {})
        wanted |= {re.split(r"[=<>!~\[; ]", r)[0].lower() for r in project["dependencies"]}
        wanted |= {re.split(r"[=<>!~\[; ]", r)[0].lower() for name in ("cpu", "dev") for r in extras.get(name, [])}
    assert wanted - set(ECOSYSTEM) <= pinned


def test_every_ecosystem_package_extends_the_shared_namespace_and_does_nothing_else() -> None:
    inits = sorted(ROOT.glob("ecosystem/*/src/vpx/__init__.py"))
    assert len(inits) == len(ECOSYSTEM) - 1
    assert {path.read_text() for path in inits} == {
        "from pkgutil import extend_path\n\n__path__ = extend_path(__path__, __name__)\n"
    }
