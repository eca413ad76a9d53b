"""The converted pose model gives what TensorFlow.js gives.

`REFERENCE` was computed once by running the original graph with TensorFlow.js (CPU backend) on the generated picture.
"""

from __future__ import annotations

import cv2
import numpy as np
import onnxruntime as ort
import pytest
from vpx.body_pose.convert import convert
from vpx.sdk.weights import WeightsError, load_weights

TOLERANCE = 1e-4
REFERENCE = np.array(
    [
        [0.2953, 0.5095, 0.1228],
        [0.2755, 0.5335, 0.1045],
        [0.2753, 0.4860, 0.0923],
        [0.2834, 0.5417, 0.1250],
        [0.2690, 0.4470, 0.0899],
        [0.3207, 0.5652, 0.0942],
        [0.3233, 0.4212, 0.0831],
        [0.3666, 0.5711, 0.0768],
        [0.3848, 0.3893, 0.0890],
        [0.4184, 0.5485, 0.0611],
        [0.4103, 0.3933, 0.1076],
        [0.4889, 0.5271, 0.1362],
        [0.4920, 0.4360, 0.0950],
        [0.6562, 0.5203, 0.1055],
        [0.6624, 0.4315, 0.0849],
        [0.8265, 0.5019, 0.0514],
        [0.8049, 0.4184, 0.0726],
    ]
)


def _generated_picture() -> np.ndarray:
    """(192, 192, 3) uint8 RGB: a pattern with a head-like ellipse over a trunk-like block."""
    y, x, channel = np.mgrid[0:192, 0:192, 0:3]
    picture = ((x * 3 + y * 5 + channel * 40 + (x * y) // 50) % 256).astype(np.uint8)
    cv2.ellipse(picture, (96, 60), (22, 30), 0, 0, 360, (205, 170, 150), -1)
    cv2.rectangle(picture, (50, 100), (142, 191), (60, 80, 160), -1)
    return picture


@pytest.mark.real
def test_same_points_as_the_original_runtime() -> None:
    try:
        content = convert(load_weights("movenet-lightning.json"), load_weights("movenet-lightning.bin"))
    except WeightsError as error:
        pytest.skip(str(error))
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    points = session.run(None, {"input": _generated_picture().astype(np.int32)[None]})[0].reshape(17, 3)
    np.testing.assert_allclose(points, REFERENCE, atol=TOLERANCE)
