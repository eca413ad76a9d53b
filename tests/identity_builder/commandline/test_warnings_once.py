"""What a note of the build tells in plain words is not warned of as well, and no message of others is touched."""

from __future__ import annotations

import logging

import pytest

from vpx_identity_builder.commands.edge import TOLD_BY_NOTES, _is_told_by_notes


def record(name: str, message: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, __file__, 1, message, values, None)


@pytest.mark.parametrize("message", [("%s", f"a.mp4: {TOLD_BY_NOTES}: 3"), (f"%s: {TOLD_BY_NOTES}: %d", "a.mp4", 3)])
def test_what_a_note_tells_is_not_warned_of_as_well(message: tuple[str, object]) -> None:
    assert _is_told_by_notes(record("visualbase.isolated", *message))
    assert not _is_told_by_notes(record("somebody.else", *message))
    assert not _is_told_by_notes(record("visualbase.isolated", "something else"))


def test_a_message_of_others_that_cannot_be_put_together_breaks_nothing() -> None:
    assert not _is_told_by_notes(record("somebody.else", "%d", "two"))
