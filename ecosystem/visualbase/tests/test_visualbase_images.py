import cv2
import numpy as np
import pytest
from visualbase import ImageSource, SourceError, SourceNotFound, SourceUnreadable, source_for

SECOND_NS = 1_000_000_000


def write(path, value=100, size=(40, 30)):
    image = np.full((size[1], size[0], 3), value, np.uint8)
    cv2.imwrite(str(path), image)
    return path


def exif_jpeg(path, orientation):
    """A 40x20 JPEG with a bright left half and an EXIF block that holds only the orientation."""
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, :20] = 255
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    tiff = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01" + bytes([0, orientation, 0, 0]) + bytes(4)
    block = b"Exif\x00\x00" + tiff
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + jpeg[2:])
    return path


def test_a_folder_is_read_in_natural_order(tmp_path):
    for name, value in (("b10.png", 30), ("B2.png", 20), ("a.jpg", 10), (".hidden.png", 99)):
        write(tmp_path / name, value)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "sub.png").mkdir()
    with ImageSource(tmp_path) as source:
        frames = list(source)
    assert [round(frame.data.mean()) for frame in frames] == [10, 20, 30]
    assert [(frame.frame_id, frame.t_src_ns) for frame in frames] == [(0, 0), (1, SECOND_NS), (2, 2 * SECOND_NS)]
    assert (source.frame_count, source.duration_sec, source.fps) == (3, 3.0, 1.0)


def test_one_image_is_one_frame(tmp_path):
    source = source_for(write(tmp_path / "one.PNG"))
    assert (source.width, source.height, source.frame_count) == (40, 30, 1)
    with source:
        assert source.read().frame_id == 0
        assert source.read() is None
        assert source.read() is None


@pytest.mark.parametrize(
    ("orientation", "size", "bright"),
    [(1, (40, 20), "left"), (3, (40, 20), "right"), (6, (20, 40), "top"), (8, (20, 40), "bottom")],
)
def test_exif_orientation_is_applied(tmp_path, orientation, size, bright):
    with ImageSource(exif_jpeg(tmp_path / "turned.jpg", orientation)) as source:
        frame = source.read()
    assert (frame.width, frame.height) == size
    halves = {
        "left": frame.data[:, : frame.width // 2],
        "right": frame.data[:, frame.width // 2 :],
        "top": frame.data[: frame.height // 2],
        "bottom": frame.data[frame.height // 2 :],
    }
    assert max(halves, key=lambda half: halves[half].mean()) == bright


def test_an_unreadable_image_among_several_is_named_counted_and_passed_over(tmp_path, caplog):
    write(tmp_path / "1.png", 10)
    (tmp_path / "2.png").write_bytes(b"not an image")
    (tmp_path / "3.png").write_bytes(b"")
    write(tmp_path / "4.png", 40)
    with ImageSource(tmp_path) as source:
        assert [(frame.frame_id, round(frame.data.mean())) for frame in source] == [(0, 10), (3, 40)]
        source.seek(SECOND_NS)
        assert source.read().frame_id == 3
        assert source.read() is None
    assert source.error_count == 2
    texts = [record.getMessage() for record in caplog.records]
    assert [name in text for name, text in zip(("2.png", "3.png", "2.png", "3.png"), texts, strict=True)] == [True] * 4
    source.open()
    assert source.error_count == 0


def test_the_first_image_may_be_unreadable(tmp_path):
    (tmp_path / "1.png").write_bytes(b"not an image")
    write(tmp_path / "2.png", 20)
    with ImageSource(tmp_path) as source:
        assert (source.width, source.height, source.read().frame_id) == (40, 30, 1)


def test_images_of_which_none_can_be_read_are_refused(tmp_path):
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(b"not an image")
    with ImageSource(tmp_path) as source, pytest.raises(SourceUnreadable, match="none of its 2 images") as caught:
        source.read()
    assert caught.value.path == tmp_path
    with ImageSource(tmp_path / "1.png") as source, pytest.raises(SourceUnreadable, match=r"1\.png: is not a readable"):
        source.read()


def test_grey_and_transparent_images_become_bgr(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.full((5, 6), 70, np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.full((5, 6, 4), 80, np.uint8))
    with ImageSource(tmp_path) as source:
        assert [(frame.data.shape, int(frame.data[0, 0, 0])) for frame in source] == [((5, 6, 3), 70), ((5, 6, 3), 80)]


def test_seek(tmp_path):
    for i in range(4):
        write(tmp_path / f"{i}.png", i)
    with ImageSource(tmp_path) as source:
        for t_ns, expected in ((SECOND_NS, 1), (SECOND_NS + 1, 2), (-1, 0), (3 * SECOND_NS + 1, None)):
            source.seek(t_ns)
            frame = source.read()
            assert (frame and frame.frame_id) == expected


def test_missing_empty_and_closed_sources_are_refused(tmp_path):
    with pytest.raises(SourceNotFound):
        ImageSource(tmp_path / "none").open()
    with pytest.raises(SourceUnreadable, match="holds no images"):
        ImageSource(tmp_path).open()
    with pytest.raises(SourceError, match="not open"):
        ImageSource(write(tmp_path / "1.png")).read()


def test_a_folder_without_images_says_what_to_name_instead(tmp_path):
    (tmp_path / ".hidden").mkdir()
    with pytest.raises(SourceUnreadable, match=r"holds no images$"):
        ImageSource(tmp_path).open()
    (tmp_path / "ride10.mp4").touch()
    (tmp_path / "ride2.mp4").touch()
    with pytest.raises(SourceUnreadable, match=r"name a video itself, such as .*ride2\.mp4$"):
        ImageSource(tmp_path).open()
    write((tmp_path / "anna").mkdir() or tmp_path / "anna" / "1.png")
    with pytest.raises(SourceUnreadable, match=r"folders in it are not looked into: name one of them, such as .*anna$"):
        ImageSource(tmp_path).open()
