"""The eye-contour model: a 64-pixel picture of one eye in, the outline of its lids out. The only inference here."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from vpx.face_expression.geometry import CONTOUR_POINTS, EYE_LEFT, EYE_RIGHT, eye_transform
from vpx.sdk.weights import load_weights

WEIGHTS_KEY = "iris_landmark.tflite"
INPUT_PX = 64
_CONTOUR_VALUES = 213


class EyeContour:
    """Runs the iris graph on one eye at a time. Not thread-safe; loads its weights when built (`WeightsError`)."""

    def __init__(self, threads: int = 1) -> None:
        self._content = load_weights(WEIGHTS_KEY)
        self._interpreter = Interpreter(model_content=self._content, num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = self._interpreter.get_output_details()
        self._contour = next(o["index"] for o in outputs if int(np.prod(o["shape"])) == _CONTOUR_VALUES)

    def run(
        self, frame_bgr: npt.NDArray[np.uint8], mesh: npt.NDArray[np.floating], image_left: bool
    ) -> npt.NDArray[np.float64]:
        """(16, 2) lid outline in pixels of the eye's picture; the eye on the image's right is shown mirrored.

        Errors: ValueError where the mesh gives the eye no extent.
        """
        corners = EYE_LEFT if image_left else EYE_RIGHT
        transform = eye_transform(mesh, corners, INPUT_PX, mirror=not image_left)
        picture = cv2.warpAffine(
            frame_bgr, transform, (INPUT_PX, INPUT_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        batch = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.float32)[None] / np.float32(255)
        self._interpreter.set_tensor(self._input, batch)
        self._interpreter.invoke()
        points = self._interpreter.get_tensor(self._contour).reshape(-1, 3)[:CONTOUR_POINTS, :2]
        return np.asarray(points, np.float64)
