"""Videos from local files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TypeVar

from visualbase._decoder import Decoded, Decoder, check_file, orientation_of, packet_timestamps, to_bgr
from visualbase.base import BaseSource
from visualbase.errors import SourceError, SourceUnreadable
from visualbase.frame import Frame
from visualbase.limits import DecodeLimits
from visualbase.sampling import SECOND_NS, parse_fps, sample

_T = TypeVar("_T")


class FileSource(BaseSource):
    """Upright frames of a local video file.

    ``Frame.frame_id`` is the frame's number in the file, ``Frame.t_src_ns`` its timestamp relative to the first frame.
    A damaged file gives what can be decoded: ``error_count`` counts what could not, ``truncated`` tells at the end that
    the file is shorter than it says, and a warning is logged. ``threads`` is the number of decoder threads; of the
    ``limits`` those on frames, pixels and streams hold here.

    Raises ``SourceNotFound`` or ``SourceUnreadable`` from ``open`` and from the properties that need the file.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int = 2, limits: DecodeLimits | None = None) -> None:
        self._path = Path(path)
        self._given = os.fspath(path)
        self._threads = threads
        self._limits = DecodeLimits() if limits is None else limits
        self._decoder: Decoder | None = None
        self._pending: Decoded | None = None
        self._current: Decoded | None = None
        self._size: tuple[int, int] | None = None
        self._counted: int | None = None
        self._index: list[int] | None = None
        self._damage = (0, False)

    @property
    def path(self) -> Path:
        """The path as it was given."""
        return self._path

    @property
    def fps(self) -> float:
        """Nominal frames per second (the average where the rate varies)."""
        return float(self._probed(lambda decoder: decoder.rate))

    @property
    def width(self) -> int:
        """Width of the first upright frame in pixels."""
        return self._first_size()[0]

    @property
    def height(self) -> int:
        """Height of the first upright frame in pixels."""
        return self._first_size()[1]

    @property
    def frame_count(self) -> int:
        """Number of frames as the file declares it; counted once (without decoding) where it does not."""
        if self._counted is None:
            declared = self._probed(lambda decoder: decoder.declared_frames)
            self._counted = (
                declared or len(packet_timestamps(self._checked(), self._limits)) or self._count_by_decoding()
            )
        return self._counted

    @property
    def duration_sec(self) -> float:
        """Length in seconds as the file declares it, else frame count by rate."""
        declared = self._probed(lambda decoder: decoder.declared_duration_ns)
        return declared / SECOND_NS if declared else self.frame_count / self.fps

    @property
    def time_tolerance_ns(self) -> int:
        """Half a tick of the file's clock, in ns."""
        return round(self._probed(lambda decoder: decoder.time_base) * SECOND_NS / 2) + 1

    @property
    def error_count(self) -> int:
        """Packets and frames that could not be decoded so far."""
        return self._decoder.error_count if self._decoder is not None else self._damage[0]

    @property
    def truncated(self) -> bool:
        """True once the end was reached earlier than the file declares."""
        return self._decoder.truncated if self._decoder is not None else self._damage[1]

    def open(self) -> None:
        """Start at the first frame, which is decoded at once, so that an unreadable file is known here."""
        self.close()
        decoder = Decoder(self._checked(), self._threads, self._limits)
        first = decoder.next()
        if first is None:
            decoder.close()
            raise SourceUnreadable(self._path, "no frame can be decoded")
        picture = first.picture
        self._size = orientation_of(picture).size(picture.width, picture.height)
        self._decoder, self._pending, self._current = decoder, first, None

    def grab(self) -> int | None:
        """Move to the next frame; its time in ns since the first frame, or None at the end."""
        decoder = self._opened()
        self._current = self._pending if self._pending is not None else decoder.next()
        self._pending = None
        return None if self._current is None else self._current.t_ns

    def retrieve(self) -> Frame:
        """The frame that ``grab`` moved to, converted to BGR."""
        return self.hold()()

    def hold(self) -> Callable[[], Frame]:
        """The frame that ``grab`` moved to, to be converted later."""
        if self._current is None:
            raise SourceError(self._path, "there is no current frame; grab() one first")
        return partial(_as_frame, self._path, self._current)

    def seek(self, t_ns: int) -> None:
        """Go to the first frame at or after a time (ns since the first frame); past the end nothing is left to read."""
        decoder = self._opened()
        self._current = None
        if self._index is None:
            self._index = packet_timestamps(self._checked(), self._limits)
        if self._index:
            decoder.jump(max(0, t_ns), self._index)
            self._pending = decoder.next()
        if not self._index or self._pending is None or self._pending.t_ns > t_ns:
            self.open()  # no timestamps, or a container that lands behind the target: decode from the start
            decoder = self._opened()
        while self._pending is not None and self._pending.t_ns < t_ns:
            self._pending = decoder.next()

    def close(self) -> None:
        """Let go of the file; ``error_count`` and ``truncated`` stay."""
        if self._decoder is not None:
            self._damage = (self._decoder.error_count, self._decoder.truncated)
            self._decoder.close()
        self._decoder = self._pending = self._current = None

    def _checked(self) -> Path:
        check_file(self._path, self._given)
        return self._path

    def _opened(self) -> Decoder:
        if self._decoder is None:
            raise SourceError(self._path, "the source is not open")
        return self._decoder

    def _probed(self, look: Callable[[Decoder], _T]) -> _T:
        """Ask the open decoder, or a short-lived one."""
        if self._decoder is not None:
            return look(self._decoder)
        decoder = Decoder(self._checked(), self._threads, self._limits)
        try:
            return look(decoder)
        finally:
            decoder.close()

    def _first_size(self) -> tuple[int, int]:
        if self._size is None:
            with FileSource(self._path, self._threads, self._limits) as probe:
                self._size = probe._size
        if self._size is None:
            raise SourceUnreadable(self._path, "no frame can be decoded")
        return self._size

    def _count_by_decoding(self) -> int:
        with FileSource(self._path, self._threads, self._limits) as probe:
            count = 0
            while probe.grab() is not None:
                count += 1
        return count


def _as_frame(path: Path, decoded: Decoded) -> Frame:
    return Frame.from_array(to_bgr(path, decoded.picture), decoded.frame_id, decoded.t_ns)


def open_video(
    path: str | os.PathLike[str], fps: float | Fraction | None = None
) -> tuple[Iterator[Frame], Callable[[], None]]:
    """Open a video and sample it: an iterator of frames, and the function that closes the file.

    With ``fps``, the times k/fps after the first frame are sampled, each by the first frame at or after it (see
    ``SampleClock``). Raises ``SourceError`` for the file and ``ValueError`` for the rate, both before the first frame.
    """
    rate = None if fps is None else parse_fps(fps)
    source = FileSource(path)
    source.open()
    return sample(source, rate), source.close
