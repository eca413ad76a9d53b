"""CenterFace: faces with five landmarks out of heatmaps at stride 4, through ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray

from vpx.face_detect.backend import Detections, FoundFace
from vpx.face_detect.boxes import suppress
from vpx.face_detect.runtime import make_session
from vpx.sdk.weights import load_weights

WEIGHTS_KEY = "centerface.onnx"
STRIDE = 4
SIDE_MULTIPLE = 32

# A picture smaller than det_size is enlarged at most this much: beyond it nothing new is seen.
_MAX_ENLARGE = 2.0
_MAX_IOU = 0.3
_MAX_INSIDE = 0.65

Maps = Sequence[NDArray[np.float32]]


class CenterFace:
    """The bundled detector. Loads its weights when built (WeightsError if they are missing)."""

    def __init__(self, det_size: int = 480, min_confidence: float = 0.5, threads: int = 2) -> None:
        self._det_size = det_size
        self._min_confidence = min_confidence
        self._session = make_session(with_dynamic_sides(load_weights(WEIGHTS_KEY)), threads)
        self._input = self._session.get_inputs()[0].name

    def detect(self, frame_bgr: NDArray[np.uint8]) -> Detections:
        """Find the faces of an (h, w, 3) picture; boxes and landmarks come back in its pixels."""
        height, width = frame_bgr.shape[:2]
        input_width, input_height = input_size(width, height, self._det_size)
        shrinking = input_width < width
        resized = cv2.resize(
            frame_bgr, (input_width, input_height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        )
        batch = cv2.cvtColor(resized, cv2.COLOR_BGR2RGB).astype(np.float32).transpose(2, 0, 1)[None]
        maps = self._session.run(None, {self._input: np.ascontiguousarray(batch)})
        return decode(maps, self._min_confidence, (width / input_width, height / input_height))


def input_size(width: int, height: int, det_size: int) -> tuple[int, int]:
    """Return the (width, height) that the network sees: longer side about `det_size`, both multiples of 32."""
    scale = min(det_size / max(width, height), _MAX_ENLARGE)
    sides = [max(SIDE_MULTIPLE, round(side * scale / SIDE_MULTIPLE) * SIDE_MULTIPLE) for side in (width, height)]
    return sides[0], sides[1]


def decode(maps: Maps, min_confidence: float, scale: tuple[float, float]) -> Detections:
    """Turn the four output maps of one picture into faces.

    `maps`: heatmap (1, 1, h, w), log size (1, 2, h, w) as height, width; offset (1, 2, h, w) as y, x; landmarks
    (1, 10, h, w) as five y, x pairs in units of the box. `scale` = source pixels per network pixel, (x, y).
    Candidates with a number that is not finite are dropped and counted.
    """
    heatmap, log_size, offset, shape = (np.asarray(values[0], np.float64) for values in maps)
    # Written as a negation, so that a NaN is a candidate and gets counted instead of vanishing.
    rows, columns = np.nonzero(~(heatmap[0] < min_confidence))
    scores = heatmap[0, rows, columns]
    with np.errstate(over="ignore", invalid="ignore"):
        sizes = np.exp(log_size[:, rows, columns]) * STRIDE
        center_y = (rows + offset[0, rows, columns] + 0.5) * STRIDE
        center_x = (columns + offset[1, rows, columns] + 0.5) * STRIDE
        low = np.stack([center_x - sizes[1] / 2, center_y - sizes[0] / 2], axis=1)
        high = np.stack([center_x + sizes[1] / 2, center_y + sizes[0] / 2], axis=1)
        pairs = shape[:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
        landmarks = low[:, None] + pairs * sizes[::-1].T[:, None]
    factor = np.asarray(scale)
    boxes = np.concatenate([low * factor, high * factor], axis=1)
    points = landmarks * factor
    finite = np.isfinite(scores) & np.isfinite(boxes).all(axis=1) & np.isfinite(points).all(axis=(1, 2))
    scores, boxes, points = scores[finite], boxes[finite], points[finite]
    kept = suppress(boxes, scores, _MAX_IOU, _MAX_INSIDE)
    faces = [FoundFace(boxes[index], points[index], float(min(scores[index], 1.0))) for index in kept]
    return Detections(faces, int((~finite).sum()))


def with_dynamic_sides(content: bytes) -> bytes:
    """Free the fixed 10×3×32×32 input of the published graph, and take the weights out of its inputs for folding."""
    model = onnx.load_model_from_string(content)
    weights = {item.name for item in model.graph.initializer}
    real_inputs = [item for item in model.graph.input if item.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(real_inputs)
    for value, names in (*((item, ("h", "w")) for item in model.graph.input), *_outputs(model)):
        dims = value.type.tensor_type.shape.dim
        dims[0].dim_param = "n"
        dims[2].dim_param, dims[3].dim_param = names
    return bytes(model.SerializeToString())


def _outputs(model: onnx.ModelProto) -> list[tuple[onnx.ValueInfoProto, tuple[str, str]]]:
    return [(item, ("map_h", "map_w")) for item in model.graph.output]
