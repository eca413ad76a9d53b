"""The eye model: a 64-pixel picture of one eye in, outline of the lids and iris out. The only inference here."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from vpx.face_expression.geometry import CONTOUR_POINTS, EYE_LEFT, EYE_RIGHT, eye_transform
from vpx.sdk.notices import XNNPACK_NOTICE, logged_instead
from vpx.sdk.weights import load_weights

WEIGHTS_KEY = "iris_landmark.tflite"
INPUT_PX = 64
_CONTOUR_VALUES, _IRIS_VALUES = 213, 15


class Eye(NamedTuple):
    """One eye in pixels of its picture: lid outline (16, 2) and iris centre (2,)."""

    contour: npt.NDArray[np.float64]
    iris: npt.NDArray[np.float64]


class EyeContour:
    """Runs the iris graph on one eye at a time. Not thread-safe; loads its weights when built (`WeightsError`)."""

    def __init__(self, threads: int = 1) -> None:
        self._content = load_weights(WEIGHTS_KEY)
        with logged_instead(XNNPACK_NOTICE):
            self._interpreter = Interpreter(model_content=self._content, num_threads=threads)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = self._interpreter.get_output_details()
        places = {int(np.prod(o["shape"])): o["index"] for o in outputs}
        self._contour, self._iris = places[_CONTOUR_VALUES], places[_IRIS_VALUES]

    def run(self, frame_bgr: npt.NDArray[np.uint8], mesh: npt.NDArray[np.floating], image_left: bool) -> Eye:
        """One eye of a face; the eye on the image's right is shown mirrored.

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
        iris = self._interpreter.get_tensor(self._iris).reshape(-1, 3)[0, :2]
        return Eye(np.asarray(points, np.float64), np.asarray(iris, np.float64))
