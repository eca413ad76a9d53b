import logging
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from visualbase import FileSource, SourceError, SourceNotFound, SourceUnreadable, open_video, source_for

MS_NS = 1_000_000


def read_all(path):
    with FileSource(path) as source:
        return list(source), source


def quarter_means(image):
    """Mean brightness of the four quarters: top left, top right, bottom left, bottom right."""
    h, w = image.shape[0] // 2, image.shape[1] // 2
    return [float(part.mean()) for part in (image[:h, :w], image[:h, w:], image[h:, :w], image[h:, w:])]


def test_frames_carry_number_time_and_size(make_video):
    frames, source = read_all(make_video(count=20, rate=25))
    assert [frame.frame_id for frame in frames] == list(range(20))
    assert [frame.t_src_ns for frame in frames] == [i * 40 * MS_NS for i in range(20)]
    assert {(frame.width, frame.height, frame.data.shape, frame.data.dtype.name) for frame in frames} == {
        (64, 48, (48, 64, 3), "uint8")
    }
    assert (source.error_count, source.truncated) == (0, False)


def test_pictures_come_in_order_of_presentation_with_b_frames(make_video):
    frames, _ = read_all(make_video(count=20, b_frames="2"))
    levels = [quarter_means(frame.data)[3] for frame in frames]
    assert levels == sorted(levels)
    assert [frame.t_src_ns for frame in frames] == [i * 40 * MS_NS for i in range(20)]


def test_properties_are_known_before_opening(make_video):
    source = FileSource(make_video(count=30, rate=15, size=(80, 32)))
    assert (source.fps, source.width, source.height, source.frame_count) == (15.0, 80, 32, 30)
    assert source.duration_sec == pytest.approx(2.0)
    assert source.path.name == "video.mp4"


def test_variable_rate_keeps_the_timestamps(make_video):
    times_ms = [0, 10, 200, 210, 1000, 1033, 3000]
    frames, _ = read_all(make_video(times_ms=times_ms, rate=30))
    assert [frame.t_src_ns // MS_NS for frame in frames] == times_ms
    assert [frame.frame_id for frame in frames] == list(range(7))


def test_the_first_frame_is_time_zero(make_video):
    frames, _ = read_all(make_video("late.mkv", times_ms=[500, 540, 580]))
    assert [frame.t_src_ns // MS_NS for frame in frames] == [0, 40, 80]


@pytest.mark.parametrize(
    ("rotation", "bright_quarter", "size"),
    [(None, 0, (64, 48)), (90, 2, (48, 64)), (180, 3, (64, 48)), (-90, 1, (48, 64))],
)
def test_rotated_videos_stand_upright(make_video, rotation, bright_quarter, size):
    path = make_video(rotation=rotation, count=3)
    frames, _ = read_all(path)
    means = quarter_means(frames[0].data)
    assert means.index(max(means)) == bright_quarter
    assert (frames[0].width, frames[0].height) == size
    assert (FileSource(path).width, FileSource(path).height) == size
    assert frames[0].data.flags["C_CONTIGUOUS"]


def test_streams_without_timestamps_follow_the_rate_and_may_change_size(make_video, tmp_path):
    both = tmp_path / "both.h264"
    parts = [make_video("a.h264", count=10), make_video("b.h264", count=10, size=(32, 80))]
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames, source = read_all(both)
    assert [frame.t_src_ns for frame in frames] == [i * 40 * MS_NS for i in range(20)]
    assert [(frame.width, frame.height) for frame in frames] == [(64, 48)] * 10 + [(32, 80)] * 10
    assert source.frame_count == 20


@pytest.mark.parametrize("name", ["video.mp4", "video.mkv", "video.ts", "video.avi", "video.h264"])
@pytest.mark.parametrize(
    ("t_ms", "expected"), [(0, 0), (-5, 0), (400, 10), (401, 11), (760, 19), (761, None), (99_000, None)]
)
def test_seek_lands_on_the_first_frame_at_or_after_the_time(make_video, name, t_ms, expected):
    with FileSource(make_video(name, count=20)) as source:
        source.read()
        source.seek(t_ms * MS_NS)
        frame = source.read()
        assert (frame and frame.frame_id) == expected
        source.seek(80 * MS_NS)
        assert [source.read().frame_id, source.read().t_src_ns] == [2, 120 * MS_NS]


def test_open_starts_again_and_close_may_be_repeated(make_video):
    source = FileSource(make_video(count=3))
    source.open()
    source.read()
    source.open()
    assert source.read().frame_id == 0
    source.close()
    source.close()
    with pytest.raises(SourceError, match="not open"):
        source.read()


def test_reading_past_the_end_gives_none_again(make_video):
    with FileSource(make_video(count=2)) as source:
        assert [source.read() is None for _ in range(4)] == [False, False, True, True]


def test_a_truncated_file_gives_what_it_holds(make_video, tmp_path, caplog):
    whole = make_video(count=50, options={"movflags": "faststart"}).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    with caplog.at_level(logging.WARNING):
        frames, source = read_all(cut)
    assert 5 < len(frames) < 50
    assert source.truncated
    assert "cut.mp4: the file is cut off" in caplog.text


def test_a_truncated_matroska_file_is_noticed(make_video, tmp_path):
    whole = make_video("whole.mkv", count=80).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    source = FileSource(cut)
    source.open()
    count = sum(1 for _ in source)
    assert 5 < count < 80
    assert source.truncated


def test_damage_in_the_middle_is_skipped_and_counted(make_video, tmp_path, caplog):
    content = bytearray(make_video(count=50, options={"movflags": "faststart"}).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = bytes([0xFF]) * 300
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    source = FileSource(damaged)
    source.open()
    frames = list(source)
    assert source.error_count > 0
    assert not source.truncated
    assert 10 < len(frames) < 50
    assert frames[-1].t_src_ns == 49 * 40 * MS_NS
    assert all(frame.t_src_ns == frame.frame_id * 40 * MS_NS for frame in frames)
    assert "the file is damaged" in caplog.text


@pytest.mark.parametrize("content", [b"", b"just some text\n" * 50, bytes(5000)])
def test_what_is_no_video_is_refused_by_name(tmp_path, content):
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceUnreadable, match=r"bad\.mp4") as caught:
        FileSource(path).open()
    assert caught.value.path.name == "bad.mp4"


def test_a_file_cut_before_its_first_frame_is_unreadable(make_video, tmp_path):
    whole = make_video(count=50).read_bytes()
    (tmp_path / "head.mp4").write_bytes(whole[:600])
    with pytest.raises(SourceUnreadable):
        open_video(tmp_path / "head.mp4")


def test_sound_without_pictures_is_refused(make_sound):
    with pytest.raises(SourceUnreadable, match="only sound"):
        FileSource(make_sound()).open()


def test_text_is_not_drawn_and_playlists_are_not_followed(make_video, tmp_path):
    video = make_video()
    (tmp_path / "plain.txt").write_text("hello\n" * 100)
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile {video.name}\n")
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{video.name}\n#EXT-X-ENDLIST\n")
    for name in ("plain.txt", "list.mp4", "list.m3u8"):
        with pytest.raises(SourceUnreadable, match="is not a video file"):
            FileSource(tmp_path / name).open()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/v.mp4", "concat:a.mp4|b.mp4", "file:///none.mp4"])
def test_addresses_are_refused(address):
    with pytest.raises(SourceUnreadable, match="only local files"):
        FileSource(address).open()


def test_a_missing_file_is_also_a_file_not_found_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.mp4: no such file") as caught:
        FileSource(tmp_path / "none.mp4").open()
    assert isinstance(caught.value, SourceNotFound)
    assert isinstance(caught.value, SourceError)


@pytest.mark.skipif(not hasattr(os, "setresuid"), reason="no such permissions here")
def test_a_file_of_somebody_else_is_not_said_to_be_no_video(make_video):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "ride.mp4"
        path.write_bytes(make_video().read_bytes())
        path.chmod(0)
        with as_somebody_else(), pytest.raises(SourceUnreadable, match=r"ride\.mp4: cannot be read: permission denied"):
            FileSource(path).open()


@contextmanager
def as_somebody_else():
    """As a user who may read only what everybody may: root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_file_without_its_end_may_still_be_a_video(make_video, tmp_path):
    whole = make_video().read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceUnreadable, match="is not a video file, or its end is missing"):
        FileSource(tmp_path / "cut.mp4").open()


def test_a_folder_is_no_video(tmp_path):
    with pytest.raises(SourceUnreadable, match="folder"):
        FileSource(tmp_path).open()


def test_only_sampled_frames_become_pictures(make_video, monkeypatch):
    made = []
    original = FileSource.retrieve
    monkeypatch.setattr(FileSource, "retrieve", lambda self: made.append(1) or original(self))
    frames, close = open_video(make_video(count=50), fps=5)
    assert [frame.frame_id for frame in frames] == list(range(0, 50, 5))
    close()
    assert len(made) == 10


@pytest.mark.parametrize("fps", [25, 26, 1000, None])
@pytest.mark.parametrize("name", ["video.mp4", "video.mkv"])
def test_a_rate_at_or_above_the_source_takes_every_frame(make_video, fps, name):
    frames, close = open_video(make_video(name, count=30), fps)
    assert [frame.frame_id for frame in frames] == list(range(30))
    close()


def test_a_rate_that_milliseconds_round_still_takes_every_frame(make_video):
    frames, close = open_video(make_video("video.mkv", count=60, rate=30), 30)
    assert len(list(frames)) == 60
    close()


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(make_video, fps):
    with pytest.raises(ValueError, match="fps"):
        open_video(make_video(count=2), fps)


def test_pixels_are_bgr(tmp_path, make_video):
    frames, _ = read_all(make_video(count=1))
    assert np.all(np.abs(frames[0].data[4, 4].astype(int) - 255) < 6)


@pytest.mark.parametrize(
    ("name", "fps", "count", "seconds"),
    [
        ("foreman.mp4", 25.0, 300, 12.0),
        ("carphone.mp4", 30000 / 1001, 120, 4.004),
        ("noface_face.mov", 519168 / 19595, 169, 6.379),
    ],
)
def test_real_videos(real_videos, name, fps, count, seconds):
    source = FileSource(real_videos / name)
    assert (source.fps, source.frame_count) == (pytest.approx(fps), count)
    assert source.duration_sec == pytest.approx(seconds, abs=0.01)
    source.open()
    times = []
    while (t_ns := source.grab()) is not None:
        times.append(t_ns)
    assert len(times) == count
    assert times == sorted(set(times))
    assert not source.truncated
    source.close()


def test_the_source_fits_the_path(make_video, tmp_path):
    assert type(source_for(make_video())).__name__ == "FileSource"
    assert type(source_for(tmp_path)).__name__ == "ImageSource"
