"""Frames and file sources, decoded by PyAV."""

from visualbase.frame import Frame

__all__ = ["Frame"]
