"""`select_refs` and `identity-builder query` over published folders."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import vpx_identity_builder
from vpx_identity_builder import InputError, QueryError, select_refs
from vpx_identity_builder.cli import app
from vpx_identity_builder.core.conditioning import Ratio
from vpx_identity_builder.core.results import Conditions, RunResult, SetName
from vpx_identity_builder.documents import RunContext
from vpx_identity_builder.errors import DocumentError
from vpx_identity_builder.export.folder import publish
from vpx_identity_builder.schema import ReferencesMeta, read_document


@pytest.fixture
def ride(tmp_path: Path, result_of: Callable[[int], RunResult], context: RunContext) -> Path:
    """A published run: per person two anchors, two coverage images and a dark challenge image."""
    publish(result_of(2), tmp_path / "ride" / "identity_builder", context)
    return tmp_path / "ride"


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.stem for path in paths]


def query(*words: object) -> Result:
    return CliRunner().invoke(app, ["query", *map(str, words)])


def test_paths_come_in_the_asked_proportion_with_what_to_avoid(ride: Path) -> None:
    found = select_refs(ride, 0, 4, "25:50:25")
    assert names(found.paths) == [
        "anchor_001",
        "cov_yaw0_pitch0_smile",
        "cov_yaw30_pitch15_mouth_open",
        "chal_dark_001",
    ]
    assert all(path.is_file() for path in found.paths)
    assert found.counts() == {SetName.ANCHOR: 1, SetName.COVERAGE: 2, SetName.CHALLENGE: 1}
    assert found.avoid == ("dark, underexposed face", "heavy shadow", "image noise")
    assert found.notes == ()
    assert select_refs(ride / "identity_builder", 0, 4, Ratio(1, 2, 1)).paths == (
        select_refs(ride / "identity_builder", 0, 4, "25:50:25").paths
    )


def test_a_short_set_is_filled_up_from_others_and_the_notes_say_so(ride: Path) -> None:
    found = select_refs(ride, 0, 10)
    assert len(found.paths) == 5
    assert found.notes == ("5 of 10 images: there are no more",)
    short = select_refs(ride, 0, 4)
    assert short.counts() == {SetName.ANCHOR: 2, SetName.COVERAGE: 2, SetName.CHALLENGE: 0}
    assert short.notes == ("coverage: 3 wanted, too few there; 1 more from anchor",)


def test_bins_narrow_coverage_and_challenge_and_put_fitting_anchors_first(ride: Path) -> None:
    smiling = select_refs(ride, 0, 4, buckets={"expression": ["smile"]})
    assert names(smiling.paths) == ["anchor_001", "anchor_002", "cov_yaw0_pitch0_smile"]
    aside = select_refs(ride, 0, 4, buckets={"yaw": ["30"], "pitch": ["slight-up"]})
    assert names(aside.paths) == ["anchor_001", "anchor_002", "cov_yaw30_pitch15_mouth_open"]
    dark = select_refs(ride, 0, 4, buckets={"lighting": ["dark"]})
    assert names(dark.paths) == ["anchor_001", "anchor_002", "chal_dark_001"]


def test_an_empty_answer_says_where_there_are_images(ride: Path) -> None:
    with pytest.raises(QueryError) as caught:
        select_refs(ride, 0, 4, buckets={"yaw": ["-45", "-30"], "lighting": []})
    assert str(caught.value) == (
        "none of that kind: person 0 has no image with yaw [-30,-15] or [-45,-30]; "
        "there are images with yaw [-5,5] (3), [15,30] (1), >45 (1)"
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"person_id": 2}, "there is no person 2 in"),
        ({"count": 0}, "the count must be at least 1"),
        ({"ratio": "1:2"}, "ratio '1:2': must be three numbers"),
        ({"buckets": {"yaw": ["20"]}}, "no such bin: '20' is none of yaw: [-45,-30]"),
        ({"buckets": {"mood": ["good"]}}, "'mood' is no axis: yaw, pitch, expression, lighting"),
    ],
)
def test_what_cannot_be_asked_is_named(ride: Path, arguments: dict[str, object], text: str) -> None:
    with pytest.raises(QueryError) as caught:
        select_refs(ride, **arguments)
    assert str(caught.value).startswith(text)


def test_what_is_no_run_is_named_with_the_runs_that_are_there(ride: Path) -> None:
    with pytest.raises(InputError, match=f"it holds the run ride: give {ride}$"):
        select_refs(ride.parent)
    shutil.copytree(ride, ride.parent / "another")
    with pytest.raises(InputError, match=f"it holds the runs another, ride: give one, as in {ride.parent}/another$"):
        select_refs(ride.parent)
    with pytest.raises(InputError, match="it is a file; give the folder OUTPUT/VIDEO"):
        select_refs(ride / "identity_builder" / "result.json")
    with pytest.raises(InputError, match="it does not exist"):
        select_refs(ride / "nowhere")
    (ride / "identity_builder" / "person_0" / "meta.json").unlink()
    with pytest.raises(InputError, match=r"meta\.json: it is missing"):
        select_refs(ride)


def test_an_erased_run_is_said_to_be_erased(tmp_path: Path) -> None:
    (tmp_path / "erased.json").write_text("{}")
    with pytest.raises(InputError, match=r"what was kept of this video was erased, erased\.json says when"):
        select_refs(tmp_path)


def test_one_reference_is_an_anchor_however_few_are_asked_for(ride: Path) -> None:
    assert names(select_refs(ride, 0, 1).paths) == ["anchor_001"]
    assert names(select_refs(ride, 0, 2).paths) == ["anchor_001", "cov_yaw0_pitch0_smile"]
    assert names(select_refs(ride, 0, 1, "0:1:0").paths) == ["cov_yaw0_pitch0_smile"]


def test_a_covered_face_comes_last_and_is_said_to_be_covered(
    tmp_path: Path, result_of: Callable[[int], RunResult], context: RunContext
) -> None:
    """The first coverage image, which was the better one, shows a hand before the face."""
    result = result_of(1)
    person = result.persons[0]
    first, *others = person.coverage_images
    covered = replace(first.candidate, buckets=replace(first.candidate.buckets, occlusion="partial"))
    person = replace(person, coverage_images=(replace(first, candidate=covered), *others))
    publish(replace(result, persons=(person,)), tmp_path / "identity_builder", context)
    few, many = (select_refs(tmp_path / "identity_builder", 0, count, "0:100:0") for count in (1, 2))
    assert names(few.paths) == [others[0].name]
    assert names(many.paths) == [others[0].name, first.name]
    hands = "hands or objects in front of the face"
    assert (hands in few.avoid, hands in many.avoid) == (False, True)
    answer = json.loads(query(tmp_path / "identity_builder", "--count", 2, "--ratio", "0:100:0", "--json").stdout)
    assert [image["occlusion_bin"] for image in answer["images"]] == ["none", "partial"]


def test_a_bin_that_could_not_be_told_can_be_asked_for(ride: Path) -> None:
    with pytest.raises(QueryError, match="none of that kind: person 0 has no image with pitch unknown"):
        select_refs(ride, 0, 1, buckets={"pitch": ["unknown"]})
    path = ride / "identity_builder" / "person_0" / "coverage" / "cov_yaw0_pitch0_smile_meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pitch_bin": "unknown"}))
    found = select_refs(ride, 0, 1, "0:1:0", {"pitch": ["unknown"]})
    assert names(found.paths) == ["cov_yaw0_pitch0_smile"]


def test_a_run_that_was_killed_is_to_be_recovered_first(tmp_path: Path) -> None:
    run = tmp_path / "killed"
    run.mkdir()
    (run / "run.sqlite").write_bytes(b"")
    for given in (run, tmp_path):
        with pytest.raises(InputError, match=f"run `identity-builder recover {given}` first"):
            select_refs(given)


def test_a_document_of_an_unknown_version_is_refused(ride: Path) -> None:
    path = ride / "identity_builder" / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 2}))
    with pytest.raises(DocumentError, match="schema_version"):
        select_refs(ride)


def test_an_image_whose_file_is_gone_is_left_out(ride: Path) -> None:
    (ride / "identity_builder" / "person_0" / "anchors" / "anchor_001.jpg").unlink()
    found = select_refs(ride, 0, 2, "1:1:0")
    assert names(found.paths) == ["anchor_002", "cov_yaw0_pitch0_smile"]
    assert found.notes == ("left out: 1 whose image file is missing",)


def test_auto_goes_by_what_the_documents_say(
    tmp_path: Path, result_of: Callable[[int], RunResult], context: RunContext
) -> None:
    result = result_of(1)
    ratios = {}
    for name, seen in {
        "shaky": Conditions(100, 10, 20, 25, 0),
        "dark": Conditions(100, 0, 0, 0, 40),
        "plain": Conditions(100, 1, 1, 2, 3),
    }.items():
        varied = replace(
            result.persons[0].coverage,
            yaw=replace(result.persons[0].coverage.yaw, filled=("[-5,5]", "[5,15]", "[15,30]")),
        )
        person = replace(result.persons[0], conditions=seen, coverage=varied)
        publish(replace(result, persons=(person,)), tmp_path / name / "identity_builder", context)
        ratios[name] = str(select_refs(tmp_path / name, ratio="auto").ratio)
    assert ratios == {"shaky": "30:60:10", "dark": "20:65:15", "plain": "20:70:10"}


def test_the_command_prints_paths_alone_and_the_rest_apart(ride: Path) -> None:
    done = query(ride, "--count", 4, "--expression", "smile,mouth_open", "--yaw", "[-5,5],30", "--ratio", "auto")
    assert done.exit_code == 0
    assert [Path(line).stem for line in done.stdout.splitlines()] == [
        "anchor_001",
        "anchor_002",
        "cov_yaw0_pitch0_smile",
        "cov_yaw30_pitch15_mouth_open",
    ]
    assert done.stderr.splitlines()[0].startswith("2 anchors, 2 coverage, 0 challenge; ratio 15:75:10 (poses or")
    assert done.stderr.splitlines()[-1] == "avoid: dark, underexposed face, heavy shadow, image noise"


def test_the_command_prints_a_document_that_is_read_back(ride: Path) -> None:
    done = query(ride, "--person", 1, "--count", 3, "--json")
    document = read_document(ReferencesMeta, done.stdout, "references")
    assert done.exit_code == 0
    assert (document.person_id, len(document.images), document.counts.anchor) == (1, 3, 1)
    assert [image.type for image in document.images] == ["anchor", "coverage", "coverage"]
    assert all(Path(image.path).is_file() for image in document.images)
    assert document.to_json() == done.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [(["nowhere"], 3), (["ride", "--person", 5], 2), (["ride", "--yaw", "-45"], 2), (["ride", "--ratio", "x"], 2)],
)
def test_errors_of_the_command_are_one_line_with_a_code(
    ride: Path, monkeypatch: pytest.MonkeyPatch, words: list[object], code: int
) -> None:
    monkeypatch.chdir(ride.parent)
    done = query(*words)
    assert done.exit_code == code
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_the_public_names_of_the_package() -> None:
    assert sorted(vpx_identity_builder.__all__) == vpx_identity_builder.__all__
    assert {"IdentityBuilder", "References", "select_refs"} <= set(vpx_identity_builder.__all__)
    assert all(hasattr(vpx_identity_builder, name) for name in vpx_identity_builder.__all__)
