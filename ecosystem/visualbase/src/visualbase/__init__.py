"""Frames and file sources: videos decoded by PyAV, images by OpenCV."""

from visualbase.base import BaseSource
from visualbase.errors import SourceError, SourceNotFound, SourceUnreadable
from visualbase.file_source import FileSource, open_video
from visualbase.frame import Frame
from visualbase.image_source import ImageSource
from visualbase.opening import source_for
from visualbase.sampling import SampleClock, sample

__all__ = [
    "BaseSource",
    "FileSource",
    "Frame",
    "ImageSource",
    "SampleClock",
    "SourceError",
    "SourceNotFound",
    "SourceUnreadable",
    "open_video",
    "sample",
    "source_for",
]
