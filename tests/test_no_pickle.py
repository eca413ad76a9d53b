"""Nothing that is shipped can run code out of a data file: no pickle and its like, no evaluated text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = [
    "vpx_identity_builder",
    "vpx_vision_embed",
    "examples",
    *(str(p.relative_to(ROOT)) for p in ROOT.glob("ecosystem/*/src")),
]
MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "jsonpickle"}
CALLS = {"eval", "exec", "compile", "__import__"}
LOADERS = {"torch.load", "pandas.read_pickle", "np.fromregex"}


def findings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (f"{path.name}: imports {name}" for name in names if name.split(".")[0] in MODULES)
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in CALLS | LOADERS:
                yield f"{path.name}: calls {called}"
            if any(item.arg == "allow_pickle" and ast.unparse(item.value) != "False" for item in node.keywords):
                yield f"{path.name}: allow_pickle"


@pytest.mark.parametrize("folder", SHIPPED)
def test_no_code_comes_out_of_data(folder: str) -> None:
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    assert [found for path in paths for found in findings(path)] == []


def test_the_search_itself_finds_what_it_looks_for(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("import pickle\nimport torch\ntorch.load('x')\nnp.load('x', allow_pickle=True)\neval('1')\n")
    assert [text.partition(": ")[2] for text in findings(bad)] == [
        "imports pickle",
        "calls torch.load",
        "allow_pickle",
        "calls eval",
    ]
