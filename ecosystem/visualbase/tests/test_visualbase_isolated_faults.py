"""Decoding in a process of its own: whatever happens there is an error here, never more, and nothing stays behind."""

import errno
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import visualbase._worker as worker_module
from visualbase import (
    DecodeLimits,
    FileSource,
    IsolatedSource,
    SourceError,
    SourceUnreadable,
    isolated_source_for,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="decoding is not isolated on this system")
QUICK = DecodeLimits(stall_s=10)


def gone(pid):
    """Whether the process has ended and nobody is left to wait for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "XZ"
    except FileNotFoundError:
        return True


def open_descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def wait_until(happened, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


MISBEHAVIOUR = {
    "segfault": ("os.kill(os.getpid(), signal.SIGSEGV)", r"decoding crashed \(SIGSEGV\)"),
    "abort": ("os.abort()", r"decoding crashed \(SIGABRT\)"),
    "hang": ("time.sleep(600)", "made no progress for 2 s"),
    "spin": ("sum(iter(int, 1))", "more than 1 s of processor time"),
    "exit": ("os._exit(7)", r"ended unexpectedly \(code 7\)"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "was killed"),
    "memory": ("bytearray(900 << 20)", "takes more memory than"),
    "exception": ("int('x')", r"decoding failed \(ValueError"),
    "nonsense": ("os.write(self_events(), b'gibberish\\n')", "sent nonsense"),
    "wrong_kind": ("os.write(self_events(), b'[1, 2]\\n')", "sent nonsense"),
    "flood": ("os.write(self_events(), b'x' * 3_000_000)", "sent nonsense"),
}


@pytest.fixture
def misbehave(tmp_path, monkeypatch):
    """Let the decoding process do something bad when it comes to a frame."""

    def install(code, frame=7):
        folder = tmp_path / "modules"
        folder.mkdir()
        (folder / "bad_decoder.py").write_text(
            textwrap.dedent(f"""
            import json, os, signal, sys, time
            from visualbase import FileSource
            from visualbase._decoding_process import main
            grab = FileSource.grab
            self_events = lambda: json.loads(sys.argv[1])["events"]
            def bad(self):
                self.count = getattr(self, "count", 0) + 1
                if self.count == {frame + 1}:
                    {code}
                return grab(self)
            FileSource.grab = bad
            main()
            """)
        )
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setattr(worker_module, "MODULE", "bad_decoder")

    return install


@pytest.mark.parametrize("kind", MISBEHAVIOUR)
def test_a_decoder_that_misbehaves_is_one_clear_error_after_the_frames_before_it(make_video, misbehave, kind):
    code, words = MISBEHAVIOUR[kind]
    misbehave(code)
    path = make_video(count=20)
    limits = DecodeLimits(stall_s=2 if "no progress" in words else 30, cpu_s=1, memory_mb=512)
    with IsolatedSource(path, limits) as source:
        pid, seen = source.process_id, []
        with pytest.raises(SourceUnreadable, match=words) as caught:
            seen.extend(iter(source.grab, None))
        assert len(seen) <= 7
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
        assert gone(pid)
        with pytest.raises(SourceError, match="not open"):
            source.read()


def test_frames_before_the_crash_can_be_read(make_video, misbehave):
    """Sixteen frames at most are decoded ahead of the one that is read."""
    misbehave("os.abort()", frame=30)
    with IsolatedSource(make_video(count=40), QUICK) as source:
        seen = []
        with pytest.raises(SourceUnreadable, match="crashed"):
            seen.extend(iter(source.read, None))
    assert [frame.frame_id for frame in seen][:13] == list(range(13))
    assert all(frame.data.shape == (48, 64, 3) for frame in seen)


def test_closing_leaves_no_process_and_no_descriptor(make_video):
    path, before = make_video(count=30), open_descriptors()
    for _ in range(5):
        source = IsolatedSource(path, QUICK)
        source.open()
        source.read()
        pid = source.process_id
        source.close()
        assert not Path(f"/proc/{pid}").exists()
    assert open_descriptors() == before


def test_a_source_that_is_forgotten_ends_its_process(make_video):
    source = IsolatedSource(make_video(count=30), QUICK)
    source.open()
    pid = source.process_id
    del source
    assert wait_until(lambda: not Path(f"/proc/{pid}").exists())


PARENT = """
import sys, time, threading
from visualbase import IsolatedSource
def work():
    global source
    source = IsolatedSource(sys.argv[1])
    source.open()
    source.read()
    print(source.process_id, flush=True)
if sys.argv[2] == "thread":
    thread = threading.Thread(target=work); thread.start(); thread.join(); source.read(); print("alive", flush=True)
else:
    work()
time.sleep(600)
"""


@pytest.mark.parametrize("where", ["main", "thread"])
def test_the_process_dies_with_a_killed_parent(make_video, where):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(make_video(count=100)), where], stdout=subprocess.PIPE, text=True
    )
    pid = int(parent.stdout.readline())
    if where == "thread":
        assert parent.stdout.readline() == "alive\n"
    assert Path(f"/proc/{pid}").exists()
    parent.kill()
    parent.communicate()
    assert wait_until(lambda: gone(pid))


def test_ctrl_c_and_a_polite_end_do_not_reach_the_process(make_video):
    with IsolatedSource(make_video(count=60), QUICK) as source:
        source.read()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(source.process_id, number)
        assert os.getsid(source.process_id) != os.getsid(0)
        assert sum(1 for _ in source) == 59


def test_the_process_holds_no_secrets_and_writes_no_core(make_video, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    with IsolatedSource(make_video(count=5), QUICK) as source:
        source.read()
        home = Path(f"/proc/{source.process_id}")
        assert b"s3cret" not in (home / "environ").read_bytes()
        limits = (home / "limits").read_text()
    for line in ("Max core file size", "Max file size"):
        (found,) = [text for text in limits.splitlines() if text.startswith(line)]
        assert found.split()[len(line.split())] == "0"


def test_limits_on_frames_pixels_and_streams(make_video):
    path = make_video(count=30)
    source = IsolatedSource(path, DecodeLimits(max_frames=9))
    with source:
        assert len(list(source)) == 9
        assert source.truncated
    with pytest.raises(SourceUnreadable, match="64 x 48 pixels per frame are more than the 3000 allowed"):
        IsolatedSource(path, DecodeLimits(max_pixels=3000)).open()
    with pytest.raises(SourceUnreadable, match="64 x 48 pixels per frame are more than the 3000 allowed"):
        FileSource(path, limits=DecodeLimits(max_pixels=3000)).open()
    with pytest.raises(ValueError, match="stall_s"):
        DecodeLimits(stall_s=0)


@pytest.mark.parametrize("frozen", [False, True])
def test_where_isolation_is_missing_the_source_says_so_and_reads(make_video, monkeypatch, caplog, frozen):
    if frozen:
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    else:
        monkeypatch.setattr(sys, "executable", "")
    source = isolated_source_for(make_video(count=3))
    assert isinstance(source, FileSource)
    assert "decoding is not isolated: there is no Python interpreter to start" in caplog.text


def refusing(code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    return refuse


@pytest.mark.skipif(sys.platform != "linux", reason="memory without a name is Linux's")
@pytest.mark.parametrize("missing", ["refused", "absent"])
def test_where_the_system_has_no_nameless_memory_the_source_says_so_and_reads(make_video, monkeypatch, caplog, missing):
    if missing == "absent":
        monkeypatch.delattr(os, "memfd_create")
    else:
        monkeypatch.setattr(os, "memfd_create", refusing(errno.ENOSYS))
    source = isolated_source_for(make_video(count=3))
    assert isinstance(source, FileSource)
    assert "decoding is not isolated: there is no shared memory (Function not implemented)" in caplog.text


def test_a_system_that_starts_no_process_is_one_clear_error(make_video, monkeypatch):
    monkeypatch.setattr(worker_module.subprocess, "Popen", refusing(errno.EAGAIN))
    source, before = isolated_source_for(make_video(count=3)), open_descriptors()
    with pytest.raises(SourceError, match=r"no decoding process could be started \(Resource temporarily unavailable\)"):
        source.open()
    assert open_descriptors() == before


def test_too_many_open_files_are_one_clear_error_and_no_reason_to_decode_here(make_video):
    path, (soft, hard) = make_video(count=3), resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(3)]
    before = open_descriptors()
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 3, hard))
    try:
        source = isolated_source_for(path)
        with pytest.raises(SourceError, match=r"no decoding process could be started \(Too many open files\)"):
            source.open()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert isinstance(source, IsolatedSource)
    assert open_descriptors() == before
    for descriptor in taken:
        os.close(descriptor)
