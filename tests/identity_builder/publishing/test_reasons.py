"""Every reason code has a sentence, and the report shows it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import vpx_identity_builder
from vpx_identity_builder.core.config import GateConfig
from vpx_identity_builder.core.gates import GATE_WORDS, challenge_gate, loose_gate, strict_gate
from vpx_identity_builder.core.results import RunResult
from vpx_identity_builder.core.types import FaceMeasures, FaceSample
from vpx_identity_builder.documents import RunContext
from vpx_identity_builder.export.bundle import bundle
from vpx_identity_builder.export.report import render
from vpx_identity_builder.reasons import FAULTS, REASONS, fault_in_words, in_words

PACKAGE = Path(vpx_identity_builder.__file__).parent
DECIDING = ("core/pool.py", "core/offer.py", "builder.py")
FACE = FaceSample(0, 0, (100, 100), (10.0, 10.0, 50.0, 50.0), 0.9, FaceMeasures(40.0, 0.16))


def words_in(name: str) -> set[str]:
    """Every string constant of a module: the reason codes it can give are among them."""
    tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_sentence_is_of_a_code_that_the_builder_gives() -> None:
    assert set(REASONS) - set().union(*map(words_in, DECIDING)) == set()


def test_every_component_of_a_gate_has_a_sentence() -> None:
    config = GateConfig()
    gates = (strict_gate(FACE, None, config), loose_gate(FACE, None, config), challenge_gate(FACE, config))
    assert {check.name for gate in gates for check in gate.checks} == set(GATE_WORDS)


def test_every_fault_has_a_sentence() -> None:
    counted, named = r'faults?(?:\(|\[|=\{)f?"([a-z_]+)(?=["{:])', r'^[A-Z_]+ = "(frame_limit|source_\w+)"'
    pattern = re.compile(f"{counted}|{named}", re.MULTILINE)
    told = {a or b for path in PACKAGE.rglob("*.py") for a, b in pattern.findall(path.read_text(encoding="utf-8"))}
    assert told - {"unreadable"} == set(FAULTS)
    assert fault_in_words("unreadable:face.au") == "frames without readable word from face.au"
    assert fault_in_words("of_another_version") == "of another version"


def test_codes_in_words() -> None:
    assert in_words("gate:blur") == "not kept: the face is too blurred"
    assert in_words("worse_than_kept") == REASONS["worse_than_kept"]
    assert in_words("some_later_code") == "some later code"


def test_the_report_says_what_became_of_every_face(result_of: Callable[[int], RunResult], context: RunContext) -> None:
    result = replace(result_of(1), fates={"gate:edge": 7, "saved": 3})
    page = render(bundle(result, context))
    assert "not kept: the frame cuts the face" in page
    assert "kept: the first of its bucket" in page
