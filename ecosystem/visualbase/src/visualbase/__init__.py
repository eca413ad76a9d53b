"""Frames and file sources: videos decoded by PyAV, images by OpenCV."""

from visualbase.base import BaseSource
from visualbase.errors import SourceError, SourceNotFound, SourceUnreadable
from visualbase.file_source import FileSource, open_video
from visualbase.frame import Frame
from visualbase.image_source import ImageSource
from visualbase.isolated import IsolatedSource, isolated_source_for
from visualbase.limits import DecodeLimits
from visualbase.opening import is_images, source_for
from visualbase.sampling import SampleClock, sample

__all__ = [
    "BaseSource",
    "DecodeLimits",
    "FileSource",
    "Frame",
    "ImageSource",
    "IsolatedSource",
    "SampleClock",
    "SourceError",
    "SourceNotFound",
    "SourceUnreadable",
    "is_images",
    "isolated_source_for",
    "open_video",
    "sample",
    "source_for",
]
