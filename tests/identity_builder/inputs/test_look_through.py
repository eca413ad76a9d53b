"""Faces are looked at through vision.embed's own output, matched by box; what cannot be asked is None."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from vpx.sdk import Observation

from tests.identity_builder.core.strategies import unit_rows
from vpx_identity_builder.observations_vision import look_through
from vpx_vision_embed.types import FaceEmbedding, VisionEmbedOutput, offer_own

LEFT, RIGHT = (20.0, 20.0, 60.0, 70.0), (120.0, 20.0, 170.0, 80.0)
OWN = unit_rows(0, 4, 8)


def carrying(box: tuple[float, float, float, float]) -> FaceEmbedding:
    return FaceEmbedding(0, box, box, unit_rows(9, 1, 8)[0], None, None, False, "unchanged")


def offered(own: Any) -> dict[str, Observation]:
    """What vision.embed said of two faces, the right one first, with an answer to what is asked later."""
    output = VisionEmbedOutput([carrying(RIGHT), carrying(LEFT)])
    offer_own(output, own)
    return {"vision.embed": Observation("vision.embed", 0, 0, {}, output)}


def own_of(place: int) -> FaceEmbedding:
    return FaceEmbedding(0, LEFT, LEFT, OWN[place], OWN[place + 2], None, True, None)


def test_a_face_is_found_by_its_box() -> None:
    look = look_through(offered(own_of))
    for box, place in ((LEFT, 1), (RIGHT, 0), ((118.0, 22.0, 168.0, 81.0), 0)):
        found = look(box)
        assert found is not None
        np.testing.assert_allclose(found.face, OWN[place], atol=1e-6)
        np.testing.assert_allclose(found.body, OWN[place + 2], atol=1e-6)


def test_what_is_not_there_cannot_be_looked_at() -> None:
    elsewhere = (300.0, 20.0, 340.0, 70.0)
    plain = {"vision.embed": Observation("vision.embed", 0, 0, {}, {"faces": [{"bbox": LEFT}]})}
    for deps, box in (
        (offered(own_of), elsewhere),
        (plain, LEFT),
        ({}, LEFT),
        (None, LEFT),
        ({"vision.embed": 3}, LEFT),
    ):
        assert look_through(deps)(box) is None


def test_an_answer_that_is_none_or_nonsense_is_no_embedding() -> None:
    assert look_through(offered(lambda _place: None))(LEFT) is None
    empty = look_through(offered(lambda _place: SimpleNamespace(e_face=np.full(8, np.nan), e_body="no")))(LEFT)
    assert empty is not None
    assert (empty.face, empty.body) == (None, None)
