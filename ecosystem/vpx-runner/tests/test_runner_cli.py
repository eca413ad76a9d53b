import os
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner
from visualbase import FileSource
from vpx.runner.cli import app


@pytest.fixture
def vpx(plugins):
    """Call the command in this process."""
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_text_prints_a_line_per_observation_and_a_closing_line(vpx, video):
    result = vpx("run", "run.first,run.second", "--input", video, "--fps", 5, "--max-frames", 2)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "frame 0 0.000s run.first deps= score=0.5",
        "frame 0 0.000s run.second deps=run.first score=0.5",
        "frame 2 0.200s run.first deps= score=0.5",
        "frame 2 0.200s run.second deps=run.first score=0.5",
        "2 frames, modules: run.first, run.second, stopped as asked before the end",
    ]


def test_plugins_adds_optional_modules_and_is_quiet(vpx, video):
    result = vpx("run", "--plugins", "run.second", "--input", video)
    assert (result.exit_code, result.stdout) == (0, "20 frames, modules: run.first, run.extra, run.second\n")


def test_verbose_brings_the_lines_and_the_times_back(vpx, video):
    result = vpx("run", "--plugins", "run.first", "--input", video, "--max-frames", 1, "-v")
    assert result.stdout.splitlines()[0] == "frame 0 0.000s run.first deps= score=0.5"
    assert "ms per frame" in result.stderr


def test_lines_go_to_a_file(vpx, video, tmp_path):
    result = vpx("run", "run.first", "--input", video, "-o", tmp_path / "lines.txt")
    assert result.stdout == "20 frames, modules: run.first\n"
    assert len((tmp_path / "lines.txt").read_text().splitlines()) == 20


def test_save_writes_an_annotated_video_at_the_sources_times(vpx, video, tmp_path):
    target = tmp_path / "marked.mp4"
    assert vpx("run", "run.first", "--input", video, "--fps", 5, "--viz", "save", "-o", target).exit_code == 0
    with FileSource(target) as source:
        frames = list(source)
    assert [frame.t_src_ns // 1_000_000 for frame in frames] == [i * 200 for i in range(10)]
    blue, green, red = (int(value) for value in frames[0].data[24, 16])
    assert green > 100
    assert green > blue + 50
    assert green > red + 50


def test_save_never_overwrites_the_input(vpx, video):
    before = video.read_bytes()
    result = vpx("run", "run.first", "--input", video, "--viz", "save", "-o", video)
    assert result.exit_code == 2
    assert "would be overwritten" in result.stderr
    assert video.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run.absent"], 2, "no module named 'run.absent'"),
        (["run.broken"], 2, "cannot be loaded"),
        (["run.unstartable"], 2, "run the pull command"),
        (["run.first", "--set", "run.first.depth=1"], 2, "size, mode"),
        (["run.first", "--set", "nonsense"], 2, "module.key=value"),
        (["run.first", "--set", "size=2"], 2, "such as run.first.size=2"),
        (["run.first", "-o", "/"], 2, "-o names a file and / is a folder; --output names the results' folder"),
        (["run.first", "--output", "/proc/none"], 2, "cannot write into /proc/none, as no folder can be made there: "),
        (["run.first", "--fps", "0"], 2, "fps"),
        (["run.first", "--max-frames", "0"], 2, "max-frames"),
        (["run.first", "--viz", "live"], 2, "display"),
        (["run.first", "--viz", "save", "-o", "no/such/folder/x.mp4"], 2, "cannot write"),
        ([], 2, "at least one module"),
        (["run.failing"], 1, "'run.failing' failed on frame 2"),
        (["run.untidy"], 1, "disk is full"),
        (["run.nobody"], 4, ""),
    ],
)
def test_exit_codes_and_messages(vpx, video, arguments, code, message):
    result = vpx("run", *arguments, "--input", video)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


@pytest.mark.parametrize("content", [None, b"", b"text\n" * 99])
def test_bad_input_is_exit_code_3_without_a_traceback(vpx, tmp_path, content):
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    result = vpx("run", "run.first", "--input", path)
    assert result.exit_code == 3
    assert "bad.mp4" in result.stderr
    assert "Traceback" not in result.output


def test_a_folder_is_tried_and_nothing_is_left_there(vpx, video, tmp_path):
    (tmp_path / "out").mkdir()
    result = vpx("run", "run.first", "--input", video, "--max-frames", "1", "--output", tmp_path / "out")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("1 frame, modules: ")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_variable_with_an_underscore_too_few_is_named(vpx, video, monkeypatch):
    monkeypatch.setenv("VPX_DECODE_STALL_S", "9")
    monkeypatch.setenv("VPX_DECODE__CPU_S", "30")
    result = vpx("run", "run.first", "--input", video, "--max-frames", "1")
    said = "vpx: the environment variable VPX_DECODE_STALL_S is not read; the setting's is VPX_DECODE__STALL_S\n"
    assert (result.exit_code, result.stderr) == (0, said)


def test_debug_shows_the_traceback(vpx, tmp_path, monkeypatch):
    monkeypatch.setenv("VPX_DEBUG", "1")
    result = vpx("run", "run.first", "--input", tmp_path / "none.mp4")
    assert result.exit_code == 3
    assert "Traceback" in result.stderr


def test_list_shows_what_is_installed_and_what_is_broken(vpx):
    result = vpx("list")
    assert result.exit_code == 0
    assert "run.second" in result.stdout
    assert "Finds things." in result.stdout
    assert "cannot be loaded" in result.stdout
    assert "runner_test_plugin 1.0" in vpx("list", "--verbose").stdout


def test_help_explains_every_option(vpx):
    text = vpx("run", "--help").stdout
    for word in ("--input", "--plugins", "--fps", "--max-frames", "--output", "--set", "--viz", "Exit codes"):
        assert word in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_in_order(plugin_path, video, number):
    paths = os.pathsep.join([str(plugin_path), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", "from vpx.runner.cli import main; main()", "run", "run.slow", "--input", str(video)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert process.stdout.readline() == "working\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert out.splitlines()[-3:-1] == ["ended interrupted", "cleaned"]
    assert process.returncode == 130
    assert "Traceback" not in err


def test_says_where_a_module_left_its_result(vpx, video):
    assert "run.nobody: out/nobody\n" in vpx("run", "run.nobody", "--input", video).stdout


def test_an_output_that_is_a_file_is_one_line_before_anything_is_run(vpx, video, tmp_path):
    target = tmp_path / "afile"
    target.write_text("mine")
    for output in (target, target / "below"):
        result = vpx("run", "run.first", "--input", video, "--output", output)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == f"vpx: cannot write into {output}: {target} is not a folder\n"
