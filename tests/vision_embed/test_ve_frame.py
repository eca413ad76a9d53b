"""`VisionEmbedder.embed_frame`: one frame's faces and bodies without the analyzer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vpx_vision_embed import CropError, VisionEmbedder
from vpx_vision_embed.crops import cut_square

FACES = [(100.0, 80.0, 160.0, 160.0), (400.0, 100.0, 490.0, 200.0), (900.0, 10.0, 950.0, 60.0)]


def test_faces_and_bodies_of_a_frame_come_back_in_order(fake_model: str, fakes: Any) -> None:
    frame = fakes.frame().data
    pose = np.asarray(fakes.body((445, 150))["keypoints"])
    with VisionEmbedder(fake_model) as embedder:
        output = embedder.embed_frame(frame, FACES, [pose])
        square = output.faces[0].crop_box
        alone = embedder.embed([cut_square(frame, square)[0]])[0]

    assert [face.bbox for face in output.faces] == FACES
    assert [face.reason for face in output.faces] == [None, None, "outside_frame"]
    assert [face.body_source for face in output.faces] == ["face", "pose", None]
    assert output.faces[2].e_face is None
    np.testing.assert_allclose(output.faces[0].e_face, alone, atol=1e-6)
    for face in output.faces[:2]:
        assert face.embedded
        assert face.body_embedded
        assert float(np.linalg.norm(face.e_face)) == pytest.approx(1.0, abs=1e-6)
        assert float(np.linalg.norm(face.e_body)) == pytest.approx(1.0, abs=1e-6)
    assert (output.face_model, output.face_dim, output.body_dim) == ("dinov2-vits14-v1", 384, 384)


def test_a_frame_without_faces_has_no_entries(fake_model: str, fakes: Any) -> None:
    with VisionEmbedder(fake_model) as embedder:
        assert embedder.embed_frame(fakes.frame().data, []).faces == []


def test_anything_but_a_frame_and_poses_is_refused(fake_model: str, fakes: Any) -> None:
    with VisionEmbedder(fake_model) as embedder:
        with pytest.raises(CropError, match="expected uint8"):
            embedder.embed_frame(np.zeros((4, 4, 3)), FACES)  # type: ignore[arg-type]
        with pytest.raises(CropError, match=r"pose 0: expected shape \(17, 3\)"):
            embedder.embed_frame(fakes.frame().data, FACES, [np.zeros((3, 3))])
