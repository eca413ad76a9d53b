"""Shared fixtures: hand-written ONNX files (no onnx package needed), a models folder of our own, the bundled model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from visualbase import Frame
from vpx.sdk import Observation

from vpx_vision_embed.embedder import _sessions
from vpx_vision_embed.errors import WeightsError
from vpx_vision_embed.models import BUNDLED
from vpx_vision_embed.weights import locate

FAKE_KEY = "dinov2-vits14"


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def message(number: int, *parts: bytes | str) -> bytes:
    """One length-delimited protobuf field."""
    body = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return varint(number << 3 | 2) + varint(len(body)) + body


def number(field_number: int, value: int) -> bytes:
    return varint(field_number << 3) + varint(value)


def value_info(field_number: int, name: str, dims: tuple[int | str, ...]) -> bytes:
    shape = [message(1, number(1, dim) if isinstance(dim, int) else message(2, dim)) for dim in dims]
    return message(field_number, message(1, name), message(2, message(1, number(1, 1), message(2, *shape))))


def pooling_model(copies: int) -> bytes:
    """ONNX: (n, 3, 224, 224) → channel means, repeated `copies` times: (n, 3 · copies)."""

    def node(op: str, inputs: list[str], output: str, *attributes: bytes) -> bytes:
        return message(1, *(message(1, name) for name in inputs), message(2, output), message(4, op), *attributes)

    axis = message(5, message(1, "axis"), number(3, 1), number(20, 2))
    graph = message(
        7,
        node("GlobalAveragePool", ["input"], "pooled"),
        node("Flatten", ["pooled"], "flat"),
        node("Concat", ["flat"] * copies, "embedding", axis),
        message(2, "pooling"),
        value_info(11, "input", ("n", 3, 224, 224)),
        value_info(12, "embedding", ("n", 3 * copies)),
    )
    return number(1, 8) + message(8, message(1, ""), number(2, 13)) + graph


def model_with_external_data(location: str) -> bytes:
    """ONNX bytes whose only tensor lies in another file, inside a subgraph of a node's attribute."""
    tensor = message(13, message(1, "location"), message(2, location)) + number(14, 1)
    inner = message(5, message(1, "body"), message(6, message(5, tensor)))
    return number(1, 8) + message(7, message(1, message(4, "If"), inner))


@dataclass(frozen=True)
class OnnxFiles:
    pooling: Callable[[int], bytes] = pooling_model
    external: Callable[[str], bytes] = model_with_external_data


@pytest.fixture(autouse=True)
def no_sessions_of_others() -> Iterator[None]:
    """Tests of killed hosts leave shared sessions behind, as a killed process would take them along."""
    with patch.dict(_sessions, clear=True):
        yield


@pytest.fixture
def onnx_files() -> OnnxFiles:
    return OnnxFiles()


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder; `<models_dir>/vision` exists."""
    (tmp_path / "models" / "vision").mkdir(parents=True)
    monkeypatch.setenv("VPX_MODELS_DIR", str(tmp_path / "models"))
    return tmp_path / "models" / "vision"


@pytest.fixture
def fake_model(models_dir: Path) -> str:
    """A local file for the 384-dimensional row: channel means. Returns the row's key."""
    content = pooling_model(128)
    (models_dir / f"{FAKE_KEY}.onnx").write_bytes(content)
    (models_dir / f"{FAKE_KEY}.onnx.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  {FAKE_KEY}.onnx\n")
    return FAKE_KEY


@pytest.fixture
def bundled_path() -> Path:
    """The bundled model's verified file; skips where it was not pulled."""
    try:
        return locate(BUNDLED)
    except WeightsError:
        pytest.skip("the bundled model is not on this machine: run `vision-embed pull bundled`")


class AttrDict(dict[str, Any]):
    """What a JSON round trip makes of a dataclass: its fields as attributes, nothing else."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error


def json_like(value: Any) -> Any:
    """Dataclasses as AttrDict, tuples as lists; arrays stay."""
    if is_dataclass(value) and not isinstance(value, type):
        return AttrDict({item.name: json_like(getattr(value, item.name)) for item in fields(value)})
    if isinstance(value, dict):
        return AttrDict({str(key): json_like(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return [json_like(item) for item in value]
    return value


@dataclass
class TrackedFace:
    """The fields of a face in face.detect's `faces`: bbox xywh 0..1."""

    bbox: tuple[float, ...]
    face_id: int = 0


@dataclass
class PixelFace:
    """The fields of a face in `detected_faces`: bbox xywh px."""

    bbox: tuple[float, ...]


@dataclass
class FaceData:
    faces: list[TrackedFace] = field(default_factory=list)
    detected_faces: list[PixelFace] = field(default_factory=list)
    image_size: tuple[int, int] = (640, 360)


@dataclass
class PoseData:
    keypoints: list[dict[str, Any]] = field(default_factory=list)
    person_count: int = 0


@dataclass(frozen=True)
class Fakes:
    """Builders of other modules' outputs."""

    tracked: type[TrackedFace] = TrackedFace
    pixel: type[PixelFace] = PixelFace
    face_data: type[FaceData] = FaceData
    pose_data: type[PoseData] = PoseData
    json_like: Callable[[Any], Any] = json_like

    def observation(self, source: str, data: object) -> Observation:
        return Observation(source=source, frame_id=0, t_ns=0, data=data)

    def frame(self, t_ms: float = 0.0, width: int = 640, height: int = 360, seed: int = 0) -> Frame:
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        return Frame(data=pixels, frame_id=int(t_ms), t_src_ns=int(t_ms * 1e6), width=width, height=height)

    def body(self, nose: tuple[float, float], shoulder_width: float = 120.0, hips: bool = True) -> dict[str, Any]:
        """A person of body.pose, upright under the nose."""
        points = np.zeros((17, 3))
        x, y = nose
        points[0] = (x, y, 0.9)
        points[5] = (x + shoulder_width / 2, y + 70, 0.9)
        points[6] = (x - shoulder_width / 2, y + 70, 0.9)
        if hips:
            points[11] = (x + 40, y + 200, 0.8)
            points[12] = (x - 40, y + 200, 0.8)
        return {"person_id": 0, "keypoints": points.tolist(), "image_size": (640, 360)}


@pytest.fixture
def fakes() -> Fakes:
    return Fakes()
