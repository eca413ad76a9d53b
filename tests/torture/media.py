"""Hostile and odd media, made from a small rendered clip. Nothing here is a recording of anybody."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

SIZE = (96, 64)
COUNT = 30
HUGE = 65_535


def picture(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """A textured picture that moves with its number, `(height, width, 3)` uint8 BGR."""
    width, height = size
    ground = np.random.default_rng(7).integers(40, 220, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    canvas = ground.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
    return np.roll(canvas, number * 2, axis=1)


def video(
    path: Path,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = SIZE,
    rate: int = 25,
    pts: list[int] | None = None,
    time_base: Fraction | None = None,
    muxing: dict[str, str] | None = None,
    coding: dict[str, str] | None = None,
    rotation: int | None = None,
) -> Path:
    """Write a clip of `COUNT` frames, or one frame per entry of `pts`."""
    with av.open(str(path), "w", options=muxing or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.options = coding or ({"g": "6", "preset": "ultrafast"} if codec == "libx264" else {})
        if time_base is not None:
            stream.codec_context.time_base = time_base
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for index in range(COUNT if pts is None else len(pts)):
            frame = av.VideoFrame.from_ndarray(picture(index, size), format="bgr24").reformat(format=pix_fmt)
            if pts is not None:
                frame.pts, frame.time_base = pts[index], time_base or Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def sound(path: Path) -> Path:
    """A file that holds only sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        for _ in range(10):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def jpeg(size: tuple[int, int] = SIZE) -> bytes:
    """One picture as JPEG."""
    import cv2

    done, data = cv2.imencode(".jpg", picture(0, size))
    if not done:
        raise RuntimeError("cannot encode the test picture")
    return bytes(data.tobytes())


def huge_jpeg() -> bytes:
    """A small JPEG whose header claims 65535 x 65535 pixels."""
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", HUGE, HUGE)
    return bytes(data)


def huge_png() -> bytes:
    """A PNG of 65535 x 65535 pixels, as large as its few packed bytes let it be."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", HUGE, HUGE, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
        + chunk(b"IEND", b"")
    )


def huge_gif() -> bytes:
    """A GIF header of 65535 x 65535 pixels."""
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", HUGE, HUGE, 0x80, 0, 0)
        + bytes(6)
        + b",\0\0\0\0\xff\xff\xff\xff\0\x08\x02\x44\x01\0;"
    )


def huge_bmp() -> bytes:
    """A BMP header of 65535 x 65535 pixels."""
    return (
        b"BM"
        + struct.pack("<IHHI", 1000, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, HUGE, HUGE, 1, 24, 0, 0, 0, 0, 0, 0)
        + bytes(900)
    )


def without_key_frames(path: Path, folder: Path) -> Path:
    """A raw H.264 stream from which every key frame was taken."""
    raw = video(folder / "whole.h264", coding={"g": "1000", "preset": "ultrafast"}).read_bytes()
    units = [unit for unit in raw.split(b"\x00\x00\x01") if unit]
    kept = [unit for unit in units if unit[0] & 0x1F != 5]
    path.write_bytes(b"".join(b"\x00\x00\x01" + unit for unit in kept))
    return path


def variable_size(path: Path) -> Path:
    """A raw stream of JPEG pictures of changing size."""
    path.write_bytes(b"".join(jpeg(size) for size in (SIZE, (160, 120), (32, 24), SIZE)))
    return path


def raw_frames(path: Path, header: str) -> Path:
    """A YUV4MPEG file with a header of one's own and two frames of `SIZE`."""
    body = bytes(SIZE[0] * SIZE[1] * 3 // 2)
    path.write_bytes(f"YUV4MPEG2 {header}\n".encode() + (b"FRAME\n" + body) * 2)
    return path


SHOWN: dict[str, Callable[[Path], Path]] = {
    "rotated": lambda f: video(f / "a.mp4", rotation=90),
    "alpha": lambda f: video(f / "a.mov", "png", "rgba"),
    "ten_bit": lambda f: video(f / "a.mkv", "ffv1", "yuv420p10le"),
    "grey": lambda f: video(f / "a.mkv", "ffv1", "gray"),
    "grey_16_bit": lambda f: video(f / "a.mkv", "ffv1", "gray16le"),
    "palette": lambda f: video(f / "a.mov", "qtrle", "rgb24"),
    "interlaced": lambda f: video(f / "a.ts", "mpeg2video", coding={"flags": "+ildct+ilme", "top": "1"}),
    "variable_size": lambda f: variable_size(f / "a.mjpeg"),
    "million_fps": lambda f: video(f / "a.mkv", rate=1_000_000, pts=list(range(8)), time_base=Fraction(1, 1_000_000)),
    "slow": lambda f: video(f / "a.mp4", rate=1, pts=[0, 100_000, 200_000], time_base=Fraction(1, 1)),
    "negative_times": lambda f: video(f / "a.ts", pts=list(range(-20, 10)), time_base=Fraction(1, 25)),
    "wrapping_times": lambda f: video(
        f / "a.ts", pts=[2**33 - 4 * 3600 + i * 3600 for i in range(10)], time_base=Fraction(1, 90_000)
    ),
    "zero_fps": lambda f: raw_frames(f / "a.y4m", f"W{SIZE[0]} H{SIZE[1]} F0:0 Ip C420"),
    "one_pixel": lambda f: raw_frames(f / "a.y4m", "W1 H1 F25:1 C420"),
    "grey_run_length": lambda f: video(f / "a.mov", "qtrle", "gray"),
    "name_with_colon": lambda f: video(f / "plain.mp4").rename(f / "http:v.mp4"),
    "name_with_bar": lambda f: video(f / "plain.mp4").rename(f / "a|b.mp4"),
    "name_with_pattern": lambda f: video(f / "plain.mp4").rename(f / "a%03d.mp4"),
    "name_of_options": lambda f: video(f / "plain.mp4").rename(f / "-i.mp4"),
    "undecodable_name": lambda f: video(f / "plain.mp4").rename(Path(str(f) + "/b\udcff.mp4")),
    "link": lambda f: linked(f / "link.mp4", video(f / "a.mp4")),
}
"""Odd but readable: frames come."""

REFUSED: dict[str, Callable[[Path], Path]] = {
    "huge_jpeg_photo": lambda f: written(f / "a.jpg", huge_jpeg()),
    "huge_png_photo": lambda f: written(f / "a.png", huge_png()),
    "huge_gif_photo": lambda f: written(f / "a.gif", huge_gif()),
    "huge_bmp_photo": lambda f: written(f / "a.bmp", huge_bmp()),
    "huge_jpeg_video": lambda f: written(f / "a.mjpeg", huge_jpeg() * 3),
    "huge_raw_video": lambda f: raw_frames(f / "a.y4m", f"W{HUGE} H{HUGE} F25:1 C420"),
    "sound": lambda f: sound(f / "a.mp4"),
    "empty": lambda f: written(f / "a.mp4", b""),
    "zeros": lambda f: written(f / "a.mp4", bytes(100_000)),
    "text": lambda f: written(f / "a.mp4", b"hello\n" * 500),
    "dangling_link": lambda f: linked(f / "link.mp4", f / "none.mp4"),
    "link_loop": lambda f: linked(f / "loop.mp4", f / "loop.mp4"),
    "fifo": lambda f: fifo(f / "pipe.mp4"),
    "fifo_photo": lambda f: fifo(f / "pipe.jpg"),
    "link_to_fifo": lambda f: linked(f / "link.mp4", fifo(f / "pipe")),
    "device": lambda f: linked(f / "zero.mp4", Path("/dev/zero")),
    "long_name": lambda f: f / ("n" * 300 + ".mp4"),
    "nul_in_name": lambda f: Path(f"{f}/a\0b.mp4"),
    "http": lambda _: Path("http://127.0.0.1:9/v.mp4"),
    "concat": lambda _: Path("concat:a.mp4|b.mp4"),
    "m3u8": lambda f: beside(f, "a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nv.mp4\n#EXT-X-ENDLIST\n"),
    "m3u8_of_http": lambda f: beside(f, "a.mp4", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/v.ts\n#EXT-X-ENDLIST\n"),
    "ffconcat": lambda f: beside(f, "a.mp4", "ffconcat version 1.0\nfile v.mp4\n"),
    "sdp": lambda f: beside(
        f, "a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    ),
    "dash": lambda f: beside(
        f, "a.mpd", '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"/>'
    ),
    "empty_folder": lambda f: f,
}
"""Never a picture: one clear error."""

EITHER: dict[str, Callable[[Path], Path]] = {
    "no_key_frame": lambda f: without_key_frames(f / "a.h264", f),
}
"""Frames or an error, as the decoder likes; nothing else."""


def written(path: Path, content: bytes) -> Path:
    """A file with this content."""
    path.write_bytes(content)
    return path


def linked(path: Path, target: Path) -> Path:
    """A symbolic link."""
    path.symlink_to(target)
    return path


def fifo(path: Path) -> Path:
    """A named pipe that nobody writes to."""
    import os

    os.mkfifo(path)
    return path


def beside(folder: Path, name: str, text: str) -> Path:
    """A playlist beside the video that it names."""
    video(folder / "v.mp4")
    return written(folder / name, text.encode())


def wholes(folder: Path) -> list[bytes]:
    """The same clip in three containers: index in front, index at the end, no index at all."""
    front = video(folder / "front.mp4", muxing={"movflags": "faststart"})
    return [path.read_bytes() for path in (front, video(folder / "end.mp4"), video(folder / "matroska.mkv"))]


def truncated(wholes: list[bytes], per_cent: range) -> Iterator[bytes]:
    """Each clip cut off after so many per cent."""
    for whole in wholes:
        yield from (whole[: len(whole) * part // 100] for part in per_cent)


def flipped(wholes: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """`count` copies in which up to eight bits are turned, in turn of each clip."""
    dice = np.random.default_rng(seed)
    for index in range(count):
        content = bytearray(wholes[index % len(wholes)])
        for position in dice.integers(0, len(content) * 8, dice.integers(1, 9)):
            content[position // 8] ^= 1 << position % 8
        yield bytes(content)
