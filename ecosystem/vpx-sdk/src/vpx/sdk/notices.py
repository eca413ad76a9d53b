"""Keeping chatter of native libraries off standard error, without losing what else they say."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_log = logging.getLogger(__name__)
_STDERR = 2

XNNPACK_NOTICE = "INFO: Created TensorFlow Lite XNNPACK delegate"
"""What LiteRT says once per process; it has no setting for it."""


@contextmanager
def logged_instead(*beginnings: str) -> Iterator[None]:
    """Within the block, lines on standard error that begin so go to the log at DEBUG; all others come out at its end.

    For libraries whose own logging cannot be configured. It works on the file descriptor, so it holds for native code
    and for all threads; keep the block short. Does nothing where there is no standard error.
    """
    try:
        saved = os.dup(_STDERR)
    except OSError:
        yield
        return
    with tempfile.TemporaryFile() as caught:
        _flush()
        os.dup2(caught.fileno(), _STDERR)
        try:
            yield
        finally:
            _flush()
            os.dup2(saved, _STDERR)
            os.close(saved)
            caught.seek(0)
            for line in caught:
                text = line.decode(errors="replace")
                if text.startswith(beginnings):
                    _log.debug("%s", text.rstrip())
                else:
                    with suppress(OSError):  # nobody may be reading any more
                        os.write(_STDERR, line)


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
