"""Decoding in a process of its own: the same frames and the same words as decoding here."""

import sys

import cv2
import numpy as np
import pytest
from visualbase import (
    DecodeLimits,
    FileSource,
    ImageSource,
    IsolatedSource,
    SourceError,
    SourceNotFound,
    SourceUnreadable,
    sample,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="decoding is not isolated on this system")
QUICK = DecodeLimits(stall_s=10)
VIDEOS = {
    "plain": {"count": 40},
    "b_frames": {"count": 40, "b_frames": "2"},
    "matroska": {"name": "video.mkv", "count": 30, "rate": 30},
    "transport": {"name": "video.ts", "count": 30},
    "variable": {"name": "video.mkv", "times_ms": [0, 40, 45, 200, 1200, 1201, 1300]},
    "rotated": {"count": 12, "rotation": 90},
    "odd_size": {"count": 5, "size": (66, 50)},
    "one_frame": {"count": 1},
}


def facts(source):
    return source.fps, source.width, source.height, source.frame_count, source.duration_sec, source.time_tolerance_ns


def assert_same(first, second):
    count = 0
    with first, second:
        assert facts(first) == facts(second)
        while (expected := first.read()) is not None:
            found = second.read()
            assert (found.frame_id, found.t_src_ns) == (expected.frame_id, expected.t_src_ns)
            assert (found.width, found.height) == (expected.width, expected.height)
            assert np.array_equal(found.data, expected.data)
            count += 1
        assert second.read() is None
        assert (first.truncated, first.error_count) == (second.truncated, second.error_count)
    return count


@pytest.mark.parametrize("kind", VIDEOS)
def test_the_frames_are_those_of_a_file_source(make_video, kind):
    path = make_video(**VIDEOS[kind])
    assert assert_same(FileSource(path), IsolatedSource(path, QUICK)) >= 1


@pytest.mark.parametrize("name", ["foreman.mp4", "carphone.mp4", "noface_face.mov", "turns.mp4"])
def test_the_frames_of_real_videos_are_those_of_a_file_source(real_videos, name):
    path = real_videos / name
    assert assert_same(FileSource(path), IsolatedSource(path, QUICK)) > 100


def test_a_truncated_file_is_told_as_by_a_file_source(make_video, tmp_path, caplog):
    whole = make_video("whole.mkv", count=80).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    assert 5 < assert_same(FileSource(cut), IsolatedSource(cut, QUICK)) < 80
    said = [record.getMessage() for record in caplog.records if "the file is cut off" in record.getMessage()]
    assert len(said) == 2
    assert said[0] == said[1]


def test_large_pictures_come_through_though_few_are_held(make_video):
    path = make_video(count=4, size=(7680, 4320))
    with IsolatedSource(path, DecodeLimits(stall_s=30)) as source:
        assert [frame.data.shape for frame in source] == [(4320, 7680, 3)] * 4


def test_sampling_gives_the_same_frames(make_video):
    path = make_video(count=50)
    with FileSource(path) as first, IsolatedSource(path, QUICK) as second:
        expected = [(frame.frame_id, frame.t_src_ns) for frame in sample(first, 7)]
        assert [(frame.frame_id, frame.t_src_ns) for frame in sample(second, 7)] == expected
    assert len(expected) == 14


def test_seeking_goes_where_a_file_source_goes(make_video):
    path = make_video(count=60)
    with FileSource(path) as first, IsolatedSource(path, QUICK) as second:
        for t_ms in (1000, 40, 1999, 0, 2360, 5000, 1001):
            for source in (first, second):
                source.seek(t_ms * 1_000_000)
            expected, found = first.read(), second.read()
            assert (found is None) == (expected is None)
            if expected is not None:
                assert (found.frame_id, found.t_src_ns) == (expected.frame_id, expected.t_src_ns)
                assert np.array_equal(found.data, expected.data)


def test_photos_are_those_of_an_image_source(tmp_path):
    for index, size in enumerate(((40, 30), (31, 17), (100, 80))):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((size[1], size[0], 3), index * 50, np.uint8))
    (tmp_path / "3.png").write_bytes(b"not an image")
    with ImageSource(tmp_path) as first, IsolatedSource(tmp_path, QUICK) as second:
        for expected in first:
            found = second.read()
            assert (found.frame_id, found.t_src_ns, found.data.shape) == (
                expected.frame_id,
                expected.t_src_ns,
                expected.data.shape,
            )
            assert np.array_equal(found.data, expected.data)
        assert second.read() is None
        assert (second.error_count, first.error_count) == (1, 1)


def test_facts_are_known_without_opening_and_reading_twice_starts_again(make_video):
    source = IsolatedSource(make_video(count=7), QUICK)
    assert (source.frame_count, source.width, source.height, source.fps) == (7, 64, 48, 25.0)
    assert source.process_id is None
    for _ in range(2):
        source.open()
        assert [frame.frame_id for frame in source] == list(range(7))
    source.close()
    source.close()


def test_what_a_file_source_refuses_is_refused_with_the_same_words(make_video, make_sound, tmp_path):
    (tmp_path / "text.mp4").write_text("hello\n" * 50)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "bad.png").write_bytes(b"no image")
    names = ["none.mp4", "text.mp4", "empty.mp4", make_sound().name, "http://127.0.0.1:9/v.mp4", "concat:a.mp4|b.mp4"]
    for given in [str(tmp_path / name) if ":" not in name else name for name in names]:
        with pytest.raises(SourceError) as expected:
            FileSource(given).open()
        with pytest.raises(SourceError) as found:
            IsolatedSource(given, QUICK).open()
        assert (type(found.value), str(found.value)) == (type(expected.value), str(expected.value))
    with pytest.raises(SourceNotFound):
        IsolatedSource(tmp_path / "none.mp4", QUICK).open()
    with (
        IsolatedSource(tmp_path / "bad.png", QUICK) as bad,
        pytest.raises(SourceUnreadable, match=r"bad\.png: is not a readable image"),
    ):
        bad.read()
    with pytest.raises(SourceError, match="not open"):
        IsolatedSource(make_video(count=2), QUICK).read()
