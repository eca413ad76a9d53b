"""The only place that talks to PyAV; its exceptions end here."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from visualbase._orientation import Orientation, from_display_matrix
from visualbase._timeline import Timeline
from visualbase.errors import SourceNotFound, SourceUnreadable
from visualbase.limits import DecodeLimits
from visualbase.sampling import SECOND_NS

_log = logging.getLogger(__name__)

# Formats that are lists of other files or addresses, or draw plain text.
_REFUSED_FORMATS = frozenset({"concat", "dash", "hls", "lavfi", "sdp", "tty"})
_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.,-]+:")
_RATE_OF_RAW_STREAMS = Fraction(25)  # what the containers' own tools assume where neither rate nor timestamps exist
_MAX_DEMUX_FAILURES = 16
NO_MEMORY = "decoding it takes more memory than there is or the limit allows"


@dataclass(frozen=True)
class Decoded:
    """One decoded frame before its pixels are converted."""

    picture: VideoFrame
    frame_id: int
    t_ns: int


def check_file(path: Path, given: str) -> None:
    """Raise ``SourceNotFound`` or ``SourceUnreadable`` where there is no regular, non-empty local file."""
    try:
        if path.is_dir():
            raise SourceUnreadable(path, "is a folder, not a video file")
        if "\0" in given or not path.exists():
            if _ADDRESS.match(given):
                raise SourceUnreadable(given, "looks like an address; only local files are read")
            raise SourceNotFound(path, "no such file")
        if not path.is_file():
            raise SourceUnreadable(path, "is not a regular file")
        if path.stat().st_size == 0:
            raise SourceUnreadable(path, "the file is empty")
        with path.open("rb"):
            return
    except SourceNotFound:
        raise
    except PermissionError as error:
        raise SourceUnreadable(path, "cannot be read: permission denied") from error
    except OSError as error:
        raise SourceUnreadable(path, f"cannot be read: {error.strerror}") from error


class Decoder:
    """One open video stream. ``error_count`` counts damaged packets and frames, ``truncated`` is known at the end.

    Beyond ``limits.max_frames`` decoded frames the file counts as cut off.
    """

    def __init__(self, path: Path, threads: int, limits: DecodeLimits) -> None:
        self.path = path
        self.error_count = 0
        self.truncated = False
        self._frames_left = limits.max_frames
        self._container = _open_container(path, limits)
        try:
            self._stream = _pick_stream(path, self._container)
            _refuse_huge(path, self._stream, limits.max_pixels)
        except SourceUnreadable:
            self._container.close()
            raise
        self._stream.codec_context.options = {"max_pixels": str(limits.max_pixels)}
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = threads
        self._packets = 0
        self._end_pts: int | None = None
        self._jumped = False
        self._timeline = Timeline(self.time_base, self.rate)
        self._pictures = self._decode_all()

    @property
    def time_base(self) -> Fraction:
        """Seconds per tick of the stream's clock."""
        return self._stream.time_base or Fraction(1, 1_000_000)

    @property
    def rate(self) -> Fraction:
        """Nominal frames per second."""
        return self._stream.average_rate or self._stream.guessed_rate or _RATE_OF_RAW_STREAMS

    @property
    def declared_frames(self) -> int:
        """Frames as the container counts them; 0 where it does not say."""
        return int(self._stream.frames)

    @property
    def declared_duration_ns(self) -> int | None:
        """Length of the video stream as the container states it, or None."""
        if self._stream.duration is not None:
            return round(self._stream.duration * self.time_base * SECOND_NS)
        match = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", self._stream.metadata.get("DURATION", ""))
        if match is None:
            return None
        hours, minutes, seconds = match.groups()
        return round((int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)) * SECOND_NS)

    def next(self) -> Decoded | None:
        """The next decodable frame, or None at the end."""
        return next(self._pictures, None)

    def jump(self, t_ns: int, index: list[int]) -> None:
        """Go to a point from which the frame at a time can be decoded; ``index``: sorted timestamps of all packets."""
        try:
            self._container.seek(self._timeline.to_pts(t_ns), stream=self._stream, backward=True)
        except FFmpegError as error:
            raise SourceUnreadable(self.path, f"cannot seek: {error.strerror}") from error
        self._timeline.jump(index)
        self._jumped = True
        self._pictures = self._decode_all()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _decode_all(self) -> Iterator[Decoded]:
        for packet in self._demux():
            try:
                pictures = packet.decode() if packet is not None else self._stream.decode(None)
            except MemoryError as error:
                raise SourceUnreadable(self.path, NO_MEMORY) from error
            except FFmpegError:
                self.error_count += 1
                continue
            for picture in pictures:
                if picture.is_corrupt:
                    self.error_count += 1
                    continue
                if self._frames_left == 0:
                    self.truncated = True
                    _log.warning("%s: only so many frames are read as the limit allows", self.path)
                    return
                self._frames_left -= 1
                frame_id, t_ns = self._timeline.place(picture.pts if picture.pts is not None else picture.dts)
                yield Decoded(picture, frame_id, t_ns)
        self._report_end()

    def _demux(self) -> Iterator[Packet[VideoStream] | None]:
        """The stream's packets in file order, then one that flushes the decoder (None where the demuxer gave up)."""
        packets = self._container.demux(self._stream)
        failures = 0
        while failures < _MAX_DEMUX_FAILURES:
            try:
                for packet in packets:
                    self._note(packet)
                    yield packet
                return
            except FFmpegError:
                self.error_count += 1
                failures += 1
                packets = self._container.demux(self._stream)
        yield None

    def _note(self, packet: Packet[VideoStream]) -> None:
        pts = packet.pts if packet.pts is not None else packet.dts
        if packet.size == 0 or packet.is_discard:
            return
        self._packets += 1
        self._timeline.note_packet(pts)
        if pts is not None:
            self._end_pts = max(self._end_pts or pts, pts + (packet.duration or 0))

    def _report_end(self) -> None:
        if not self._jumped:
            self.truncated = self._ends_early()
        if self.truncated or self.error_count:
            cut = "the file is cut off" if self.truncated else "the file is damaged"
            _log.warning("%s: %s; packets or frames that could not be decoded: %d", self.path, cut, self.error_count)

    def _ends_early(self) -> bool:
        """Fewer packets than the container declares, where it declares them, and less time than it declares."""
        declared_ns = self.declared_duration_ns
        if declared_ns is None or self._end_pts is None or self._packets >= self.declared_frames > 0:
            return False
        slack_ns = SECOND_NS * 3 // 2 / self.rate if self.declared_frames else SECOND_NS // 2
        return self._timeline.to_ns(self._end_pts) < declared_ns - slack_ns


def to_bgr(path: Path, picture: VideoFrame) -> NDArray[np.uint8]:
    """Upright (height, width, 3) uint8 BGR pixels of a decoded frame, whatever its colour space and rotation.

    Raises ``SourceUnreadable`` where its pixel format cannot be converted.
    """
    try:
        # One thread: starting some for every picture costs more than they give.
        pixels = picture.reformat(format="bgr24", threads=1).to_ndarray()
    except MemoryError as error:
        raise SourceUnreadable(path, NO_MEMORY) from error
    except (FFmpegError, ValueError) as error:
        raise SourceUnreadable(path, f"its pictures ({picture.format.name}) cannot be converted") from error
    return orientation_of(picture).apply(np.asarray(pixels, dtype=np.uint8))


def orientation_of(picture: VideoFrame) -> Orientation:
    """How a decoded frame must be turned to stand upright."""
    matrix = picture.side_data.get("DISPLAYMATRIX")
    return from_display_matrix(bytes(matrix)) if isinstance(matrix, SideData) else Orientation()


def packet_timestamps(path: Path, limits: DecodeLimits) -> list[int]:
    """Sorted timestamps of all packets of the video stream, without decoding; empty where they are missing."""
    container = _open_container(path, limits)
    found: list[int] = []
    try:
        for packet in container.demux(_pick_stream(path, container)):
            pts = packet.pts if packet.pts is not None else packet.dts
            if packet.size and not packet.is_discard and pts is not None:
                found.append(pts)
    except FFmpegError as error:
        _log.warning("%s: packets after number %d cannot be read: %s", path, len(found), error.strerror)
    finally:
        container.close()
    return sorted(found)


def _open_container(path: Path, limits: DecodeLimits) -> InputContainer:
    """Open a local file; what it refers to may only be local too."""
    try:
        container = av.open(f"file:{path.resolve()}", metadata_errors="replace", options={"protocol_whitelist": "file"})
    except MemoryError as error:
        raise SourceUnreadable(path, NO_MEMORY) from error
    except FFmpegError as error:
        raise SourceUnreadable(path, f"is not a video file, or its end is missing ({error.strerror})") from error
    if _REFUSED_FORMATS & set(container.format.name.split(",")):
        container.close()
        raise SourceUnreadable(path, f"is not a video file (format {container.format.name})")
    if len(container.streams) > limits.max_streams:
        container.close()
        raise SourceUnreadable(path, f"holds more streams than the {limits.max_streams} allowed")
    return container


def _refuse_huge(path: Path, stream: VideoStream, max_pixels: int) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > max_pixels:
        raise SourceUnreadable(path, f"its {width} x {height} pixels per frame are more than the {max_pixels} allowed")


def _pick_stream(path: Path, container: InputContainer) -> VideoStream:
    """The first video stream that is not a cover picture."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    kind = "it holds only sound" if container.streams.audio else "it holds no pictures"
    raise SourceUnreadable(path, f"has no video stream: {kind}")
