"""What each part of a face looks like, wherever the head is turned: the raw material for telling what covers it.

The mesh carries the picture onto one frontal layout, so that a cell of the grid always shows the same part of the
face: lips stay lips when the mouth opens or the head turns. Each cell is described by a convolutional network's
texture features. Two cells of one person that show skin agree; a hand, a microphone or a mask does not.
"""

from __future__ import annotations

from importlib import resources

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from vpx.face_detect.runtime import make_session
from vpx.sdk.weights import load_weights

GRAPH_KEY, DATA_KEY = "mobilenet_v3_small.onnx", "mobilenet_v3_small.onnx.data"
FEATURES = "add_421"
"""Tensor of the network that is read: 40 channels at stride 16, after which context outweighs place."""
CHANNELS = 40
GRID = 7
INPUT_PX = 16 * GRID
LATTICE = 12
"""The warp is computed at 12 x 12 points and interpolated between them."""
LATTICE_REACH = 0.12
"""Smallest neighbourhood, in eye distances, whose mesh points place one lattice point."""
LEAST_AREA = 0.3
"""A cell seen at less than this share of the face's median cell area is turned away: not described."""
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)
_ROWS, _COLUMNS = np.mgrid[0:GRID, 0:GRID]
FACE_CELLS = np.flatnonzero(((_COLUMNS - 3) / 2.9) ** 2 + ((_ROWS - 3) / 3.4) ** 2 <= 1.0)
"""Cells of the 7 x 7 grid that lie on the face and not on hair or background, row by row."""

Image = NDArray[np.uint8]
Array = NDArray[np.float32]


class FaceAppearance:
    """Describes the cells of faces. Not thread-safe; loads its weights when built (WeightsError if missing)."""

    def __init__(self, threads: int = 1) -> None:
        self._session = make_session(_trunk(load_weights(GRAPH_KEY), load_weights(DATA_KEY)), threads)
        with resources.files(__package__).joinpath("clear_face.npz").open("rb") as file:
            stored = np.load(file)
            self._placing = lattice_placing(stored["layout"].astype(np.float64))
            self._clear = unit_rows(stored["clear"].astype(np.float32))

    def run(self, frame_bgr: Image, mesh: NDArray[np.floating]) -> Array:
        """Describe one face of a (h, w, 3) uint8 frame by its (468, 3) mesh.

        Returns (31, 41) float32, one row per cell of `FACE_CELLS`: a unit vector of 40 channels and the cosine
        distance to the same cell of an average clear face. A cell that cannot be seen is all zero.
        """
        places = (self._placing @ np.asarray(mesh, np.float64)[:, :2]).reshape(LATTICE, LATTICE, 2)
        cells = self.cells(frontal(frame_bgr, places))
        oddness = 1.0 - np.sum(cells * self._clear, axis=1, keepdims=True)
        described = np.concatenate([cells, oddness], axis=1)
        described[~visible_cells(places, frame_bgr.shape[1], frame_bgr.shape[0])] = 0.0
        return described.astype(np.float32)

    def cells(self, picture: Image) -> Array:
        """Describe the cells of a frontal (112, 112, 3) picture: (31, 40) float32 unit rows."""
        rgb = (cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.float32) / 255.0 - _MEAN) / _STD
        (features,) = self._session.run([FEATURES], {"input": np.ascontiguousarray(rgb.transpose(2, 0, 1)[None])})
        return unit_rows(np.asarray(features, np.float32).reshape(CHANNELS, GRID * GRID).T[FACE_CELLS])


def unit_rows(rows: Array) -> Array:
    """Rows scaled to length 1."""
    scaled: Array = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-6)
    return scaled


def lattice_placing(layout: NDArray[np.float64]) -> NDArray[np.float64]:
    """(144, 468) weights that carry the lattice of the frontal layout to wherever a mesh's points lie.

    `layout` (468, 2) are the mesh points of a frontal face. Each lattice point follows the affine map that fits the
    mesh points around it, so points outside the face are placed too.
    """
    low, high = layout.min(axis=0), layout.max(axis=0)
    half = 1.05 * float((high - low).max()) / 2
    centre = (low + high) / 2
    steps = np.linspace(-half, half, LATTICE)
    lattice = np.stack(np.meshgrid(centre[0] + steps, centre[1] + steps), axis=-1).reshape(-1, 2)
    squared = ((lattice[:, None] - layout[None]) ** 2).sum(axis=2)
    reach = np.maximum(np.sqrt(np.sort(squared, axis=1)[:, 5]), LATTICE_REACH)[:, None]
    weights = np.exp(-squared / (2 * reach**2))
    points = np.column_stack([layout, np.ones(len(layout))])
    rows = []
    for place, weight in zip(lattice, weights, strict=True):
        weighted = (points * weight[:, None]).T
        inverse = np.linalg.solve(weighted @ points + 1e-3 * weight.sum() * np.diag([1.0, 1.0, 0.0]), weighted)
        rows.append(np.array([place[0], place[1], 1.0]) @ inverse)
    return np.array(rows)


def frontal(frame_bgr: Image, places: NDArray[np.float64]) -> Image:
    """The (112, 112, 3) uint8 frontal picture; `places` (12, 12, 2) are its lattice points in frame pixels."""
    low, high = np.floor(places.min(axis=(0, 1))).astype(int) - 2, np.ceil(places.max(axis=(0, 1))).astype(int) + 3
    height, width = frame_bgr.shape[:2]
    x1, y1 = (int(np.clip(low[0], 0, width - 1)), int(np.clip(low[1], 0, height - 1)))
    x2, y2 = (int(np.clip(high[0], x1 + 1, width)), int(np.clip(high[1], y1 + 1, height)))
    part = frame_bgr[y1:y2, x1:x2]
    span = float(np.linalg.norm(places[LATTICE // 2, -1] - places[LATTICE // 2, 0]))
    shrink = span / INPUT_PX
    if shrink > 1.25:
        part = np.asarray(cv2.GaussianBlur(part, (0, 0), 0.5 * (shrink - 1.0)), np.uint8)
    steps = np.linspace(0, LATTICE - 1, INPUT_PX, dtype=np.float32)
    across, down = np.meshgrid(steps, steps)
    local = (places - np.array([x1, y1])).astype(np.float32)
    where = cv2.remap(local, across, down, cv2.INTER_LINEAR)
    return np.asarray(
        cv2.remap(part, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def visible_cells(places: NDArray[np.float64], width: int, height: int) -> NDArray[np.bool_]:
    """(31,) whether a cell faces the camera and lies inside a frame of that size."""
    steps = np.linspace(0, LATTICE - 1, 2 * GRID + 1, dtype=np.float32)
    across, down = np.meshgrid(steps, steps)
    fine = cv2.remap(places.astype(np.float32), across, down, cv2.INTER_LINEAR)
    corners, centres = fine[::2, ::2], fine[1::2, 1::2]
    one, two = corners[1:, 1:] - corners[:-1, :-1], corners[1:, :-1] - corners[:-1, 1:]
    areas = ((one[..., 0] * two[..., 1] - one[..., 1] * two[..., 0]) / 2).reshape(-1)[FACE_CELLS]
    inside = ((centres >= 0) & (centres < np.array([width, height]))).all(axis=2).reshape(-1)[FACE_CELLS]
    seen: NDArray[np.bool_] = inside & (areas >= LEAST_AREA * np.median(areas)) & (areas > 0)
    return seen


def _trunk(graph: bytes, data: bytes) -> bytes:
    """The network up to `FEATURES`, for 112 px pictures, with its weights inside."""
    model = onnx.load_model_from_string(graph)
    producers = {name: node for node in model.graph.node for name in node.output}
    needed, pending = set[str](), [FEATURES]
    while pending:
        node = producers.get(pending.pop())
        if node is not None and node.output[0] not in needed:
            needed.add(node.output[0])
            pending.extend(node.input)
    nodes = [node for node in model.graph.node if node.output[0] in needed]
    used = {name for node in nodes for name in node.input}
    weights = [_inlined(tensor, data) for tensor in model.graph.initializer if tensor.name in used]
    shape = [1, 3, INPUT_PX, INPUT_PX]
    inputs = [helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info(FEATURES, onnx.TensorProto.FLOAT, [1, CHANNELS, GRID, GRID])]
    trunk = helper.make_model(
        helper.make_graph(nodes, "trunk", inputs, outputs, weights), opset_imports=model.opset_import
    )
    trunk.ir_version = model.ir_version
    content: bytes = trunk.SerializeToString()
    return content


def _inlined(tensor: onnx.TensorProto, data: bytes) -> onnx.TensorProto:
    """The tensor with its values inside, where they lie in the data file."""
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return tensor
    entry = {item.key: item.value for item in tensor.external_data}
    start = int(entry.get("offset", 0))
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    count = int(np.prod(tensor.dims)) if tensor.dims else 1
    values = np.frombuffer(data, dtype, count, start).reshape(tuple(tensor.dims))
    return numpy_helper.from_array(values, tensor.name)
