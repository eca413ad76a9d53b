"""Messages over a pipe."""

import os

import pytest
from visualbase._lines import BrokenLineError, LineReader, send


def test_what_came_before_a_broken_line_is_handed_out():
    reading, writing = os.pipe()
    try:
        send(writing, {"frame": 1})
        os.write(writing, b"[1, 2]\n")
        reader = LineReader(reading)
        assert reader.next(1.0) == {"frame": 1}
        with pytest.raises(BrokenLineError, match="not an object"):
            reader.next(1.0)
    finally:
        os.close(reading)
        os.close(writing)
