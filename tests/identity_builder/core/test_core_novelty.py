from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpx_identity_builder.core.cast import Rider, new_rider
from vpx_identity_builder.core.config import Config, NoveltyScale
from vpx_identity_builder.core.novelty import NOTHING_SAVED, distance_to_nearest, dual_novelty
from vpx_identity_builder.core.offer import Scales, consider

from .strategies import seeds, unit_rows
from .test_core_tracks import model_of
from .world import DLIB, Look, World

FACE, BODY = NoveltyScale(0.2, 0.08), NoveltyScale(0.1, 0.04)


@settings(max_examples=40)
@given(seeds, st.integers(2, 12))
def test_novelty_is_the_formula_of_the_document(seed: int, count: int) -> None:
    rows = unit_rows(seed, count, 16)
    vector, saved = rows[0], list(rows[1:])
    naive = min(1 - float(np.dot(vector, other)) for other in saved)
    assert dual_novelty(vector, None, saved, [], FACE, BODY) == pytest.approx(max(0.0, naive), abs=1e-6)


@settings(max_examples=40)
@given(seeds, st.integers(1, 6), st.integers(1, 6))
def test_dual_novelty_is_the_larger_in_units_of_its_own_threshold(seed: int, faces: int, bodies: int) -> None:
    face, body = unit_rows(seed, faces + 1, 12), unit_rows(seed + 1, bodies + 1, 20)
    result = dual_novelty(face[0], body[0], list(face[1:]), list(body[1:]), FACE, BODY)
    face_part = min(1 - float(face[0] @ other) for other in face[1:]) / FACE.threshold
    body_part = min(1 - float(body[0] @ other) for other in body[1:]) / BODY.threshold
    assert result / FACE.threshold == pytest.approx(max(face_part, body_part), abs=1e-4)


def test_the_first_image_is_new_and_a_repetition_is_not() -> None:
    (vector,) = unit_rows(1, 1, 8)
    assert dual_novelty(vector, None, [], [], FACE, BODY) == NOTHING_SAVED
    assert dual_novelty(None, None, [vector], [vector], FACE, BODY) == NOTHING_SAVED
    assert dual_novelty(vector, None, [vector], [], FACE, BODY) == pytest.approx(0.0, abs=1e-6)
    assert dual_novelty(None, vector, [], [vector], FACE, BODY) == pytest.approx(0.0, abs=1e-6)


def test_embeddings_of_another_dimension_are_not_compared() -> None:
    vector, other = unit_rows(1, 1, 8)[0], unit_rows(1, 1, 9)[0]
    assert distance_to_nearest(vector, [other]) is None
    assert distance_to_nearest(vector, [other, vector]) == pytest.approx(0.0, abs=1e-6)


def test_a_face_whose_embedding_was_left_out_inherits_the_last_novelty() -> None:
    config, world = Config(), World(DLIB)
    face = replace(world.face(0, 0, look=Look()).face, e_vis_face=None, e_vis_body=None)
    rider = replace(new_rider(0, 0, config), recent_novelty=(0.5, 0.03))
    scales = Scales(model_of(DLIB), FACE, BODY)

    def after(rider: Rider) -> tuple[float, ...]:
        return consider(rider, face, face.bbox, [face], scales, config).recent_novelty

    assert after(rider) == (0.5, 0.03, 0.03)
    assert after(new_rider(0, 0, config)) == (NOTHING_SAVED,)
