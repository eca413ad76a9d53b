"""The pose model: one square of the frame in, 17 points out. The only file that runs inference."""

from __future__ import annotations

import os

import cv2
import numpy as np
import numpy.typing as npt

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the library is loaded: it would leave an id in the home

import onnxruntime as ort

from vpx.body_pose.convert import convert
from vpx.body_pose.crops import Square
from vpx.sdk.weights import load_weights

INPUT_PX = 192
KEYPOINTS = 17
DOCUMENT_KEY = "movenet-lightning.json"
WEIGHTS_KEY = "movenet-lightning.bin"


class MoveNet:
    """MoveNet SinglePose Lightning through ONNX Runtime on the CPU. Thread-safe after construction."""

    def __init__(self, threads: int) -> None:
        """Errors: `WeightsError` when the files are absent or wrong, `GraphError` when they cannot be converted."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        model = convert(load_weights(DOCUMENT_KEY), load_weights(WEIGHTS_KEY))
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, frame_bgr: npt.NDArray[np.uint8], square: Square) -> npt.NDArray[np.float64]:
        """(17, 3) points [x, y, confidence]; x, y in source pixels, also outside the frame."""
        picture = cv2.warpAffine(frame_bgr, square.to_input(INPUT_PX), (INPUT_PX, INPUT_PX), flags=cv2.INTER_LINEAR)
        batch = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.int32)[None]
        raw = self._session.run(None, {self._input: batch})[0].reshape(KEYPOINTS, 3)
        return np.column_stack([square.to_frame(raw[:, [1, 0]]), raw[:, 2]])
