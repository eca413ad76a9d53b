"""What decoding one source may cost before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Bounds on one source; what is beyond them is an error or an early end, never an exhausted machine.

    ``max_pixels`` and ``max_photo_pixels`` bound one picture of a video and one photo, ``max_frames`` the frames that
    are read of a video (it counts as cut off there), ``max_streams`` the streams of a file. The others hold where
    decoding runs in a process of its own: ``stall_s`` seconds without a sign of progress, ``cpu_s`` seconds of
    processor time without progress, ``memory_mb`` MiB of address space beyond what the process takes before it opens
    the file.
    """

    stall_s: float = 60.0
    cpu_s: int = 120
    memory_mb: int = 3072
    max_pixels: int = 1 << 26
    max_photo_pixels: int = 1 << 28
    max_frames: int = 2_000_000
    max_streams: int = 64

    def __post_init__(self) -> None:
        wrong = [name for name in self.__slots__ if not getattr(self, name) > 0]
        if wrong:
            raise ValueError(f"limits must be above 0: {', '.join(wrong)}")
