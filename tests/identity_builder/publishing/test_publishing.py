"""Publishing: the old complete set or the new complete one, at whatever operation the disk or the process fails."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vpx_identity_builder.core.results import RunResult
from vpx_identity_builder.documents import RunContext
from vpx_identity_builder.errors import DocumentError, ExportError, FolderNameError
from vpx_identity_builder.export.atomic import replace_tree
from vpx_identity_builder.export.files import LocalFiles
from vpx_identity_builder.export.folder import publish, target_folder

OLD = {"result.json": b"old", "person_0/a.jpg": b"old picture"}
NEW = {"result.json": b"new", "person_0/b.jpg": b"new picture", "person_1/c.jpg": b"another"}


class Killed(BaseException):
    """The process dies: no handler for ordinary errors may run."""


class FailingFiles(LocalFiles):
    """The real disk, whose n-th operation fails (and every later one, when the process is dead)."""

    def __init__(self, fails_at: int, failure: BaseException, can_exchange: bool = True) -> None:
        self.fails_at = fails_at
        self.failure = failure
        self.can_exchange = can_exchange
        self.operations = 0

    def _step(self) -> None:
        self.operations += 1
        dead = isinstance(self.failure, Killed) and self.operations > self.fails_at
        if self.operations == self.fails_at or dead:
            raise self.failure

    def make_folder(self, path: Path) -> None:
        self._step()
        super().make_folder(path)

    def write(self, path: Path, data: bytes) -> None:
        half = self.operations + 1 == self.fails_at
        if half:
            path.write_bytes(data[: len(data) // 2])
        self._step()
        super().write(path, data)

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)

    def exchange(self, first: Path, second: Path) -> bool:
        self._step()
        return super().exchange(first, second) if self.can_exchange else False

    def remove_tree(self, path: Path) -> None:
        self._step()
        super().remove_tree(path)

    def sync_folder(self, path: Path) -> None:
        self._step()
        super().sync_folder(path)


def folders_of(data: dict[str, bytes]) -> list[str]:
    return sorted({str(Path(name).parent) for name in data if "/" in name})


def content(target: Path) -> dict[str, bytes]:
    return {str(p.relative_to(target)): p.read_bytes() for p in sorted(target.rglob("*")) if p.is_file()}


def put(target: Path, data: dict[str, bytes], files: LocalFiles | None = None) -> None:
    replace_tree(target, folders_of(data), data, files)


def operations_needed(target: Path, can_exchange: bool) -> int:
    put(target, OLD)
    counting = FailingFiles(0, OSError(), can_exchange)
    put(target, NEW, counting)
    return counting.operations


@pytest.mark.parametrize("can_exchange", [True, False], ids=["swap", "two renames"])
def test_a_failing_disk_leaves_the_old_set_or_the_new_one(tmp_path: Path, can_exchange: bool) -> None:
    for step in range(1, operations_needed(tmp_path / "counted", can_exchange) + 1):
        target = tmp_path / f"v{step}" / "identity_builder"
        put(target, OLD)
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        said = f"cannot write {target}: No space left on device"
        try:
            put(target, NEW, FailingFiles(step, full, can_exchange))
        except ExportError as error:
            said = str(error)
        assert said == f"cannot write {target}: No space left on device"
        assert content(target) in (OLD, NEW)
        put(target, NEW)
        assert content(target) == NEW
        assert [path.name for path in target.parent.iterdir()] == ["identity_builder"]


@pytest.mark.parametrize("can_exchange", [True, False], ids=["swap", "two renames"])
def test_a_killed_process_leaves_a_complete_set_after_repair(tmp_path: Path, can_exchange: bool) -> None:
    for step in range(1, operations_needed(tmp_path / "counted", can_exchange) + 1):
        target = tmp_path / f"v{step}" / "identity_builder"
        put(target, OLD)
        with pytest.raises(Killed):
            put(target, NEW, FailingFiles(step, Killed(), can_exchange))
        if target.exists():
            assert content(target) in (OLD, NEW)
        failing_later = FailingFiles(9, OSError(errno.ENOSPC, "full"))
        with pytest.raises(ExportError):
            put(target, NEW, failing_later)
        assert content(target) in (OLD, NEW)
        put(target, NEW)
        assert content(target) == NEW
        assert [path.name for path in target.parent.iterdir()] == ["identity_builder"]


def test_a_first_publish_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "ride" / "identity_builder"
    with pytest.raises(ExportError):
        put(target, NEW, FailingFiles(5, OSError(errno.EIO, "broken")))
    assert list(target.parent.iterdir()) == []


def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    class ReadOnly(LocalFiles):
        def make_folder(self, path: Path) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    with pytest.raises(ExportError) as caught:
        put(tmp_path / "ride" / "identity_builder", NEW, ReadOnly())
    assert str(caught.value) == f"cannot write {tmp_path / 'ride' / 'identity_builder'}: Permission denied"
    assert isinstance(caught.value, OSError)


def test_only_the_owner_can_read_what_is_written(tmp_path: Path) -> None:
    target = tmp_path / "out" / "ride" / "identity_builder"
    put(target, NEW)
    for path in (tmp_path / "out", target.parent, target, *target.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_a_folder_that_is_not_ours_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "identity_builder"
    target.mkdir()
    (target / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(ExportError, match="not a set of ours"):
        put(target, NEW)
    assert content(target) == {"holiday.jpg": b"mine"}


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_link_or_file_in_the_way_is_refused(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "identity_builder"
    if kind == "link":
        (tmp_path / "elsewhere").mkdir()
        target.symlink_to(tmp_path / "elsewhere")
    else:
        target.write_bytes(b"x")
    with pytest.raises(ExportError, match="link" if kind == "link" else "not a folder"):
        put(target, NEW)


def test_two_publishers_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "identity_builder"

    class Nested(LocalFiles):
        def write(self, path: Path, data: bytes) -> None:
            with pytest.raises(ExportError, match="another process"):
                put(target, OLD)
            super().write(path, data)

    put(target, NEW, Nested())
    assert content(target) == NEW


def test_the_layout_of_section_2(tmp_path: Path, result_of: Callable[[int], RunResult], context: RunContext) -> None:
    target = publish(result_of(2), tmp_path / "ride" / "identity_builder", context)
    found = {str(path.relative_to(target)) for path in target.rglob("*")}
    person = [
        "anchors",
        "anchors/anchor_001.jpg",
        "anchors/anchor_001_meta.json",
        "anchors/anchor_002.jpg",
        "anchors/anchor_002_meta.json",
        "coverage",
        "coverage/cov_yaw0_pitch0_smile.jpg",
        "coverage/cov_yaw0_pitch0_smile_meta.json",
        "coverage/cov_yaw30_pitch15_mouth_open.jpg",
        "coverage/cov_yaw30_pitch15_mouth_open_meta.json",
        "challenge",
        "challenge/chal_dark_001.jpg",
        "challenge/chal_dark_001_meta.json",
        "meta.json",
    ]
    expected = {"result.json", "report.html", "pair", "pair/pair_001.jpg", "pair/pair_001_meta.json"}
    for number in (0, 1):
        expected |= {f"person_{number}", *(f"person_{number}/{name}" for name in person)}
    assert found == expected
    image = result_of(2).persons[0].anchors[0].candidate.image
    assert (target / "person_0/anchors/anchor_001.jpg").read_bytes() == image


def test_one_person_has_three_folders_even_when_empty_and_no_pair(
    tmp_path: Path, result_of: Callable[[int], RunResult], context: RunContext
) -> None:
    result = result_of(1)
    bare = replace(result.persons[0], anchors=(), coverage_images=(), challenge=())
    target = publish(replace(result, persons=(bare,)), tmp_path / "identity_builder", context)
    assert sorted(path.name for path in (target / "person_0").iterdir()) == [
        "anchors",
        "challenge",
        "coverage",
        "meta.json",
    ]
    assert not (target / "pair").exists()


def test_nobody_found_still_writes_why(
    tmp_path: Path, result_of: Callable[[int], RunResult], context: RunContext
) -> None:
    target = publish(result_of(0), tmp_path / "identity_builder", context)
    assert sorted(path.name for path in target.iterdir()) == ["report.html", "result.json"]
    assert json.loads((target / "result.json").read_text())["notes"] != []


def test_a_new_result_replaces_the_old_one_without_leftovers(
    tmp_path: Path, result_of: Callable[[int], RunResult], context: RunContext
) -> None:
    target = tmp_path / "identity_builder"
    publish(result_of(2), target, context)
    publish(result_of(1), target, context)
    assert sorted(path.name for path in target.iterdir()) == ["person_0", "report.html", "result.json"]


def test_equal_runs_give_equal_bytes(
    tmp_path: Path, result_of: Callable[[int], RunResult], context: RunContext
) -> None:
    first = publish(result_of(2), tmp_path / "a", context)
    second = publish(result_of(2), tmp_path / "b", context)
    assert content(first) == content(second)


def test_bytes_that_are_no_image_are_refused_before_anything_is_written(
    tmp_path: Path, result_of: Callable[[int], RunResult], context: RunContext
) -> None:
    result = result_of(1)
    person = result.persons[0]
    broken = replace(person.anchors[0], candidate=replace(person.anchors[0].candidate, image=b"text"))
    with pytest.raises(DocumentError, match="neither JPEG nor PNG"):
        publish(replace(result, persons=(replace(person, anchors=(broken,)),)), tmp_path / "identity_builder", context)
    assert list(tmp_path.iterdir()) == []


def test_same_content_keeps_the_name_and_other_content_gets_a_suffix(
    tmp_path: Path, result_of: Callable[[int], RunResult], context: RunContext
) -> None:
    mine, other = str(context.content_sha256), "f" * 64
    name, target = target_folder(tmp_path, "ride", mine)
    assert (name, target) == ("ride", tmp_path / "ride" / "identity_builder")
    publish(result_of(1), target, context)
    assert target_folder(tmp_path, "ride", mine) == (name, target)
    assert target_folder(tmp_path, "ride", other) == ("ride-ffffff", tmp_path / "ride-ffffff" / "identity_builder")
    target.rename(target.with_name(".identity_builder.old"))
    assert target_folder(tmp_path, "ride", other)[0] == "ride-ffffff"


@pytest.mark.parametrize("alike", ["r\u0456de", "RIDE", "Ride", "r\u03b9d\u0435"])
def test_a_name_that_looks_like_a_taken_one_gets_a_suffix(
    tmp_path: Path, result_of: Callable[[int], RunResult], context: RunContext, alike: str
) -> None:
    mine, other = str(context.content_sha256), "f" * 64
    publish(result_of(1), target_folder(tmp_path, "ride", mine)[1], context)
    assert target_folder(tmp_path, alike, other)[0] == f"{alike}-ffffff"
    suffixed, target = target_folder(tmp_path, alike, mine)
    assert suffixed == f"{alike}-{mine[:6]}", "two folders that look the same are one too many for an erasure"
    publish(result_of(1), target, context)
    assert target_folder(tmp_path, alike, mine) == (suffixed, target)
    assert target_folder(tmp_path, "ride", mine)[0] == "ride"
    (tmp_path / "r\u0456d\u0435s").mkdir()
    assert target_folder(tmp_path, "rides", other)[0] == "rides", "an empty folder is nobody's"


def test_a_folder_of_a_like_name_that_cannot_be_looked_into_is_taken(tmp_path: Path) -> None:
    (tmp_path / "Ride" / "identity_builder" / "result.json").mkdir(parents=True)
    assert target_folder(tmp_path, "ride", "f" * 64)[0] == "ride-ffffff"
    with pytest.raises(ExportError):
        target_folder(tmp_path, "Ride", "f" * 64)


def test_a_set_that_does_not_say_what_it_holds_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "ride" / "identity_builder").mkdir(parents=True)
    (tmp_path / "ride" / "identity_builder" / "result.json").write_text("{broken")
    assert target_folder(tmp_path, "ride", "f" * 64)[0] == "ride-ffffff"
    with pytest.raises(FolderNameError):
        target_folder(tmp_path, "../ride", "f" * 64)
