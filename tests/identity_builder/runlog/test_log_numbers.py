"""Numbers in a log: what no build writes is refused, however it is spelt."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpx_identity_builder.runlog.codec import LARGEST_FLOAT, MalformedError, loads

LARGEST_WHOLE = 10**19


@given(st.one_of(st.integers(-(10**30), 10**30), st.floats()), st.sampled_from(["{:}", "{:e}", "{:E}", "{!r}"]))
def test_a_number_is_read_as_it_is_or_refused(number: float, spelling: str) -> None:
    text = json.dumps(number) if not math.isfinite(number) else spelling.format(number)
    value = json.loads(text)
    limit = LARGEST_WHOLE if isinstance(value, int) else LARGEST_FLOAT
    if math.isfinite(value) and abs(value) <= limit:
        assert loads(f'{{"t": [{text}, "x"]}}') == {"t": [value, "x"]}
    elif not math.isfinite(value) or isinstance(value, float) or abs(value) >= 10 * limit:
        with pytest.raises(MalformedError):
            loads(f'{{"t": [{text}, "x"]}}')


@pytest.mark.parametrize(
    "text", ["1e400", "-1e16", "1234567890123456789.0", "[0.5,-9999999999999999.5]", "NaN", "1" * 40]
)
def test_numbers_beyond_reason_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        loads(text)


@pytest.mark.parametrize(
    "text", ["1e-400", "0.12345678901234567890123", "1764000000000000000", "-0.0", "123456789012.25"]
)
def test_numbers_that_a_build_writes_are_read(text: str) -> None:
    assert loads(text) == json.loads(text)


@pytest.mark.parametrize("text", ['"\\ud800"', '{"pose": ["a\\uDFFFb"]}', '{"\\ud83d": 1}', '"\\ude00\\ud83d"'])
def test_half_a_character_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        loads(text)


@pytest.mark.parametrize("text", ['"\\ud83d\\ude00"', '"\\ud0d1\\uc2b9"', '"\\\\ud800"'])
def test_whole_characters_are_read(text: str) -> None:
    assert loads(text) == json.loads(text)
